package compose

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// File is one compose file as text.
type File struct {
	Name string
	Text []byte
}

// Pos is a place in a file.
type Pos struct {
	File string
	Line int
}

func (p Pos) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// Fault is something that keeps a file from being read.
type Fault struct {
	Pos
	Text string
}

func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Text
	}
	return f.Pos.String() + ": " + f.Text
}

// Kind is the kind of a Value.
type Kind int

// The kinds of values.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

// Value is a value of the merged files, with the place it came from.
type Value struct {
	Kind Kind
	Pos  Pos
	// KeyPos is where the key stands that holds it.
	KeyPos Pos
	Text   string // of a scalar, after interpolation
	Raw    string // of a scalar, as written
	Quoted bool
	Keys   []string // of a map, in order
	Items  []*Value // of a list, or of a map beside Keys
	tag    string   // !reset or !override
}

// Get follows keys; nil when one of them is not there. It may be asked of nil.
func (v *Value) Get(keys ...string) *Value {
	for _, k := range keys {
		if v == nil || v.Kind != Map {
			return nil
		}
		var next *Value
		for i, name := range v.Keys {
			if name == k {
				next = v.Items[i]
				break
			}
		}
		v = next
	}
	return v
}

// Has reports that the keys lead to something, be it null.
func (v *Value) Has(keys ...string) bool { return v.Get(keys...) != nil }

// Str is the text of a scalar; "" for everything else and nil.
func (v *Value) Str() string {
	if v == nil || v.Kind != Scalar {
		return ""
	}
	return v.Text
}

// Bool reads a YAML boolean.
func (v *Value) Bool() bool {
	switch strings.ToLower(v.Str()) {
	case "true", "yes", "on", "1":
		return true
	}
	return false
}

// Int reads a number; def when there is none.
func (v *Value) Int(def int) int {
	n, err := strconv.Atoi(v.Str())
	if err != nil {
		return def
	}
	return n
}

// List gives the items of a list; a scalar is a list of one.
func (v *Value) List() []*Value {
	switch {
	case v == nil:
		return nil
	case v.Kind == List:
		return v.Items
	case v.Kind == Scalar:
		return []*Value{v}
	}
	return nil
}

// Strs gives the texts of a list of scalars.
func (v *Value) Strs() []string {
	var out []string
	for _, x := range v.List() {
		out = append(out, x.Str())
	}
	return out
}

// set puts a value under a key.
func (v *Value) set(key string, x *Value) {
	for i, k := range v.Keys {
		if k == key {
			v.Items[i] = x
			return
		}
	}
	v.Keys, v.Items = append(v.Keys, key), append(v.Items, x)
}

func (v *Value) remove(key string) {
	for i, k := range v.Keys {
		if k == key {
			v.Keys = append(v.Keys[:i:i], v.Keys[i+1:]...)
			v.Items = append(v.Items[:i:i], v.Items[i+1:]...)
			return
		}
	}
}

// Limits on what a hostile file can make of us: aliases multiply.
const (
	maxDepth  = 100
	maxValues = 200_000
)

// decoder makes values of YAML nodes.
type decoder struct {
	file  string
	count int
	fault *Fault
}

// parse reads one file. The first document counts, as for docker compose.
func parse(f File) (*Value, *Fault) {
	var doc yaml.Node
	if err := yaml.Unmarshal(f.Text, &doc); err != nil {
		return nil, &Fault{Pos{f.Name, errorLine(err)}, firstLine(err.Error())}
	}
	if len(doc.Content) == 0 {
		return nil, &Fault{Pos{f.Name, 0}, "empty file"}
	}
	d := &decoder{file: f.Name}
	v := d.value(doc.Content[0], 0)
	if d.fault != nil {
		return nil, d.fault
	}
	if v.Kind != Map {
		return nil, &Fault{v.Pos, "a compose file is a mapping"}
	}
	return v, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// errorLine finds the line in an error of the YAML package ("yaml: line 3: …").
func errorLine(err error) int {
	_, rest, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return 0
	}
	i := 0
	for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
		i++
	}
	n, _ := strconv.Atoi(rest[:i])
	return n
}

func (d *decoder) fail(line int, format string, args ...any) {
	if d.fault == nil {
		d.fault = &Fault{Pos{d.file, line}, fmt.Sprintf(format, args...)}
	}
}

func (d *decoder) value(n *yaml.Node, depth int) *Value {
	v := &Value{Pos: Pos{d.file, n.Line}}
	if d.count++; d.count > maxValues || depth > maxDepth {
		d.fail(n.Line, "more values than a compose file can have")
		return v
	}
	if strings.HasPrefix(n.Tag, "!reset") || strings.HasPrefix(n.Tag, "!override") {
		v.tag = n.Tag
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.value(n.Alias, depth+1)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return v
		}
		v.Kind, v.Raw, v.Text = Scalar, n.Value, n.Value
		v.Quoted = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	case yaml.SequenceNode:
		v.Kind = List
		for _, c := range n.Content {
			x := d.value(c, depth+1)
			x.KeyPos = x.Pos
			v.Items = append(v.Items, x)
		}
	case yaml.MappingNode:
		v.Kind = Map
		d.mapping(v, n, depth)
	}
	return v
}

// mapping reads keys; what a merge key brings is weaker than what stands there.
func (d *decoder) mapping(v *Value, n *yaml.Node, depth int) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
			merged = append(merged, n.Content[i+1])
			continue
		}
		x := d.value(n.Content[i+1], depth+1)
		x.KeyPos = Pos{d.file, k.Line}
		if x.Kind == Null && x.Pos.Line == 0 {
			x.Pos = x.KeyPos
		}
		v.set(k.Value, x)
	}
	for _, m := range merged {
		from := d.value(m, depth+1)
		list := []*Value{from}
		if from.Kind == List {
			list = from.Items
		}
		for _, f := range list {
			for i, k := range f.Keys {
				if v.Get(k) == nil {
					v.set(k, f.Items[i])
				}
			}
		}
	}
}
