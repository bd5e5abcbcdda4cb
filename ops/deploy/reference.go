package deploy

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference lists every kind of step with its keys and what belongs into each, made from the structs that the
// parser fills.
func Reference() string {
	var b strings.Builder
	for _, name := range Kinds() {
		t := reflect.TypeOf(kindTable()[name].settings)
		fmt.Fprintf(&b, "kind = %q\n", name)
		writeKeys(&b, t, "  ", map[reflect.Type]bool{t: true, probeType: true})
		b.WriteString("\n")
	}
	b.WriteString("a probe\n")
	writeKeys(&b, probeType, "  ", map[reflect.Type]bool{probeType: true})
	return b.String()
}

// probeType is written once, for the many places that it stands in.
var probeType = reflect.TypeFor[Probe]()

// writeKeys writes the keys of a struct, those of tables below it indented; seen are the structs it stands in.
func writeKeys(b *strings.Builder, t reflect.Type, indent string, seen map[reflect.Type]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		words := []string{valueWord(f.Type)}
		if one, ok := ruleValue(f, "oneof"); ok {
			words = []string{strings.ReplaceAll(one, "|", ", ")}
		}
		if hasRule(f, "regex") {
			words[0] = "regular expression (RE2)"
		}
		if hasRule(f, "need") {
			words = append(words, "needed")
		}
		fmt.Fprintf(b, "%s%-*s %s\n", indent, max(1, 24-len(indent)), f.Tag.Get("toml"), strings.Join(words, "; "))
		if e := elem(f.Type); e.Kind() == reflect.Struct && !seen[e] {
			below := map[reflect.Type]bool{e: true}
			for s := range seen {
				below[s] = true
			}
			writeKeys(b, e, indent+"  ", below)
		}
	}
}

// elem is what a list, a table or a pointer holds.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// valueWord says what belongs into a field.
func valueWord(t reflect.Type) string {
	switch t {
	case textType:
		return "text"
	case sensitiveType:
		return "text, may hold secrets"
	case probeType:
		return "a probe"
	case durationType:
		return `duration such as "30s"`
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list: " + valueWord(t.Elem())
	case reflect.Map:
		return "table: name = " + valueWord(t.Elem())
	case reflect.Pointer:
		return valueWord(t.Elem())
	case reflect.Struct:
		return "table"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Interface:
		return "value of JSON; its texts may hold secrets"
	default:
		return "text as it is written"
	}
}
