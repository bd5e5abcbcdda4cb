package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Node is a JSON value with the path it stands at, in the notation of jq.
type Node struct {
	v    any
	Path string
}

func decode(data []byte) (Node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return Node{}, fmt.Errorf("read JSON: %w", err)
	}
	return Node{v: v}, nil
}

// get follows keys given in snake_case; the camelCase spelling is read as well.
func (n Node) get(keys ...string) Node {
	for _, k := range keys {
		m, ok := n.v.(map[string]any)
		if !ok {
			return Node{Path: n.Path + "." + k}
		}
		name := k
		v, ok := m[k]
		if !ok {
			if c := camel(k); c != k {
				if cv, found := m[c]; found {
					name, v = c, cv
				}
			}
		}
		n = Node{v: v, Path: n.Path + "." + name}
	}
	return n
}

func camel(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// names are the keys of an object in snake_case, sorted.
func (n Node) names() []string {
	m, _ := n.v.(map[string]any)
	out := make([]string, 0, len(m))
	for k := range m {
		var b strings.Builder
		for _, r := range k {
			if r >= 'A' && r <= 'Z' {
				b.WriteByte('_')
				r += 'a' - 'A'
			}
			b.WriteRune(r)
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}

func (n Node) ok() bool { return n.v != nil }

// has reports that the key is there, whatever its value.
func (n Node) has(key string) bool {
	m, ok := n.v.(map[string]any)
	if !ok {
		return false
	}
	if _, ok = m[key]; !ok {
		_, ok = m[camel(key)]
	}
	return ok
}

func (n Node) list() []Node {
	a, ok := n.v.([]any)
	if !ok {
		return nil
	}
	out := make([]Node, len(a))
	for i, v := range a {
		out[i] = Node{v: v, Path: n.Path + "[" + strconv.Itoa(i) + "]"}
	}
	return out
}

func (n Node) str() string {
	switch v := n.v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (n Node) strs() []string {
	var out []string
	for _, x := range n.list() {
		out = append(out, x.str())
	}
	return out
}

// num reads a number, also one written as a string, as 64-bit integers are, or wrapped in an object
// with a value, as UInt32Value sometimes is.
func (n Node) num() int {
	if m, ok := n.v.(map[string]any); ok {
		return Node{v: m["value"]}.num()
	}
	i, err := strconv.Atoi(n.str())
	if err != nil {
		return 0
	}
	return i
}

func (n Node) bool() bool {
	if m, ok := n.v.(map[string]any); ok {
		return Node{v: m["value"]}.bool()
	}
	return n.str() == "true"
}

// boolOr is bool with a default for an absent value.
func (n Node) boolOr(def bool) bool {
	if !n.ok() {
		return def
	}
	return n.bool()
}

// typeName is the last part of "@type": "HttpConnectionManager".
func (n Node) typeName() string {
	t := n.get("@type").str()
	if t == "" {
		t = n.get("type_url").str()
	}
	return t[strings.LastIndexByte(t, '.')+1:]
}

// typed gives the body of a filter or transport socket: typed_config, or config of the v2 API, with
// TypedStruct wrappers taken off.
func (n Node) typed() Node {
	c := n.get("typed_config")
	if !c.ok() {
		c = n.get("config")
	}
	if c.get("value").ok() && c.get("type_url").ok() {
		return Node{v: c.get("value").v, Path: c.Path + ".value"}
	}
	return c
}

func sortedKeys(n Node) []string {
	m, ok := n.v.(map[string]any)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
