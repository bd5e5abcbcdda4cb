package nginx

import (
	"bytes"
	"fmt"
	"strings"
)

// Directive is one directive as it stands in a file.
type Directive struct {
	Name  string
	Args  []string // without quotes; the parentheses of "if" are taken off
	File  string
	Line  int
	Block []*Directive // the body of a block, empty or not; nil for a simple directive
	Body  string       // the text of a Lua block, whose Block is empty
}

// IsBlock reports whether the directive has a body, be it empty.
func (d *Directive) IsBlock() bool { return d.Block != nil }

// Arg returns argument i, or "".
func (d *Directive) Arg(i int) string {
	if i < len(d.Args) {
		return d.Args[i]
	}
	return ""
}

// String gives the directive on one line, for evidence.
func (d *Directive) String() string {
	s := d.Name
	for _, a := range d.Args {
		if a == "" || strings.ContainsAny(a, " \t;{}\"'") {
			a = `"` + strings.ReplaceAll(a, `"`, `\"`) + `"`
		}
		s += " " + a
	}
	if d.Block != nil {
		return s + " {…}"
	}
	return s + ";"
}

// At gives "file:line".
func (d *Directive) At() string { return fmt.Sprintf("%s:%d", d.File, d.Line) }

// Find returns the direct children of that name, in order.
func Find(ds []*Directive, name string) []*Directive {
	var out []*Directive
	for _, d := range ds {
		if d.Name == name {
			out = append(out, d)
		}
	}
	return out
}

// Last returns the last direct child of that name, or nil; for directives of which one value counts.
func Last(ds []*Directive, name string) *Directive {
	for i := len(ds) - 1; i >= 0; i-- {
		if ds[i].Name == name {
			return ds[i]
		}
	}
	return nil
}

// Fault is something wrong in a file. Line is 0 when it is not known.
type Fault struct {
	File string
	Line int
	Text string
}

func (f Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
}

// File is one configuration file as text.
type File struct {
	Name string
	Text []byte
}

// Config is a parsed configuration: Root holds the top level with every include expanded.
type Config struct {
	Files  []File
	Root   []*Directive
	Faults []Fault
	// PerFile holds the directives of each file before includes are expanded.
	PerFile map[string][]*Directive
}

// Line returns the text of one line of one file, for evidence.
func (c *Config) Line(file string, n int) string {
	for _, f := range c.Files {
		if f.Name != file {
			continue
		}
		return lineOf(f.Text, n)
	}
	return ""
}

// lineOf finds a line without making a list of all of them: evidence is asked for often.
func lineOf(text []byte, n int) string {
	for i := 1; i < n; i++ {
		_, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			return ""
		}
		text = rest
	}
	if n < 1 {
		return ""
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return strings.TrimRight(string(line), "\r")
}

// maxNesting is far above what nginx accepts and far below what would hurt our stack.
const maxNesting = 200
