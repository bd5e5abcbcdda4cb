package deploy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"midwatch/hosts/config"
)

// Sinks are the places of all kinds of steps that take a secret, as "http.header": the kind, and the keys down to
// the text. Everywhere else a definition that names one is refused.
func Sinks() []string {
	var out []string
	for _, kind := range Kinds() {
		for _, p := range placesOf(kind) {
			if p.sink {
				out = append(out, p.String())
			}
		}
	}
	slices.Sort(out)
	return out
}

// SinksUsed are the sinks that the settings of a step of this kind put a secret into.
func SinksUsed(kind string, settings any) []string {
	v := reflect.ValueOf(settings)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil
	}
	var out []string
	for _, p := range placesOf(kind) {
		if p.sink && p.holds(v.Elem(), p.keys) {
			out = append(out, p.String())
		}
	}
	return out
}

// place is one key of a kind of step, or of a table below it.
type place struct {
	kind string
	keys []string // names in TOML
	typ  reflect.Type
	sink bool
}

func (p place) String() string {
	s := p.kind
	for _, k := range p.keys {
		s += "." + k
	}
	return s
}

// placesOf are the keys of a kind that hold values, in the order of its struct.
func placesOf(kind string) []place {
	var out []place
	var walk func(t reflect.Type, keys []string)
	walk = func(t reflect.Type, keys []string) {
		for i := range t.NumField() {
			f := t.Field(i)
			p := place{kind: kind, keys: append(slices.Clone(keys), f.Tag.Get("toml")), typ: f.Type}
			e := elem(f.Type)
			if e.Kind() == reflect.Struct {
				walk(e, p.keys)
				continue
			}
			p.sink = e == sensitiveType || e.Kind() == reflect.Interface || p.String() == "http.bearer"
			out = append(out, p)
		}
	}
	walk(reflect.TypeOf(kindTable()[kind].settings), nil)
	return out
}

// holds reports a secret in the value that the keys lead to.
func (p place) holds(v reflect.Value, keys []string) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && p.holds(v.Elem(), keys)
	case reflect.Slice:
		for i := range v.Len() {
			if p.holds(v.Index(i), keys) {
				return true
			}
		}
		return false
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if p.holds(v.MapIndex(k), keys) {
				return true
			}
		}
		return false
	case reflect.Struct:
		for i := range v.NumField() {
			if len(keys) > 0 && v.Type().Field(i).Tag.Get("toml") == keys[0] {
				return p.holds(v.Field(i), keys[1:])
			}
		}
		return false
	case reflect.String:
		return HasSecret(Sensitive(v.String())) || p.String() == "http.bearer" && v.String() != ""
	default:
		return false
	}
}

// checkStray refuses secrets in texts that nothing expands, like a pattern or the words of a hint: they would be
// taken as they are written, which is not what anybody meant.
func (p *parser) checkStray(at config.Path, raw any) {
	switch x := raw.(type) {
	case string:
		if HasSecret(Sensitive(x)) && !slices.ContainsFunc(p.refs, func(w written) bool { return w.at == at }) && !p.told(at) {
			p.Fault(at, fmt.Sprintf("%s: a secret cannot go here: the text is taken as it is written", at), secretSinks)
		}
	case []any:
		for i, e := range x {
			p.checkStray(at.Item(i), e)
		}
	case []map[string]any:
		for i, e := range x {
			p.checkStray(at.Item(i), e)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			p.checkStray(at.At(k), x[k])
		}
	}
}

// told reports that something is said of a place already.
func (p *parser) told(at config.Path) bool {
	return slices.ContainsFunc(p.Faults, func(f Fault) bool { return strings.Contains(f.What, at.String()) })
}

// secretSinks is said where a secret cannot go.
const secretSinks = "secrets go into env, stdin, header, body, json, content or bearer"
