package shell

import (
	"bufio"
	"bytes"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// basic turns a POSIX basic regular expression into Go's syntax: the operators that are escaped
// there are bare here, and the other way round.
func basic(s string) string {
	var b strings.Builder
	inSet := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case inSet:
			b.WriteByte(c)
			if c == ']' && s[i-1] != '[' && s[i-1] != '^' && s[i-1] != ':' {
				inSet = false
			}
		case c == '[':
			inSet = true
			b.WriteByte(c)
		case c == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case '|', '(', ')', '{', '}', '+', '?':
				b.WriteByte(s[i])
			case '<', '>':
				b.WriteString(`\b`)
			default:
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		case strings.IndexByte("+?|(){}", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '*' && (b.Len() == 0 || b.String() == "^"):
			b.WriteString(`\*`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// grepper is one run of grep.
type grepper struct {
	p        *proc
	re       *regexp.Regexp
	opts     map[string]string
	names    bool
	after    int
	before   int
	most     int
	matched  bool
	stopping bool
}

func grepProgram(p *proc) int {
	opts, rest, _ := flags(p.args[1:], "emABCf", "--regexp", "--max-count", "--include")
	pats := append(many(opts["-e"]), many(opts["--regexp"])...)
	if f := opts["-f"]; f != "" {
		data, err := p.read(f)
		if err != nil {
			return p.die(2, "grep: %s: %s", f, reason(err))
		}
		pats = append(pats, splitLines(data)...)
	}
	if len(pats) == 0 {
		if len(rest) == 0 {
			return p.die(2, "Usage: grep [OPTION]... PATTERNS [FILE]...")
		}
		pats, rest = []string{rest[0]}, rest[1:]
	}
	re, err := p.pattern(pats, opts)
	if err != nil {
		return p.die(2, "grep: %v", err)
	}
	g := &grepper{p: p, re: re, opts: opts, most: -1}
	num := func(keys ...string) int {
		for _, k := range keys {
			if n, err := strconv.Atoi(last(opts[k])); err == nil {
				return n
			}
		}
		return 0
	}
	g.after, g.before = num("-A", "-C"), num("-B", "-C")
	if opts["-m"]+opts["--max-count"] != "" {
		g.most = num("-m", "--max-count")
	}
	return g.all(rest)
}

func (p *proc) pattern(pats []string, opts map[string]string) (*regexp.Regexp, error) {
	fixed := opts["-F"] != "" || p.args[0] == "fgrep"
	extended := opts["-E"] != "" || opts["-P"] != "" || p.args[0] == "egrep"
	var alts []string
	for _, pat := range pats {
		for _, one := range strings.Split(pat, "\n") {
			switch {
			case fixed:
				one = regexp.QuoteMeta(one)
			case !extended:
				one = basic(one)
			}
			switch {
			case opts["-x"] != "":
				one = `^(?:` + one + `)$`
			case opts["-w"] != "":
				one = `\b(?:` + one + `)\b`
			}
			alts = append(alts, one)
		}
	}
	text := strings.Join(alts, "|")
	if opts["-i"] != "" || has(opts, "--ignore-case") {
		text = "(?i)" + text
	}
	return regexp.Compile(text)
}

// all searches the operands and returns the exit status.
func (g *grepper) all(names []string) int {
	p, code := g.p, 1
	deep := g.opts["-r"] != "" || g.opts["-R"] != ""
	if deep {
		if len(names) == 0 {
			names = []string{"."}
		}
		names = p.below(names)
	}
	g.names = g.opts["-H"] != "" || (len(names) > 1 || deep) && g.opts["-h"] == ""
	if len(names) == 0 {
		names = []string{"-"}
	}
	trouble := false
	for _, n := range names {
		var in io.Reader
		if n == "-" {
			in = p.reader()
		} else {
			data, err := p.m.fs().ReadFile(p.cred(), p.abs(n))
			if err != nil {
				if g.opts["-s"] == "" {
					p.die(2, "grep: %s: %s", n, reason(err))
				}
				trouble = true
				continue
			}
			in = bytes.NewReader(data)
		}
		g.file(n, in)
		if g.stopping {
			break
		}
	}
	switch {
	case g.matched && (g.opts["-q"] != "" || !trouble):
		code = 0
	case trouble:
		code = 2
	}
	return code
}

func (g *grepper) file(name string, in io.Reader) {
	r := bufio.NewReaderSize(in, 64<<10)
	label, n, hits, owed := "", 0, 0, 0
	var held []string
	if g.names {
		if label = name; name == "-" {
			label = "(standard input)"
		}
	}
	for {
		line, err := r.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		n++
		line = strings.TrimSuffix(line, "\n")
		switch hit := g.re.MatchString(line) != (g.opts["-v"] != ""); {
		case hit:
			hits++
			g.matched = true
			if g.opts["-q"] != "" {
				g.stopping = true
				return
			}
			for i, h := range held {
				g.show(label, '-', n-len(held)+i, h)
			}
			held, owed = nil, g.after
			g.hit(label, n, line)
		case owed > 0:
			owed--
			g.show(label, '-', n, line)
		case g.before > 0:
			if held = append(held, line); len(held) > g.before {
				held = held[1:]
			}
		}
		if err != nil || g.p.onlyOut || hits == g.most || hits > 0 && g.opts["-l"] != "" {
			break
		}
	}
	switch {
	case g.opts["-l"] != "" && hits > 0, g.opts["-L"] != "" && hits == 0:
		g.p.print(name + "\n")
	case g.opts["-c"] != "":
		if label != "" {
			label += ":"
		}
		g.p.print(label + strconv.Itoa(hits) + "\n")
	}
	g.stopping = g.stopping || g.p.onlyOut
}

func (g *grepper) hit(label string, n int, line string) {
	if g.opts["-o"] != "" && g.opts["-c"] == "" && g.opts["-l"] == "" {
		for _, m := range g.re.FindAllString(line, -1) {
			if m != "" {
				g.show(label, ':', n, m)
			}
		}
		return
	}
	g.show(label, ':', n, line)
}

func (g *grepper) show(label string, sep byte, n int, line string) {
	if g.opts["-c"] != "" || g.opts["-l"] != "" || g.opts["-L"] != "" {
		return
	}
	var b strings.Builder
	if label != "" {
		b.WriteString(label)
		b.WriteByte(sep)
	}
	if g.opts["-n"] != "" {
		b.WriteString(strconv.Itoa(n))
		b.WriteByte(sep)
	}
	b.WriteString(line)
	b.WriteByte('\n')
	g.p.print(b.String())
}

// below lists the files under directories.
func (p *proc) below(names []string) []string {
	var out []string
	for _, n := range names {
		st, err := p.m.fs().Stat(p.cred(), p.abs(n), true)
		if err != nil || !st.IsDir() {
			out = append(out, n)
			continue
		}
		list, _ := p.m.fs().ReadDir(p.cred(), p.abs(n))
		for _, e := range list {
			out = append(out, p.below([]string{path.Join(n, e.Name())})...)
		}
	}
	return out
}
