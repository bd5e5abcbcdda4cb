package collect

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// MaskCompose masks what may be secret in a compose file and keeps every line where it is: values
// under environment and args but for what told lets through, values whose key says secret, passwords
// in URLs. What only refers to a variable, ${NAME}, stays.
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
		m.walk(&doc, inOther)
		m.apply()
		doc = yaml.Node{}
	}
	key := false // between the lines of a private key
	for i, l := range lines {
		begins := strings.Contains(l, "-----BEGIN ")
		ends := strings.Contains(l, "-----END ")
		switch {
		case key || (begins && strings.Contains(l, "PRIVATE KEY")):
			l = l[:len(l)-len(strings.TrimLeft(l, " "))] + hosts.Dots
			key = !ends
		case broken:
			l = maskUnknown(l)
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
	edits []edit
}

// edit is a scalar that is to be replaced.
type edit struct {
	n    *yaml.Node
	with string
}

// visit is a node and the way it was come to; anchors may be met many times, or in a circle.
type visit struct {
	n     *yaml.Node
	under scope
}

// scope is what a node stands under.
type scope int

const (
	inOther       scope = iota
	inEnvironment       // environment, args: a value is masked but for what may be told
	inSecret            // a key that says secret: everything is masked
)

// walk looks for what to mask in a node.
func (m *masker) walk(n *yaml.Node, under scope) {
	if under != inOther && n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias // what an anchor holds is masked where it stands
	}
	if m.seen[visit{n, under}] {
		return
	}
	m.seen[visit{n, under}] = true
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i].Value, n.Content[i+1]
			if v := follow(value); under == inEnvironment && v.Kind == yaml.ScalarNode && !secretKey.MatchString(key) {
				m.variable(key, v)
				continue
			}
			m.walk(value, within(key, under))
		}
	case yaml.DocumentNode, yaml.SequenceNode:
		for _, c := range n.Content {
			// A list under environment holds names alone where the value comes from elsewhere.
			if under == inEnvironment && c.Kind == yaml.ScalarNode && variable.MatchString(c.Value) {
				continue
			}
			m.walk(c, under)
		}
	case yaml.ScalarNode:
		m.scalar(n, under)
	}
}

// within is what the value of a key stands under.
func within(key string, under scope) scope {
	switch {
	case under != inOther:
		return under
	case key == "environment" || key == "args":
		return inEnvironment
	case secretKey.MatchString(key):
		return inSecret
	default:
		return inOther
	}
}

// follow is the node that an alias stands for: what an anchor holds is masked where it stands.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// variable masks the value of a variable that is written as an entry of a mapping. An anchor that several
// variables share is shown only where each of them may be.
func (m *masker) variable(name string, n *yaml.Node) {
	if n.Value == "" || n.Tag == "!!null" || reference.MatchString(n.Value) {
		return
	}
	if with := told(name, n.Value); with != n.Value {
		m.edits = append(m.edits, edit{n, with})
	}
}

// variable is the name of an environment variable alone: what a list under environment holds when
// the value comes from the shell that runs compose.
var variable = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

func (m *masker) scalar(n *yaml.Node, under scope) {
	all := under != inOther
	name, value, pair := strings.Cut(n.Value, "=")
	switch {
	case all && pair && under == inEnvironment:
		if value != "" && !reference.MatchString(value) {
			if with := told(name, value); with != value {
				m.edits = append(m.edits, edit{n, name + "=" + with})
			}
		}
	case all && pair:
		if value != "" && !reference.MatchString(value) {
			m.edits = append(m.edits, edit{n, name + "=" + hosts.Dots})
		}
	case all:
		if n.Value != "" && n.Tag != "!!null" && !reference.MatchString(n.Value) {
			m.edits = append(m.edits, edit{n, hosts.Dots})
		}
	case pair && secretKey.MatchString(name) && !reference.MatchString(value) && value != "":
		m.edits = append(m.edits, edit{n, name + "=" + hosts.Dots})
	}
}

// apply makes the edits, from the last to the first so that places stay where they are.
func (m *masker) apply() {
	slices.SortFunc(m.edits, func(a, b edit) int {
		// Of two that share a place the one that tells less comes first.
		return cmp.Or(cmp.Compare(b.n.Line, a.n.Line), cmp.Compare(b.n.Column, a.n.Column), cmp.Compare(len(a.with), len(b.with)))
	})
	var last *yaml.Node
	for _, e := range m.edits {
		if last == nil || e.n.Line != last.Line || e.n.Column != last.Column {
			m.hide(e.n, e.with)
		}
		last = e.n
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
	var last int
	var tail string
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

// keyLine is the beginning of a line of a mapping, and what it is set to.
var keyLine = regexp.MustCompile(`^(\s*(?:- )?["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?\s*:)(?:\s+(\S.*))?$`)

// harmless are the keys whose values are shown even of a file that is no YAML.
var harmless = map[string]bool{ //nolint:gochecknoglobals // never changed
	"image": true, "container_name": true, "restart": true, "version": true, "network_mode": true, "context": true,
	"dockerfile": true, "condition": true, "driver": true, "external": true, "name": true,
}

// maskUnknown masks a line of a file that is no YAML. Nothing is known of where it stands, so only
// keys and what is harmless stay.
func maskUnknown(line string) string {
	if strings.TrimSpace(line) == "" {
		return line
	}
	m := keyLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		return line[:len(line)-len(strings.TrimLeft(line, " \t-"))] + hosts.Dots
	case m[3] == "" || harmless[m[2]]:
		return line
	default:
		return m[1] + " " + hosts.Dots
	}
}

// option is a flag of a command that is followed by a secret.
var option = regexp.MustCompile(`(?i)(--?[a-z-]*(?:password|passwd|secret|token|api-key|requirepass)[=\s"',]+)([^\s"',\]]+)`)

// maskShape masks what is a secret by its shape.
func maskShape(line string) string {
	line = option.ReplaceAllStringFunc(line, func(s string) string {
		m := option.FindStringSubmatch(s)
		if reference.MatchString(m[2]) {
			return s
		}
		return m[1] + hosts.Dots
	})
	return redact.Text(line)
}
