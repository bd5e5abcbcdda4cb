package ui

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sahilm/fuzzy"

	"midwatch/themes"
)

// Filter is what a person typed after "/": terms that all must match. A term is a text that must
// occur, without regard to case unless it has a capital; "!term" must not occur; "~term" matches
// fuzzily; "column:term" looks in one column only.
type Filter struct {
	Text  string
	terms []term
}

type term struct {
	text   string
	column string // "" for all
	not    bool
	fuzzy  bool
	exact  bool // regard case
}

// ParseFilter reads a filter; columns are the names that may stand before a colon.
func ParseFilter(text string, columns []string) Filter {
	f := Filter{Text: text}
	for _, w := range strings.Fields(text) {
		var t term
		if rest, ok := strings.CutPrefix(w, "!"); ok {
			t.not, w = true, rest
		}
		if name, rest, ok := strings.Cut(w, ":"); ok && slices.Contains(columns, name) {
			t.column, w = name, rest
		}
		if rest, ok := strings.CutPrefix(w, "~"); ok {
			t.fuzzy, w = true, rest
		}
		if w == "" {
			continue
		}
		t.exact = strings.ContainsFunc(w, unicode.IsUpper)
		t.text = w
		if !t.exact {
			t.text = strings.ToLower(w)
		}
		f.terms = append(f.terms, t)
	}
	return f
}

// Empty reports a filter that lets everything pass.
func (f Filter) Empty() bool { return len(f.terms) == 0 }

// Match reports whether the fields of a row, by column, pass.
func (f Filter) Match(fields []Field) bool {
	for _, t := range f.terms {
		found := false
		for _, fd := range fields {
			if (t.column == "" || t.column == fd.Column) && t.match(fd.Text) {
				found = true
				break
			}
		}
		if found == t.not {
			return false
		}
	}
	return true
}

// Field is the text of one column of a row.
type Field struct{ Column, Text string }

func (t term) match(s string) bool {
	if t.fuzzy {
		return len(fuzzy.FindNoSort(t.text, []string{s})) > 0
	}
	if t.exact {
		return strings.Contains(s, t.text)
	}
	return strings.Contains(strings.ToLower(s), t.text)
}

// Spans returns the byte ranges of s that the filter matched in a column, in order and apart.
func (f Filter) Spans(column, s string) [][2]int {
	var out [][2]int
	for _, t := range f.terms {
		if t.not || t.column != "" && t.column != column {
			continue
		}
		out = append(out, t.spans(s)...)
	}
	if len(out) < 2 {
		return out
	}
	slices.SortFunc(out, func(a, b [2]int) int { return a[0] - b[0] })
	merged := out[:1]
	for _, r := range out[1:] {
		if last := &merged[len(merged)-1]; r[0] <= last[1] {
			last[1] = max(last[1], r[1])
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

func (t term) spans(s string) [][2]int {
	if t.fuzzy {
		m := fuzzy.FindNoSort(t.text, []string{s})
		if len(m) == 0 {
			return nil
		}
		return IndexSpans(s, m[0].MatchedIndexes)
	}
	hay := s
	if !t.exact {
		hay = strings.ToLower(s)
		if len(hay) != len(s) { // a letter whose lower case has another length: positions would lie
			return nil
		}
	}
	var out [][2]int
	for from := 0; ; {
		i := strings.Index(hay[from:], t.text)
		if i < 0 {
			return out
		}
		out = append(out, [2]int{from + i, from + i + len(t.text)})
		from += i + len(t.text)
	}
}

// IndexSpans turns the byte indexes of single characters that a fuzzy match gives into ranges.
func IndexSpans(s string, idx []int) [][2]int {
	var out [][2]int
	for _, i := range idx {
		if i < 0 || i >= len(s) {
			continue
		}
		n := 1
		for i+n < len(s) && s[i+n]&0xc0 == 0x80 {
			n++
		}
		if k := len(out) - 1; k >= 0 && out[k][1] == i {
			out[k][1] = i + n
			continue
		}
		out = append(out, [2]int{i, i + n})
	}
	return out
}

// Highlight renders s in role with the ranges of spans as matches. Ranges beyond s are ignored.
func Highlight(p *themes.Palette, role themes.Role, s string, spans [][2]int) string {
	if len(spans) == 0 {
		return p.Render(role, s)
	}
	var b strings.Builder
	at := 0
	for _, r := range spans {
		if r[0] < at || r[1] > len(s) {
			continue
		}
		b.WriteString(p.Render(role, s[at:r[0]]))
		b.WriteString(p.Render(themes.Match, s[r[0]:r[1]]))
		at = r[1]
	}
	b.WriteString(p.Render(role, s[at:]))
	return b.String()
}
