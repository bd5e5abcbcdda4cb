package inventory

import (
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode"
)

// reader turns TOML values into typed ones and collects what is wrong on the way.
type reader struct {
	file   string
	lines  map[path]int
	faults Faults
	// partial is set when text that is no TOML was left out: what seems missing may stand there.
	partial bool
}

func (r *reader) fault(p path, what, meant string) {
	r.faults = append(r.faults, Fault{File: r.file, Line: r.line(p), What: what, Meant: meant})
}

// missing is a fault unless the place may have been lost with text that could not be read.
func (r *reader) missing(p path, what, meant string) {
	if !r.partial {
		r.fault(p, what, meant)
	}
}

// line is where p stands, or the nearest thing around it.
func (r *reader) line(p path) int {
	for {
		if n, ok := r.lines[p]; ok || p == "" {
			return n
		}
		p = p.parent()
	}
}

// layer is one TOML table and where it stands.
type layer struct {
	at path
	m  map[string]any
}

// table is a table seen through its layers: what a host says, then its groups, then the defaults.
// The first layer that has a key decides.
type table struct {
	*reader
	layers []layer
	asked  map[string]bool
}

func (r *reader) table(layers ...layer) *table {
	return &table{reader: r, layers: layers, asked: map[string]bool{}}
}

// at is the place of the table itself.
func (t *table) at() path {
	if len(t.layers) == 0 {
		return ""
	}
	return t.layers[0].at
}

func (t *table) get(key string) (any, path, bool) {
	t.asked[key] = true
	for _, l := range t.layers {
		if v, ok := l.m[key]; ok {
			return v, l.at.at(key), true
		}
	}
	return nil, t.at().at(key), false
}

func (t *table) has(key string) bool {
	_, _, ok := t.get(key)
	return ok
}

// done reports the keys that nobody asked for.
func (t *table) done() {
	known := slices.Sorted(maps.Keys(t.asked))
	for _, l := range t.layers {
		for _, key := range slices.Sorted(maps.Keys(l.m)) {
			if t.asked[key] {
				continue
			}
			meant := "known are " + list(known)
			if n := nearest(key, known); n != "" {
				meant = fmt.Sprintf("did you mean %q?", n)
			}
			t.fault(l.at.at(key), fmt.Sprintf("unknown key %q%s", key, in(l.at)), meant)
		}
	}
}

func in(p path) string {
	if p == "" {
		return ""
	}
	return " in " + p.String()
}

func list(words []string) string {
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

func typeName(v any) string {
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

func (r *reader) wrongType(p path, v any, want string) {
	r.fault(p, fmt.Sprintf("%s is %s", p, typeName(v)), "want "+want)
}

// as reads a key of one Go type; want says in words what belongs there, with an example.
func as[T any](t *table, key, want string) (v T, p path, ok bool) {
	raw, p, ok := t.get(key)
	if !ok {
		return v, p, false
	}
	if v, ok = raw.(T); !ok {
		t.wrongType(p, raw, want)
	}
	return v, p, ok
}

func (t *table) str(key, example string) string {
	v, p, ok := as[string](t, key, fmt.Sprintf("text such as %q", example))
	if ok && v == "" {
		t.fault(p, p.String()+" is empty", fmt.Sprintf("want text such as %q, or leave the key out", example))
	}
	if i := badByte(v); i >= 0 {
		t.fault(p, fmt.Sprintf("%s holds the control character %q", p, v[i]), "want plain text on one line")
		return ""
	}
	return v
}

// badByte finds a control character: none belongs in a name, an address or a path, and each could
// become a second line of a configuration or a log.
func badByte(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return i
		}
	}
	return -1
}

func (t *table) flag(key string) bool {
	v, _, _ := as[bool](t, key, "true or false, without quotes")
	return v
}

// whole reads a number between lo and hi; def stands in when the key is missing.
func (t *table) whole(key string, lo, hi, def, example int) int {
	v, p, ok := as[int64](t, key, fmt.Sprintf("a whole number such as %d", example))
	switch {
	case !ok:
		return def
	case v < int64(lo) || v > int64(hi):
		t.fault(p, fmt.Sprintf("%s is %d", p, v), fmt.Sprintf("want %d to %d", lo, hi))
		return def
	default:
		return int(v)
	}
}

// duration reads "30s" or "5m"; it must lie between lo and hi.
func (t *table) duration(key string, lo, hi, def time.Duration) time.Duration {
	example := def
	if example == 0 {
		example = lo
	}
	text, p, ok := as[string](t, key, fmt.Sprintf("a duration in quotes such as %q", short(example)))
	if !ok {
		return def
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		t.fault(p, fmt.Sprintf("%s is %q, which is no duration", p, text), fmt.Sprintf("want a number with ms, s, m or h such as %q", short(example)))
		return def
	case d < lo || d > hi:
		t.fault(p, fmt.Sprintf("%s is %s", p, short(d)), fmt.Sprintf("want %s to %s", short(lo), short(hi)))
		return def
	}
	return d
}

// short prints a duration without the zero units that Go adds: 5m, not 5m0s.
func short(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// word reads one of a few words.
func (t *table) word(key string, words ...string) string {
	v, p, ok := as[string](t, key, "one of "+list(words))
	if !ok || slices.Contains(words, v) {
		return v
	}
	meant := "want one of " + list(words)
	if n := nearest(v, words); n != "" {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	t.fault(p, fmt.Sprintf("%s is %q", p, v), meant)
	return ""
}

// item is one text of a list and where it stands.
type item struct {
	text string
	at   path
}

// strs reads a list of texts; one text alone counts as a list of one.
func (t *table) strs(key, example string) []item {
	raw, p, ok := t.get(key)
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
		t.wrongType(p, raw, want)
		return nil
	}
	var out []item
	for i, v := range l {
		at := p.item(i)
		if isOne {
			at = p
		}
		s, ok := v.(string)
		switch {
		case !ok:
			t.wrongType(at, v, fmt.Sprintf("text such as %q", example))
		case s == "" || badByte(s) >= 0:
			t.fault(at, fmt.Sprintf("%s is %q", at, s), fmt.Sprintf("want text such as %q", example))
		default:
			out = append(out, item{s, at})
		}
	}
	return out
}

func texts(items []item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.text)
	}
	return out
}

// strMap reads a table of texts, merged over the layers: the first layer that has a key decides.
func (t *table) strMap(key, example string) map[string]string {
	sub, ok := t.sub(key, "a table such as { "+example+" }")
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, l := range sub.layers {
		for _, k := range slices.Sorted(maps.Keys(l.m)) {
			if _, over := out[k]; over {
				continue
			}
			if s, ok := l.m[k].(string); ok && badByte(s) < 0 && badByte(k) < 0 {
				out[k] = s
			} else {
				t.fault(l.at.at(k), fmt.Sprintf("%s is no text on one line", l.at.at(k)), "want text such as { "+example+" }")
			}
		}
	}
	return out
}

// sub opens a table below this one, merged over the layers.
func (t *table) sub(key, want string) (*table, bool) {
	t.asked[key] = true
	var layers []layer
	for _, l := range t.layers {
		v, ok := l.m[key]
		if !ok {
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			t.wrongType(l.at.at(key), v, want)
			continue
		}
		layers = append(layers, layer{l.at.at(key), m})
	}
	return t.reader.table(layers...), len(layers) > 0
}

// each opens every table of a list of tables; one table alone counts as a list of one. Lists are
// not merged: the first layer that has the key decides.
func (t *table) each(key, want string) []*table {
	raw, p, ok := t.get(key)
	if !ok {
		return nil
	}
	var out []*table
	switch v := raw.(type) {
	case map[string]any:
		out = append(out, t.reader.table(layer{p, v}))
	case []map[string]any:
		for i, m := range v {
			out = append(out, t.reader.table(layer{p.item(i), m}))
		}
	case []any:
		for i, e := range v {
			m, ok := e.(map[string]any)
			if !ok {
				t.wrongType(p.item(i), e, want)
				continue
			}
			out = append(out, t.reader.table(layer{p.item(i), m}))
		}
	default:
		t.wrongType(p, raw, want)
	}
	return out
}

// named is one table that has a name, and the place that gave it.
type named struct {
	layer
	name string
}

// named opens [key.NAME] tables, or [[key]] tables with a name, in the order of their lines.
func (t *table) named(key string) []named {
	raw, p, ok := t.get(key)
	if !ok {
		return nil
	}
	want := fmt.Sprintf("tables such as [%s.NAME]", key)
	var out []named
	seen := map[string]path{}
	add := func(name string, at path, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			t.wrongType(at, v, want)
			return
		}
		if first, dup := seen[name]; dup {
			t.fault(at, fmt.Sprintf("%s %q is named twice", key, name), fmt.Sprintf("the first is on line %d", t.line(first)))
			return
		}
		seen[name] = at
		if why := badName(name); why != "" {
			t.fault(at, fmt.Sprintf("name %q in %s %s", name, key, why), "want letters, digits, '-', '_' and '.'")
			return
		}
		out = append(out, named{layer{at, m}, name})
	}
	items, isList := raw.([]map[string]any)
	if !isList {
		m, ok := raw.(map[string]any)
		if !ok {
			t.wrongType(p, raw, want)
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			add(name, p.at(name), m[name])
		}
	}
	for i, m := range items {
		name, ok := m["name"].(string)
		if !ok {
			t.missing(p.item(i), fmt.Sprintf("%s has no name", p.item(i)), `want name = "…"`)
			continue
		}
		rest := maps.Clone(m)
		delete(rest, "name")
		add(name, p.item(i), rest)
	}
	slices.SortStableFunc(out, func(a, b named) int { return t.line(a.at) - t.line(b.at) })
	return out
}

// badName says why a name cannot be used, "" when it can. Names appear in "host/unit:nginx.service"
// and on command lines, so they hold nothing that would have to be quoted there.
func badName(name string) string {
	if name == "" || len(name) > 128 {
		return "is empty or longer than 128 characters"
	}
	if name == Here {
		return "is taken: it means this machine as the place a probe is made from"
	}
	for i, c := range name {
		if c != '-' && c != '_' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c) || i == 0 && c == '-' {
			return fmt.Sprintf("holds %q", c)
		}
	}
	return ""
}
