package deploy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/config"
)

// decoder fills the structs of settings.go from tables, by their tags.
type decoder struct {
	*config.Reader
	refs   []written
	sinces []since
	in     int // index into parser.flat of the step that is read; -1 outside
}

// written is a reference and where it stands; it is looked at when everything was read.
type written struct {
	Ref
	at        config.Path
	sensitive bool
	step      int // index into parser.flat; -1 outside of steps
}

// fill reads every field of a struct from the table. Keys that it does not know are left to Done.
func (d *decoder) fill(t *config.Table, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("toml")
		raw, at, ok := t.Get(key)
		switch {
		case ok:
			d.value(at, raw, v.Field(i), f)
		case hasRule(f, "need"):
			d.Missing(t.At(), fmt.Sprintf("%s has no %s", t.At(), key), fmt.Sprintf("want %s = %s", key, example(f)))
		}
	}
}

// value reads one value into v. f is the field it belongs to, for its rule and for what is said.
func (d *decoder) value(at config.Path, raw any, v reflect.Value, f reflect.StructField) {
	switch v.Type() {
	case textType, sensitiveType:
		s, ok := scalar(raw)
		if !ok {
			d.WrongType(at, raw, "text")
			return
		}
		v.SetString(s)
		d.text(at, s, v.Type() == sensitiveType)
		d.check(at, s, f)
		return
	case durationType:
		d.duration(at, raw, v, f)
		return
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := raw.(string)
		if !ok {
			d.WrongType(at, raw, "text such as "+example(f))
			return
		}
		v.SetString(s)
		d.plain(at, s, f)
		d.check(at, s, f)
	case reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			d.WrongType(at, raw, "true or false, without quotes")
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, ok := raw.(int64)
		if !ok {
			d.WrongType(at, raw, "a whole number, without quotes")
			return
		}
		if low, bounded := minimum(f); bounded && n < int64(low) || n > 1<<40 {
			d.Fault(at, fmt.Sprintf("%s is %d", at, n), fmt.Sprintf("want at least %d", low))
			return
		}
		v.SetInt(n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(at, raw, v.Elem(), f)
	case reflect.Slice:
		d.list(at, raw, v, f)
	case reflect.Map:
		d.dict(at, raw, v, f)
	case reflect.Struct:
		d.structure(at, raw, v)
	default: // values of JSON
		d.free(at, raw)
		v.Set(reflect.ValueOf(raw))
	}
}

// structure reads a table below a step.
func (d *decoder) structure(at config.Path, raw any, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *Command:
		// An argv alone is a command.
		if _, isList := raw.([]any); isList {
			raw = map[string]any{"argv": raw}
		}
	case *Probe:
		// json = "path" is the number that a probe counts by.
		if m, ok := raw.(map[string]any); ok {
			if path, ok := m["json"].(string); ok {
				p.Number = path
				m = maps.Clone(m)
				delete(m, "json")
				raw = m
			}
		}
	}
	m, ok := raw.(map[string]any)
	if !ok {
		d.WrongType(at, raw, "a table such as { "+keyOf(v.Type())+" = … }")
		return
	}
	t := d.Table(config.Layer{At: at, M: m})
	d.fill(t, v)
	t.Done()
	if p, ok := v.Addr().Interface().(*Probe); ok {
		d.probe(at, p)
	}
}

func keyOf(t reflect.Type) string { return t.Field(0).Tag.Get("toml") }

// list reads a list; a value alone counts as a list of one.
func (d *decoder) list(at config.Path, raw any, v reflect.Value, f reflect.StructField) {
	var items []any
	place := at.Item
	switch l := raw.(type) {
	case []any:
		items = l
	case []map[string]any:
		for _, m := range l {
			items = append(items, m)
		}
	default:
		items, place = []any{raw}, func(int) config.Path { return at }
	}
	if len(items) == 0 && hasRule(f, "need") {
		d.Fault(at, at.String()+" is empty", fmt.Sprintf("want %s = %s", f.Tag.Get("toml"), example(f)))
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		d.value(place(i), item, out.Index(i), f)
	}
	v.Set(out)
}

func (d *decoder) dict(at config.Path, raw any, v reflect.Value, f reflect.StructField) {
	m, ok := raw.(map[string]any)
	if !ok {
		d.WrongType(at, raw, "a table such as { name = … }")
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k == "" || config.BadByte(k) >= 0 {
			d.Fault(at.At(k), fmt.Sprintf("%s has a name that is empty or holds control characters", at), "want plain text")
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(at.At(k), m[k], e, f)
		out.SetMapIndex(reflect.ValueOf(k), e)
	}
	v.Set(out)
}

// free looks at the texts of a value of JSON.
func (d *decoder) free(at config.Path, raw any) {
	switch x := raw.(type) {
	case string:
		d.text(at, x, true)
	case []any:
		for i, e := range x {
			d.free(at.Item(i), e)
		}
	case []map[string]any:
		for i, e := range x {
			d.free(at.Item(i), e)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			d.free(at.At(k), x[k])
		}
	}
}

func (d *decoder) duration(at config.Path, raw any, v reflect.Value, f reflect.StructField) {
	s, ok := raw.(string)
	if !ok {
		d.WrongType(at, raw, `a duration in quotes such as "30s"`)
		return
	}
	n, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.Fault(at, fmt.Sprintf("%s is %q, which is no duration", at, s), `want a number with ms, s, m or h such as "30s"`)
	case n < 0 || n > maxDuration:
		d.Fault(at, fmt.Sprintf("%s is %s", at, config.Short(n)), "want 0s to "+config.Short(maxDuration))
	case n == 0 && !hasRule(f, "min=0"):
		d.Fault(at, at.String()+" is 0s", "want a time above, or leave the key out")
	default:
		v.SetInt(int64(n))
	}
}

// maxDuration bounds waiting; a day and a night are a mistake.
const maxDuration = 24 * time.Hour

// scalar is a value as text: numbers are written without quotes where people like to.
func scalar(raw any) (string, bool) {
	switch x := raw.(type) {
	case string:
		return x, true
	case int64:
		return strconv.FormatInt(x, 10), true
	case bool:
		return strconv.FormatBool(x), true
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), true
	}
	return "", false
}

// text looks at the expressions of a text.
func (d *decoder) text(at config.Path, s string, sensitive bool) {
	if i := badByte(s); i >= 0 {
		d.Fault(at, fmt.Sprintf("%s holds the control character %q", at, s[i]), "want text")
		return
	}
	refs, err := Refs(s)
	if err != nil {
		d.Fault(at, fmt.Sprintf("%s: %s", at, firstPart(err)), secondPart(err))
	}
	for _, r := range refs {
		d.refs = append(d.refs, written{Ref: r, at: at, sensitive: sensitive, step: d.in})
	}
}

// plain refuses expressions where nothing would expand them.
func (d *decoder) plain(at config.Path, s string, f reflect.StructField) {
	if i := badByte(s); i >= 0 {
		d.Fault(at, fmt.Sprintf("%s holds the control character %q", at, s[i]), "want text")
		return
	}
	if strings.Contains(s, "${") && !hasRule(f, "raw") && !hasRule(f, "regex") && !hasRule(f, "output") {
		d.Fault(at, fmt.Sprintf("%s holds an expression, and is taken as it is written", at), "write the value itself")
	}
}

// badByte finds a control character that is neither a tab nor a line's end.
func badByte(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 && s[i] != '\n' && s[i] != '\t' || s[i] == 0x7f {
			return i
		}
	}
	return -1
}

// firstPart and secondPart take "what: meant" apart.
func firstPart(err error) string {
	s, _, _ := strings.Cut(err.Error(), ": ")
	return s
}

func secondPart(err error) string {
	_, s, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		return "want ${vars.NAME} and the like; a literal ${ is written $${"
	}
	return s
}
