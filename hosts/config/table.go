package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode"
)

// Reader turns TOML values into typed ones and collects what is wrong on the way.
type Reader struct {
	File   string
	Lines  map[Path]int // of Lines
	Faults Faults
	// Partial is set when text that is no TOML was left out: what seems missing may stand there.
	Partial bool
	// Taken are names that no [x.NAME] table may have, each with the reason.
	Taken map[string]string
}

// Read decodes text and returns what reads it, with the document as one table. advice is what to write
// instead of a secret in plain text. Without a document the faults are all there is.
func Read(file string, data []byte, advice string) (*Reader, *Table) {
	doc, text, faults := Decode(file, data, advice)
	r := &Reader{File: file, Lines: Lines(text), Partial: len(faults) > 0, Faults: faults}
	if doc == nil && len(faults) > 0 {
		return r, nil
	}
	return r, r.Table(Layer{"", doc})
}

// Fault notes what is wrong at p and what was probably meant.
func (r *Reader) Fault(p Path, what, meant string) {
	r.Faults = append(r.Faults, Fault{File: r.File, Line: r.Line(p), What: what, Meant: meant})
}

// Missing is a fault unless the place may have been lost with text that could not be read.
func (r *Reader) Missing(p Path, what, meant string) {
	if !r.Partial {
		r.Fault(p, what, meant)
	}
}

// Line is where p stands, or the nearest thing around it.
func (r *Reader) Line(p Path) int {
	for {
		if n, ok := r.Lines[p]; ok || p == "" {
			return n
		}
		p = p.Parent()
	}
}

// Layer is one TOML table and where it stands.
type Layer struct {
	At Path
	M  map[string]any
}

// Table is a table seen through its layers: what a host says, then its groups, then the defaults.
// The first layer that has a key decides.
type Table struct {
	*Reader
	Layers []Layer
	Asked  map[string]bool
}

// Table opens tables as one: the first that has a key decides.
func (r *Reader) Table(layers ...Layer) *Table {
	return &Table{Reader: r, Layers: layers, Asked: map[string]bool{}}
}

// At is the place of the table itself.
func (t *Table) At() Path {
	if len(t.Layers) == 0 {
		return ""
	}
	return t.Layers[0].At
}

// Get returns the value of a key and its place; the place is also told when there is no value.
func (t *Table) Get(key string) (any, Path, bool) {
	t.Asked[key] = true
	for _, l := range t.Layers {
		if v, ok := l.M[key]; ok {
			return v, l.At.At(key), true
		}
	}
	return nil, t.At().At(key), false
}

// Has reports whether the key is written, whatever its type.
func (t *Table) Has(key string) bool {
	_, _, ok := t.Get(key)
	return ok
}

// Done reports the keys that nobody asked for.
func (t *Table) Done() {
	known := slices.Sorted(maps.Keys(t.Asked))
	for _, l := range t.Layers {
		for _, key := range slices.Sorted(maps.Keys(l.M)) {
			if t.Asked[key] {
				continue
			}
			meant := "known are " + List(known)
			if n := Nearest(key, known); n != "" {
				meant = fmt.Sprintf("did you mean %q?", n)
			}
			t.Fault(l.At.At(key), fmt.Sprintf("unknown key %q%s", key, in(l.At)), meant)
		}
	}
}

func in(p Path) string {
	if p == "" {
		return ""
	}
	return " in " + p.String()
}

// List joins words for a message, the first dozen.
func List(words []string) string {
	const most = 12
	if len(words) > most {
		words = append(slices.Clone(words[:most]), "…")
	}
	s := ""
	for i, w := range words {
		if i > 0 {
			s += ", "
		}
		s += w
	}
	return s
}

// TypeName says in words what a TOML value is.
func TypeName(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	default:
		return "something else"
	}
}

// WrongType notes a value of another type than wanted; want is the words after "want".
func (r *Reader) WrongType(p Path, v any, want string) {
	r.Fault(p, fmt.Sprintf("%s is %s", p, TypeName(v)), "want "+want)
}

// As reads a key of one Go type; want says in words what belongs there, with an example.
func As[T any](t *Table, key, want string) (v T, p Path, ok bool) {
	raw, p, ok := t.Get(key)
	if !ok {
		return v, p, false
	}
	if v, ok = raw.(T); !ok {
		t.WrongType(p, raw, want)
	}
	return v, p, ok
}

// Str reads text on one line.
func (t *Table) Str(key, example string) string {
	v, p, ok := As[string](t, key, fmt.Sprintf("text such as %q", example))
	if ok && v == "" {
		t.Fault(p, p.String()+" is empty", fmt.Sprintf("want text such as %q, or leave the key out", example))
	}
	if i := BadByte(v); i >= 0 {
		t.Fault(p, fmt.Sprintf("%s holds the control character %q", p, v[i]), "want plain text on one line")
		return ""
	}
	return v
}

// BadByte finds a control character: none belongs in a name, an address or a path, and each could
// become a second line of a configuration or a log.
func BadByte(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return i
		}
	}
	return -1
}

// Flag reads true or false.
func (t *Table) Flag(key string) bool {
	v, _, _ := As[bool](t, key, "true or false, without quotes")
	return v
}

// Whole reads a number between lo and hi; def stands in when the key is missing.
func (t *Table) Whole(key string, lo, hi, def, example int) int {
	v, p, ok := As[int64](t, key, fmt.Sprintf("a whole number such as %d", example))
	switch {
	case !ok:
		return def
	case v < int64(lo) || v > int64(hi):
		t.Fault(p, fmt.Sprintf("%s is %d", p, v), fmt.Sprintf("want %d to %d", lo, hi))
		return def
	default:
		return int(v)
	}
}

// Duration reads "30s" or "5m"; it must lie between lo and hi.
func (t *Table) Duration(key string, lo, hi, def time.Duration) time.Duration {
	example := def
	if example == 0 {
		example = lo
	}
	text, p, ok := As[string](t, key, fmt.Sprintf("a duration in quotes such as %q", Short(example)))
	if !ok {
		return def
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		t.Fault(p, fmt.Sprintf("%s is %q, which is no duration", p, text), fmt.Sprintf("want a number with ms, s, m or h such as %q", Short(example)))
		return def
	case d < lo || d > hi:
		t.Fault(p, fmt.Sprintf("%s is %s", p, Short(d)), fmt.Sprintf("want %s to %s", Short(lo), Short(hi)))
		return def
	}
	return d
}

// Short prints a duration without the zero units that Go adds: 5m, not 5m0s.
func Short(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// Word reads one of a few words.
func (t *Table) Word(key string, words ...string) string {
	v, p, ok := As[string](t, key, "one of "+List(words))
	if !ok || slices.Contains(words, v) {
		return v
	}
	meant := "want one of " + List(words)
	if n := Nearest(v, words); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	t.Fault(p, fmt.Sprintf("%s is %q", p, v), meant)
	return ""
}

// Item is one text of a list and where it stands.
type Item struct {
	Text string
	At   Path
}

// Strs reads a list of texts; one text alone counts as a list of one.
func (t *Table) Strs(key, example string) []Item {
	raw, p, ok := t.Get(key)
	if !ok {
		return nil
	}
	want := fmt.Sprintf("a list of texts such as [%q]", example)
	one, isOne := raw.(string)
	if isOne {
		raw = []any{one}
	}
	l, ok := raw.([]any)
	if !ok {
		t.WrongType(p, raw, want)
		return nil
	}
	var out []Item
	for i, v := range l {
		at := p.Item(i)
		if isOne {
			at = p
		}
		s, ok := v.(string)
		switch {
		case !ok:
			t.WrongType(at, v, fmt.Sprintf("text such as %q", example))
		case s == "" || BadByte(s) >= 0:
			t.Fault(at, fmt.Sprintf("%s is %q", at, s), fmt.Sprintf("want text such as %q", example))
		default:
			out = append(out, Item{s, at})
		}
	}
	return out
}

// Texts are the items without their places.
func Texts(items []Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.Text)
	}
	return out
}

// StrMap reads a table of texts, merged over the layers: the first layer that has a key decides.
func (t *Table) StrMap(key, example string) map[string]string {
	sub, ok := t.Sub(key, "a table such as { "+example+" }")
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, l := range sub.Layers {
		for _, k := range slices.Sorted(maps.Keys(l.M)) {
			if _, over := out[k]; over {
				continue
			}
			if s, ok := l.M[k].(string); ok && BadByte(s) < 0 && BadByte(k) < 0 {
				out[k] = s
			} else {
				t.Fault(l.At.At(k), fmt.Sprintf("%s is no text on one line", l.At.At(k)), "want text such as { "+example+" }")
			}
		}
	}
	return out
}

// Sub opens a table below this one, merged over the layers.
func (t *Table) Sub(key, want string) (*Table, bool) {
	t.Asked[key] = true
	var layers []Layer
	for _, l := range t.Layers {
		v, ok := l.M[key]
		if !ok {
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			t.WrongType(l.At.At(key), v, want)
			continue
		}
		layers = append(layers, Layer{l.At.At(key), m})
	}
	return t.Table(layers...), len(layers) > 0
}

// Each opens every table of a list of tables; one table alone counts as a list of one. Lists are
// not merged: the first layer that has the key decides.
func (t *Table) Each(key, want string) []*Table {
	raw, p, ok := t.Get(key)
	if !ok {
		return nil
	}
	var out []*Table
	switch v := raw.(type) {
	case map[string]any:
		out = append(out, t.Table(Layer{p, v}))
	case []map[string]any:
		for i, m := range v {
			out = append(out, t.Table(Layer{p.Item(i), m}))
		}
	case []any:
		for i, e := range v {
			m, ok := e.(map[string]any)
			if !ok {
				t.WrongType(p.Item(i), e, want)
				continue
			}
			out = append(out, t.Table(Layer{p.Item(i), m}))
		}
	default:
		t.WrongType(p, raw, want)
	}
	return out
}

// Named is one table that has a name, and the place that gave it.
type Named struct {
	Layer
	Name string
}

// Named opens [key.NAME] tables, or [[key]] tables with a name, in the order of their lines.
func (t *Table) Named(key string) []Named {
	raw, p, ok := t.Get(key)
	if !ok {
		return nil
	}
	want := fmt.Sprintf("tables such as [%s.NAME]", key)
	var out []Named
	seen := map[string]Path{}
	add := func(name string, at Path, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			t.WrongType(at, v, want)
			return
		}
		if first, dup := seen[name]; dup {
			t.Fault(at, fmt.Sprintf("%s %q is named twice", key, name), fmt.Sprintf("the first is on line %d", t.Line(first)))
			return
		}
		seen[name] = at
		why := BadName(name)
		if taken := t.Taken[name]; taken != "" {
			why = "is taken: " + taken
		}
		if why != "" {
			t.Fault(at, fmt.Sprintf("name %q in %s %s", name, key, why), "want letters, digits, '-', '_' and '.'")
			return
		}
		out = append(out, Named{Layer{at, m}, name})
	}
	items, isList := raw.([]map[string]any)
	if !isList {
		m, ok := raw.(map[string]any)
		if !ok {
			t.WrongType(p, raw, want)
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			add(name, p.At(name), m[name])
		}
	}
	for i, m := range items {
		name, ok := m["name"].(string)
		if !ok {
			t.Missing(p.Item(i), fmt.Sprintf("%s has no name", p.Item(i)), `want name = "…"`)
			continue
		}
		rest := maps.Clone(m)
		delete(rest, "name")
		add(name, p.Item(i), rest)
	}
	slices.SortStableFunc(out, func(a, b Named) int { return t.Line(a.At) - t.Line(b.At) })
	return out
}

// BadName says why a name cannot be used, "" when it can. Names appear in "host/unit:nginx.service"
// and on command lines, so they hold nothing that would have to be quoted there.
func BadName(name string) string {
	if name == "" || len(name) > 128 {
		return "is empty or longer than 128 characters"
	}
	for i, c := range name {
		if c != '-' && c != '_' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c) || i == 0 && c == '-' {
			return fmt.Sprintf("holds %q", c)
		}
	}
	return ""
}
