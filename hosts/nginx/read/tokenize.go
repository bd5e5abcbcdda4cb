package read

import (
	"fmt"
	"strings"

	"midwatch/hosts/nginx"
)

// tokenizer is a small reader of nginx syntax: words, quotes, "{", "}", ";", comments, Lua blocks.
// It never gives up on a file: what it read before a fault is kept.
type tokenizer struct {
	file   string
	s      string
	i      int
	line   int
	faults []nginx.Fault
}

type token struct {
	text   string
	line   int
	quoted bool
	kind   byte // 'w' word, '{', '}', ';', 0 at the end
}

func tokenizeFile(name string, text []byte) ([]*nginx.Directive, []nginx.Fault) {
	t := &tokenizer{file: name, s: string(text), line: 1}
	if i := strings.IndexByte(t.s, 0); i >= 0 {
		t.fault(1+strings.Count(t.s[:i], "\n"), "NUL byte in the file")
	}
	ds := t.block(0)
	return ds, t.faults
}

func (t *tokenizer) fault(line int, text string) {
	if len(t.faults) < 20 {
		t.faults = append(t.faults, nginx.Fault{File: t.file, Line: line, Text: text})
	}
}

// maxNesting is far above what nginx accepts and far below what would hurt our stack.
const maxNesting = 200

func (t *tokenizer) block(depth int) []*nginx.Directive {
	out := []*nginx.Directive{}
	var words []token
	for {
		k := t.next()
		switch k.kind {
		case 'w':
			words = append(words, k)
		case ';':
			if len(words) == 0 {
				t.fault(k.line, "unexpected ;")
				continue
			}
			out = append(out, t.directive(words))
			words = nil
		case '{':
			if len(words) == 0 {
				t.fault(k.line, "unexpected {")
				words = []token{{text: "", line: k.line}}
			}
			d := t.directive(words)
			words = nil
			d.Block = []*nginx.Directive{}
			switch {
			case strings.HasSuffix(d.Name, "_by_lua_block"):
				d.Body = t.lua()
			case depth >= maxNesting:
				t.fault(k.line, "blocks nested too deep")
				return out
			default:
				d.Block = t.block(depth + 1)
			}
			out = append(out, d)
		case '}', 0:
			if len(words) > 0 {
				t.fault(words[0].line, fmt.Sprintf("directive %q is not ended by ;", words[0].text))
				out = append(out, t.directive(words))
			}
			if k.kind == 0 && depth > 0 {
				t.fault(k.line, "unexpected end of file, expecting }")
			}
			if k.kind == '}' && depth == 0 {
				t.fault(k.line, "unexpected }")
				words = nil
				continue
			}
			return out
		}
	}
}

func (t *tokenizer) directive(words []token) *nginx.Directive {
	d := &nginx.Directive{Name: words[0].text, File: t.file, Line: words[0].line, Args: []string{}}
	for _, w := range words[1:] {
		d.Args = append(d.Args, w.text)
	}
	if d.Name == "if" && len(d.Args) > 0 {
		d.Args = ifArgs(d.Args)
	}
	return d
}

// ifArgs takes the parentheses off a condition, as crossplane does.
func ifArgs(a []string) []string {
	last := len(a) - 1
	if !strings.HasPrefix(a[0], "(") || !strings.HasSuffix(a[last], ")") {
		return a
	}
	a[0] = strings.TrimLeft(strings.TrimPrefix(a[0], "("), " \t")
	a[last] = strings.TrimRight(strings.TrimSuffix(a[last], ")"), " \t")
	if a[0] == "" {
		a = a[1:]
	}
	if n := len(a); n > 0 && a[n-1] == "" {
		a = a[:n-1]
	}
	return a
}

func (t *tokenizer) next() token {
	t.skip()
	if t.i >= len(t.s) {
		return token{line: t.line}
	}
	line := t.line
	switch c := t.s[t.i]; c {
	case '{', '}', ';':
		t.i++
		return token{kind: c, line: line, text: string(c)}
	case '"', '\'':
		return t.quoted(c)
	default:
		return t.word()
	}
}

func (t *tokenizer) skip() {
	for t.i < len(t.s) {
		switch c := t.s[t.i]; {
		case c == '\n':
			t.line++
			t.i++
		case c == ' ' || c == '\t' || c == '\r':
			t.i++
		case c == '#':
			for t.i < len(t.s) && t.s[t.i] != '\n' {
				t.i++
			}
		default:
			return
		}
	}
}

func (t *tokenizer) quoted(q byte) token {
	line := t.line
	t.i++
	var b strings.Builder
	for t.i < len(t.s) {
		c := t.s[t.i]
		switch {
		case c == '\\' && t.i+1 < len(t.s):
			if n := t.s[t.i+1]; n != q {
				b.WriteByte(c)
			}
			b.WriteByte(t.s[t.i+1])
			if t.s[t.i+1] == '\n' {
				t.line++
			}
			t.i += 2
			continue
		case c == q:
			t.i++
			return token{kind: 'w', text: b.String(), line: line, quoted: true}
		case c == '\n':
			t.line++
		}
		b.WriteByte(c)
		t.i++
	}
	t.fault(line, "quote is not closed")
	return token{kind: 'w', text: b.String(), line: line, quoted: true}
}

func (t *tokenizer) word() token {
	line, start := t.line, t.i
	for t.i < len(t.s) {
		c := t.s[t.i]
		switch {
		case c == '\\' && t.i+1 < len(t.s):
			if t.s[t.i+1] == '\n' {
				t.line++
			}
			t.i += 2
			continue
		case c == '$' && t.i+1 < len(t.s) && t.s[t.i+1] == '{':
			if end := strings.IndexAny(t.s[t.i:], "}\n"); end > 0 && t.s[t.i+end] == '}' {
				t.i += end + 1
				continue
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '{':
			return token{kind: 'w', text: t.s[start:t.i], line: line}
		case c == '}' && t.i == start:
			return token{kind: 'w', text: "}", line: line}
		}
		t.i++
	}
	return token{kind: 'w', text: t.s[start:t.i], line: line}
}

// lua reads the body of a Lua block up to its closing brace, knowing Lua's strings, long brackets
// and comments, which is where a brace or a quote means nothing.
func (t *tokenizer) lua() string {
	start, depth, line := t.i, 1, t.line
	for t.i < len(t.s) {
		rest := t.s[t.i:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--[["):
			t.skipTo("]]")
			continue
		case strings.HasPrefix(rest, "--"):
			t.skipTo("\n")
			continue
		case strings.HasPrefix(rest, "[["):
			t.skipTo("]]")
			continue
		case c == '"' || c == '\'':
			t.luaString(c)
			continue
		case c == '{':
			depth++
		case c == '}':
			depth--
			if depth == 0 {
				body := t.s[start:t.i]
				t.i++
				return body
			}
		case c == '\n':
			t.line++
		}
		t.i++
	}
	t.fault(line, "Lua block is not closed")
	return t.s[start:]
}

func (t *tokenizer) skipTo(end string) {
	j := strings.Index(t.s[t.i:], end)
	if j < 0 {
		j = len(t.s) - t.i - len(end)
	}
	t.line += strings.Count(t.s[t.i:t.i+j+len(end)], "\n")
	t.i += j + len(end)
}

func (t *tokenizer) luaString(q byte) {
	t.i++
	for t.i < len(t.s) && t.s[t.i] != q && t.s[t.i] != '\n' {
		if t.s[t.i] == '\\' {
			t.i++
		}
		t.i++
	}
	if t.i < len(t.s) && t.s[t.i] == q {
		t.i++
	}
	t.i = min(t.i, len(t.s))
}
