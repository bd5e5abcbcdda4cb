package config

import (
	"strconv"
	"strings"
)

// Path names a place in a TOML document: its keys and list indexes, each followed by a separator
// that no key can hold unescaped.
type Path string

const pathSep = "\x1f"

// At is the place of a key in the table p.
func (p Path) At(key string) Path { return p + Path(key+pathSep) }

// Item is the place of an element of the list p, from 0.
func (p Path) Item(i int) Path { return p.At("#" + strconv.Itoa(i)) }

// Parent is the place that holds p; the parent of the root is the root.
func (p Path) Parent() Path {
	s := strings.TrimSuffix(string(p), pathSep)
	return p[:strings.LastIndex(s, pathSep)+1]
}

// String is the path as a person writes it: hosts.web1.docker, probes[2].url.
func (p Path) String() string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimSuffix(string(p), pathSep), pathSep) {
		switch {
		case strings.HasPrefix(part, "#"):
			b.WriteString("[" + part[1:] + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(Key(part))
		}
	}
	return b.String()
}

// Key quotes a key that TOML would not take bare, so that nothing in it reaches a terminal.
func Key(key string) string {
	for i := range len(key) {
		if !Bare(key[i]) {
			return strconv.Quote(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}

// Bare reports a byte that a TOML key may hold without quotes.
func Bare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// Lines maps every table, key and list item of a TOML document to the line it starts on, which
// the TOML library does not tell. It expects a document that library accepted; on any other it
// returns what it understood.
func Lines(data []byte) map[Path]int {
	s := &lineScanner{src: data, line: 1, lines: map[Path]int{}, arrays: map[Path]int{}}
	var table Path
	for {
		s.blank(true)
		switch {
		case s.eof():
			return s.lines
		case s.src[s.pos] == '[':
			table = s.header()
		default:
			s.pair(table)
		}
		s.restOfLine()
	}
}

type lineScanner struct {
	src    []byte
	pos    int
	line   int
	depth  int
	lines  map[Path]int
	arrays map[Path]int // how many [[x]] were seen
}

func (s *lineScanner) eof() bool { return s.pos >= len(s.src) }

func (s *lineScanner) next() {
	if s.src[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

func (s *lineScanner) note(p Path, line int) {
	if _, ok := s.lines[p]; !ok {
		s.lines[p] = line
	}
}

// blank skips white space and comments; line ends too when newlines is set.
func (s *lineScanner) blank(newlines bool) {
	for !s.eof() {
		switch c := s.src[s.pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' && newlines:
			s.next()
		case c == '#':
			for !s.eof() && s.src[s.pos] != '\n' {
				s.next()
			}
		default:
			return
		}
	}
}

func (s *lineScanner) restOfLine() {
	for !s.eof() {
		c := s.src[s.pos]
		s.next()
		if c == '\n' {
			return
		}
	}
}

func (s *lineScanner) accept(c byte) bool {
	if s.eof() || s.src[s.pos] != c {
		return false
	}
	s.next()
	return true
}

// header reads [a.b] or [[a.b]] and returns the path that the keys below it belong to.
func (s *lineScanner) header() Path {
	line := s.line
	s.next()
	list := s.accept('[')
	keys := s.keys()
	p := Path("")
	for i, k := range keys {
		p = p.At(k)
		s.note(p, line)
		if list && i == len(keys)-1 {
			p = p.Item(s.arrays[p])
			s.arrays[p.Parent()]++
			s.note(p, line)
		} else if n := s.arrays[p]; n > 0 {
			p = p.Item(n - 1)
		}
	}
	// A table that an inner header opened first ([a.b] before [a]) belongs to its own header.
	s.lines[p] = line
	return p
}

// pair reads one "key = value".
func (s *lineScanner) pair(table Path) {
	line := s.line
	keys := s.keys()
	for _, k := range keys {
		table = table.At(k)
		s.note(table, line)
	}
	if len(keys) == 0 || !s.accept('=') {
		return
	}
	s.blank(false)
	s.value(table)
}

// keys reads a dotted key.
func (s *lineScanner) keys() []string {
	var keys []string
	for {
		s.blank(false)
		if s.eof() {
			return keys
		}
		switch c := s.src[s.pos]; {
		case c == '"' || c == '\'':
			start := s.pos
			s.text()
			keys = append(keys, unquote(string(s.src[start:s.pos])))
		case Bare(c) || c >= 0x80:
			start := s.pos
			for !s.eof() && (Bare(s.src[s.pos]) || s.src[s.pos] >= 0x80) {
				s.next()
			}
			keys = append(keys, string(s.src[start:s.pos]))
		default:
			return keys
		}
		s.blank(false)
		if !s.accept('.') {
			return keys
		}
	}
}

// maxDepth bounds the recursion on nested lists; the TOML library is deeper than any inventory.
const maxDepth = 100

func (s *lineScanner) value(p Path) {
	if s.eof() || s.depth > maxDepth {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	switch s.src[s.pos] {
	case '"', '\'':
		s.text()
	case '[':
		s.next()
		for i := 0; ; i++ {
			s.blank(true)
			if s.eof() || s.accept(']') {
				return
			}
			s.note(p.Item(i), s.line)
			s.value(p.Item(i))
			s.blank(true)
			if !s.accept(',') {
				s.accept(']')
				return
			}
		}
	case '{':
		s.next()
		for {
			s.blank(true)
			if s.eof() || s.accept('}') {
				return
			}
			before := s.pos
			s.pair(p)
			s.blank(true)
			if !s.accept(',') && s.pos == before {
				return
			}
		}
	default:
		for !s.eof() && !strings.ContainsRune(",]}#\n", rune(s.src[s.pos])) {
			s.next()
		}
	}
}

// text skips a string of any of the four kinds.
func (s *lineScanner) text() {
	q := s.src[s.pos]
	long := s.pos+2 < len(s.src) && s.src[s.pos+1] == q && s.src[s.pos+2] == q
	n := 1
	if long {
		n = 3
	}
	for range n {
		s.next()
	}
	for run := 0; !s.eof(); {
		c := s.src[s.pos]
		if c == '\n' && !long {
			return
		}
		s.next()
		switch {
		case c == '\\' && q == '"' && !s.eof():
			s.next()
			run = 0
		case c != q:
			run = 0
		default:
			if run++; run == n {
				// A long string may end in up to two quotes of its own.
				for i := 0; long && i < 2 && s.accept(q); i++ {
				}
				return
			}
		}
	}
}

// unquote gives the text of a quoted key.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	if s[0] == '"' {
		// TOML's \e and \UXXXXXXXX forms are Go's as well, except \e.
		if t, err := strconv.Unquote(strings.ReplaceAll(s, `\e`, `\x1b`)); err == nil {
			return t
		}
	}
	return s[1 : len(s)-1]
}
