package collect

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"midwatch/hosts"
)

// MaskCompose masks what may be secret in a compose file and keeps every line where it is: all
// values under environment and args, values whose key says secret, passwords in URLs. What only
// refers to a variable, ${NAME}, stays.
func MaskCompose(text string) string {
	lines := strings.Split(text, "\n")
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	broken := false
	for {
		if err := dec.Decode(&doc); err != nil {
			broken = err.Error() != "EOF"
			break
		}
		m := masker{lines: lines, seen: map[visit]bool{}}
		m.walk(&doc, "", false)
		doc = yaml.Node{}
	}
	for i, l := range lines {
		if broken {
			l = maskAssignment(l)
		}
		lines[i] = maskShape(l)
	}
	return strings.Join(lines, "\n")
}

// secretKey matches keys whose values are masked wherever they stand.
var secretKey = regexp.MustCompile(`(?i)(passw|secret|token|api_?key|apikey|private_?key|credential|basicauth|auth_?key|dsn|hash_?salt)`)

// reference is a value that is only the name of a variable, with no default.
var reference = regexp.MustCompile(`^\$(\{[A-Za-z_][A-Za-z0-9_]*(:?\?[^{}$]*)?\}|[A-Za-z_][A-Za-z0-9_]*)$`)

// masker walks the nodes of one document and masks the lines they came from.
type masker struct {
	lines []string
	seen  map[visit]bool
}

// visit is a node and the way it was come to; anchors may be met many times, or in a circle.
type visit struct {
	n   *yaml.Node
	all bool
}

// walk looks for what to mask; all says that n stands under a key all of whose values are masked.
func (m *masker) walk(n *yaml.Node, key string, all bool) {
	if all && n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias // what an anchor holds is masked where it stands
	}
	if m.seen[visit{n, all}] {
		return
	}
	m.seen[visit{n, all}] = true
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			under := all || k.Value == "environment" || k.Value == "args" || secretKey.MatchString(k.Value)
			if all && k.Value == "<<" && v.Kind == yaml.SequenceNode {
				for _, one := range v.Content {
					m.walk(one, "", true)
				}
				continue
			}
			m.walk(v, k.Value, under)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			m.walk(c, key, all)
		}
	case yaml.DocumentNode:
		for _, c := range n.Content {
			m.walk(c, "", false)
		}
	case yaml.ScalarNode:
		m.scalar(n, all)
	}
}

func (m *masker) scalar(n *yaml.Node, all bool) {
	name, value, pair := strings.Cut(n.Value, "=")
	switch {
	case all && pair:
		if value != "" && !reference.MatchString(value) {
			m.hide(n, name+"="+hosts.Dots)
		}
	case all:
		if n.Value != "" && n.Tag != "!!null" && !reference.MatchString(n.Value) {
			m.hide(n, hosts.Dots)
		}
	case pair && secretKey.MatchString(name) && !reference.MatchString(value) && value != "":
		m.hide(n, name+"="+hosts.Dots)
	}
}

// hide replaces the text of a scalar in its lines. A text over several lines leaves empty ones.
func (m *masker) hide(n *yaml.Node, with string) {
	at := n.Line - 1
	if at < 0 || at >= len(m.lines) || n.Column < 1 {
		return
	}
	col := columnOffset(m.lines[at], n.Column)
	head, rest := m.lines[at][:col], m.lines[at][col:]
	last, tail := at, ""
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		last = m.blockEnd(at)
	case strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, `'`):
		last, tail = m.quoteEnd(at, col)
	default:
		last, tail = m.plainEnd(at, col, n)
	}
	m.lines[at] = head + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(with) + `"` + tail
	for i := at + 1; i <= last && i < len(m.lines); i++ {
		m.lines[i] = ""
	}
}

// columnOffset turns a column in characters, from one, into an offset in bytes.
func columnOffset(line string, col int) int {
	n := 0
	for i := range line {
		if n++; n == col {
			return i
		}
	}
	return len(line)
}

// indent is the number of blanks a line begins with; -1 for an empty one.
func indent(line string) int {
	t := strings.TrimLeft(line, " ")
	if t == "" || t == "\r" {
		return -1
	}
	return len(line) - len(t)
}

// blockEnd is the last line of a block scalar that is opened on line at.
func (m *masker) blockEnd(at int) int {
	base, last := max(indent(m.lines[at]), 0), at
	for i := at + 1; i < len(m.lines); i++ {
		in := indent(m.lines[i])
		if in >= 0 && in <= base {
			break
		}
		last = i
	}
	return last
}

// quoteEnd finds the end of a quoted scalar: its line, and what follows it there.
func (m *masker) quoteEnd(at, col int) (last int, tail string) {
	quote := m.lines[at][col]
	for i := at; i < len(m.lines); i++ {
		l, from := m.lines[i], 0
		if i == at {
			from = col + 1
		}
		for j := from; j < len(l); j++ {
			switch {
			case quote == '"' && l[j] == '\\':
				j++
			case l[j] != quote:
			case quote == '\'' && j+1 < len(l) && l[j+1] == quote:
				j++
			default:
				return i, l[j+1:]
			}
		}
	}
	return at, ""
}

// plainEnd finds the end of a scalar without quotes. On one line it is known by its text, which
// leaves what closes a flow collection and a comment; over several lines it goes on as long as lines
// are deeper than the one it began on.
func (m *masker) plainEnd(at, col int, n *yaml.Node) (last int, tail string) {
	rest := m.lines[at][col:]
	if strings.HasPrefix(rest, n.Value) {
		return at, rest[len(n.Value):]
	}
	if i := strings.Index(rest, n.Value); n.Value != "" && i >= 0 { // behind a tag or an anchor
		return at, rest[i+len(n.Value):]
	}
	return m.blockEnd(at), ""
}

// assignment is a variable set in any of the ways a compose file knows.
var assignment = regexp.MustCompile(`^(\s*(?:-\s*)?["']?[A-Za-z_][A-Za-z0-9_.-]*["']?\s*[:=]\s*)(\S.*)$`)

// maskAssignment masks the value of a line of a file that is no YAML: then nothing is known of where
// a line stands, and every value of an upper-case name or one that says secret goes.
func maskAssignment(line string) string {
	m := assignment.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	name := strings.Trim(m[1], " \t-:='\"")
	if (name == strings.ToUpper(name) || secretKey.MatchString(name)) && !reference.MatchString(m[2]) {
		return m[1] + hosts.Dots
	}
	return line
}

// Shapes of secrets that are masked wherever they stand.
var (
	urlPassword = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*):([^\s@"'/]+)@`)
	bearer      = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`)
	option      = regexp.MustCompile(`(?i)(--?[a-z-]*(?:password|passwd|secret|token|api-key|requirepass)[=\s"',]+)([^\s"',\]]+)`)
)

// maskShape masks what is a secret by its shape.
func maskShape(line string) string {
	line = urlPassword.ReplaceAllString(line, "${1}:"+hosts.Dots+"@")
	line = bearer.ReplaceAllString(line, "${1} "+hosts.Dots)
	return option.ReplaceAllStringFunc(line, func(s string) string {
		m := option.FindStringSubmatch(s)
		if reference.MatchString(m[2]) {
			return s
		}
		return m[1] + hosts.Dots
	})
}
