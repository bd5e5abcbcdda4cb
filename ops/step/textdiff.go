package step

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// maxDiff is how much of a diff a plan shows, in lines.
const maxDiff = 2000

// textDiff is the unified difference of two texts, with how many lines it adds and takes away. What is not
// text has no diff.
func textDiff(title, old, new string) (d Detail, added, removed int) {
	d = Detail{Title: title, Diff: true}
	if !isText(old) || !isText(new) {
		d.Diff = false
		d.Text = fmt.Sprintf("not text: %d bytes before, %d after", len(old), len(new))
		return d, 0, 0
	}
	unified, err := udiff.ToUnified("before", "after", old, lineEdits(old, new), udiff.DefaultContextLines)
	if err != nil {
		d.Diff, d.Text = false, "no diff: "+err.Error()
		return d, 0, 0
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(unified, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			if len(lines) < 2 {
				continue
			}
		}
		switch {
		case strings.HasPrefix(line, "+"):
			added++
		case strings.HasPrefix(line, "-"):
			removed++
		}
		lines = append(lines, hosts.CleanLine(line))
	}
	if n := len(lines); n > maxDiff {
		lines = append(lines[:maxDiff], fmt.Sprintf(" … %d more lines", n-maxDiff))
	}
	d.Text = strings.Join(lines, "\n")
	return d, added, removed
}

// isText reports what can be shown as lines.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// lineEdits are the edits that make new of old, in whole lines. The library compares characters, and splits
// lines where it finds equal ones inside of them; so each line becomes a character of its own first.
func lineEdits(old, new string) []udiff.Edit {
	const width = 4 // bytes of each character from U+10000 on
	from, to := strings.SplitAfter(old, "\n"), strings.SplitAfter(new, "\n")
	known := map[string]rune{}
	var words []string
	encode := func(lines []string) string {
		var b strings.Builder
		for _, l := range lines {
			if l == "" {
				continue
			}
			r, ok := known[l]
			if !ok {
				r = rune(0x10000 + len(words))
				known[l], words = r, append(words, l)
			}
			b.WriteRune(r)
		}
		return b.String()
	}
	a, b := encode(from), encode(to)
	if 0x10000+len(words) > utf8.MaxRune { // more lines than characters
		return udiff.Strings(old, new)
	}
	at := make([]int, len(from)+1) // where each line begins
	for i, l := range from {
		at[i+1] = at[i] + len(l)
	}
	edits := udiff.Strings(a, b)
	for i, e := range edits {
		var text strings.Builder
		for _, r := range e.New {
			text.WriteString(words[r-0x10000])
		}
		edits[i] = udiff.Edit{Start: at[e.Start/width], End: at[e.End/width], New: text.String()}
	}
	return edits
}

// maskedDiff is textDiff of a file whose lines may hold secrets, changed ones and those around: what is secret by
// its shape or its name is masked, and counted all the same.
func maskedDiff(title, old, new string) (d Detail, added, removed int) {
	_, added, removed = textDiff(title, old, new)
	d, _, _ = textDiff(title, maskLines(old), maskLines(new))
	return d, added, removed
}

// setting is a line of YAML that gives a name a value.
var setting = regexp.MustCompile(`^(\s*(?:- +)?["']?([A-Za-z0-9_.-]+)["']?\s*:\s+)(\S.*)$`)

func maskLines(text string) string {
	lines := strings.Split(redact.Text(text), "\n")
	for i, l := range lines {
		if m := setting.FindStringSubmatch(l); m != nil && redact.Name(m[2]) {
			lines[i] = m[1] + hosts.Dots
		}
	}
	return strings.Join(lines, "\n")
}
