package read

import (
	"path"
	"sort"
	"strings"

	"midwatch/hosts/nginx"
)

// Limits on what a hostile configuration can make of us.
const (
	maxIncludeDepth = 32
	maxDirectives   = 2_000_000
)

// Parse reads files; the first is the main one, the others are found by its includes. Relative
// includes are taken from the main file's folder, as nginx does with its configuration prefix.
func Parse(files []nginx.File) *nginx.Config { return ParseWith(files, nil) }

// ParseWith is Parse where some includes mean other files than their names say: what resolve returns
// for the argument of an include are names in files. It returns nil for what it does not know.
func ParseWith(files []nginx.File, resolve func(include string) []string) *nginx.Config {
	c := &nginx.Config{Files: files, PerFile: map[string][]*nginx.Directive{}}
	for _, f := range files {
		ds, faults := parseFile(f)
		c.PerFile[f.Name] = ds
		c.Faults = append(c.Faults, faults...)
	}
	if len(files) == 0 {
		c.Faults = append(c.Faults, nginx.Fault{File: "nginx", Text: "no configuration file"})
		return c
	}
	e := &expander{c: c, prefix: path.Dir(files[0].Name), resolve: resolve}
	c.Root = e.expand(c.PerFile[files[0].Name], []string{files[0].Name})
	return c
}

// expander splices included files in. The copies are shallow: a file included in two places gives
// two lists of the same directives.
type expander struct {
	c       *nginx.Config
	prefix  string
	resolve func(include string) []string
	count   int
}

func (e *expander) expand(ds []*nginx.Directive, chain []string) []*nginx.Directive {
	out := make([]*nginx.Directive, 0, len(ds))
	for _, d := range ds {
		e.count++
		if e.count > maxDirectives {
			return out
		}
		switch {
		case d.Name == "include" && len(d.Args) == 1 && d.Block == nil:
			out = append(out, e.include(d, chain)...)
		case len(d.Block) > 0:
			cp := *d
			cp.Block = e.expand(d.Block, chain)
			out = append(out, &cp)
		default:
			out = append(out, d)
		}
	}
	return out
}

func (e *expander) include(d *nginx.Directive, chain []string) []*nginx.Directive {
	pattern := d.Args[0]
	if !strings.HasPrefix(pattern, "/") {
		pattern = path.Join(e.prefix, pattern)
	}
	names := e.match(pattern)
	if len(names) == 0 && e.resolve != nil {
		names = e.resolve(d.Args[0])
	}
	if len(names) == 0 && !strings.ContainsAny(pattern, "*?[") {
		e.fault(d, "included file "+d.Args[0]+" is not at hand")
	}
	var out []*nginx.Directive
	for _, n := range names {
		if len(chain) >= maxIncludeDepth || contains(chain, n) {
			e.fault(d, "include of "+n+" goes in a circle")
			continue
		}
		out = append(out, e.expand(e.c.PerFile[n], append(chain[:len(chain):len(chain)], n))...)
	}
	return out
}

func (e *expander) fault(d *nginx.Directive, text string) {
	f := nginx.Fault{File: d.File, Line: d.Line, Text: text}
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
func SplitDump(text []byte) (files []nginx.File, ok bool) {
	var cur *nginx.File
	seen := map[string]bool{}
	var list []*nginx.File
	for line := range strings.Lines(string(text)) {
		t := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(t, dumpMark) && strings.HasSuffix(t, ":") {
			name := strings.TrimSuffix(strings.TrimPrefix(t, dumpMark), ":")
			if name != "" && !seen[name] {
				seen[name] = true
				cur = &nginx.File{Name: name}
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
func ParseDump(text []byte) *nginx.Config {
	files, ok := SplitDump(text)
	if !ok {
		return &nginx.Config{
			PerFile: map[string][]*nginx.Directive{},
			Faults:  []nginx.Fault{{File: "nginx -T", Text: "no configuration in the output; is the configuration valid (nginx -t)?"}},
		}
	}
	return Parse(files)
}
