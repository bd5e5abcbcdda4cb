package nginx

import (
	"fmt"
	"path"
	"sort"
	"strings"
)

// Directive is one directive as it stands in a file.
type Directive struct {
	Name  string
	Args  []string // without quotes; the parentheses of "if" are taken off
	File  string
	Line  int
	Block []*Directive // the body of a block; nil for a simple directive
	Body  string       // the text of a Lua block
	block bool
}

// IsBlock reports whether the directive has a body, be it empty.
func (d *Directive) IsBlock() bool { return d.block }

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
	if d.block {
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
		lines := strings.Split(string(f.Text), "\n")
		if n >= 1 && n <= len(lines) {
			return strings.TrimRight(lines[n-1], "\r")
		}
	}
	return ""
}

// Limits on what a hostile configuration can make of us.
const (
	maxIncludeDepth = 32
	maxDirectives   = 2_000_000
)

// Parse reads files; the first is the main one, the others are found by its includes. Relative
// includes are taken from the main file's folder, as nginx does with its configuration prefix.
func Parse(files []File) *Config {
	c := &Config{Files: files, PerFile: map[string][]*Directive{}}
	for _, f := range files {
		ds, faults := parseFile(f)
		c.PerFile[f.Name] = ds
		c.Faults = append(c.Faults, faults...)
	}
	if len(files) == 0 {
		c.Faults = append(c.Faults, Fault{File: "nginx", Text: "no configuration file"})
		return c
	}
	e := &expander{c: c, prefix: path.Dir(files[0].Name)}
	c.Root = e.expand(c.PerFile[files[0].Name], []string{files[0].Name})
	return c
}

// expander splices included files in. The copies are shallow: a file included in two places gives
// two lists of the same directives.
type expander struct {
	c      *Config
	prefix string
	count  int
}

func (e *expander) expand(ds []*Directive, chain []string) []*Directive {
	out := make([]*Directive, 0, len(ds))
	for _, d := range ds {
		e.count++
		if e.count > maxDirectives {
			return out
		}
		switch {
		case d.Name == "include" && len(d.Args) == 1 && !d.block:
			out = append(out, e.include(d, chain)...)
		case d.block && len(d.Block) > 0:
			cp := *d
			cp.Block = e.expand(d.Block, chain)
			out = append(out, &cp)
		default:
			out = append(out, d)
		}
	}
	return out
}

func (e *expander) include(d *Directive, chain []string) []*Directive {
	pattern := d.Args[0]
	if !strings.HasPrefix(pattern, "/") {
		pattern = path.Join(e.prefix, pattern)
	}
	names := e.match(pattern)
	if len(names) == 0 && !strings.ContainsAny(pattern, "*?[") {
		e.fault(d, "included file "+d.Args[0]+" is not at hand")
	}
	var out []*Directive
	for _, n := range names {
		if len(chain) >= maxIncludeDepth || contains(chain, n) {
			e.fault(d, "include of "+n+" goes in a circle")
			continue
		}
		out = append(out, e.expand(e.c.PerFile[n], append(chain[:len(chain):len(chain)], n))...)
	}
	return out
}

func (e *expander) fault(d *Directive, text string) {
	f := Fault{File: d.File, Line: d.Line, Text: text}
	for _, x := range e.c.Faults {
		if x == f {
			return
		}
	}
	e.c.Faults = append(e.c.Faults, f)
}

// match finds the files a pattern names, sorted as glob(3) sorts them.
func (e *expander) match(pattern string) []string {
	var names []string
	for _, f := range e.c.Files {
		if f.Name == pattern {
			return []string{pattern}
		}
		if ok, err := path.Match(pattern, f.Name); err == nil && ok {
			names = append(names, f.Name)
		}
	}
	sort.Strings(names)
	return names
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// dumpMark opens each file in the output of nginx -T.
const dumpMark = "# configuration file "

// SplitDump cuts the output of "nginx -T" into its files, the main one first. A comment inside a
// file that looks like a mark starts a file of its own that nothing includes, so it does no harm
// beyond what follows it in the file that holds it. ok is false when there is no mark at all.
func SplitDump(text []byte) (files []File, ok bool) {
	var cur *File
	seen := map[string]bool{}
	var list []*File
	for line := range strings.Lines(string(text)) {
		t := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(t, dumpMark) && strings.HasSuffix(t, ":") {
			name := strings.TrimSuffix(strings.TrimPrefix(t, dumpMark), ":")
			if name != "" && !seen[name] {
				seen[name] = true
				cur = &File{Name: name}
				list = append(list, cur)
				continue
			}
		}
		if cur != nil {
			cur.Text = append(cur.Text, line...)
		}
	}
	for _, f := range list {
		files = append(files, *f)
	}
	return files, len(files) > 0
}

// ParseDump reads the output of "nginx -T".
func ParseDump(text []byte) *Config {
	files, ok := SplitDump(text)
	if !ok {
		return &Config{
			PerFile: map[string][]*Directive{},
			Faults:  []Fault{{File: "nginx -T", Text: "no configuration in the output; is the configuration valid (nginx -t)?"}},
		}
	}
	return Parse(files)
}
