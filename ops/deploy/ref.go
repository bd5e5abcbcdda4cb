package deploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"midwatch/hosts/config"
)

// Ref is one ${…} of a text.
type Ref struct {
	Text string // between the braces, as written
	Root string // "vars", "host", "run", "steps", "secret", or, known to a kind only, "unit" and "before"
	Name string // of the variable, secret or output; "name" of ${host.name}
	Step string // of "steps": the id, "group.step" or as short as it is written
	Host string // of "steps": read on this host, ${steps.a.outputs.b[web1]}
	// First is ${first(steps.a.outputs.b)}: the first host's, in the order of the run.
	First bool
}

// Late reports a reference that only the kind of the step can fill in, while it runs: ${unit.instance} and
// ${unit.name} for each unit of a systemd step, ${before} in a request that undoes another.
func (r Ref) Late() bool { return r.Root == "unit" || r.Root == "before" }

func (r Ref) String() string { return "${" + r.Text + "}" }

// piece is a part of a text: literal, or a reference.
type piece struct {
	lit string
	ref *Ref
}

// split takes a text apart. "$${" stands for "${"; keepEscapes leaves it as it is written.
func split(s string, keepEscapes bool) ([]piece, error) {
	var out []piece
	lit := ""
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		if i > 0 && s[i-1] == '$' {
			lit += s[:i-1]
			if keepEscapes {
				lit += "$"
			}
			lit += "${"
			s = s[i+2:]
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return nil, fmt.Errorf("%q is not closed", excerpt(s[i:]))
		}
		ref, err := parseRef(s[i+2 : i+end])
		if err != nil {
			return nil, err
		}
		if lit += s[:i]; lit != "" {
			out = append(out, piece{lit: lit})
			lit = ""
		}
		out = append(out, piece{ref: &ref})
		s = s[i+end+1:]
	}
	if lit += s; lit != "" {
		out = append(out, piece{lit: lit})
	}
	return out, nil
}

// excerpt is the beginning of what was written.
func excerpt(s string) string {
	r := []rune(s)
	const most = 40
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

var (
	wordPattern   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)
	outputPattern = regexp.MustCompile(`^steps\.([A-Za-z0-9_.-]+?)\.outputs\.([A-Za-z0-9_./:-]+?)(?:\[([A-Za-z0-9_.-]+)\])?$`)
)

// roots are the first words of references, as a person may have meant them.
var roots = []string{"vars", "host", "run", "steps", "secret", "unit", "before", "first"}

// parseRef reads what stands between ${ and }.
func parseRef(text string) (Ref, error) {
	r := Ref{Text: text}
	body := text
	if inner, ok := strings.CutPrefix(text, "first("); ok {
		inner, ok = strings.CutSuffix(inner, ")")
		if !ok || !strings.HasPrefix(inner, "steps.") {
			return r, fmt.Errorf("${%s} is no expression: want ${first(steps.STEP.outputs.NAME)}", excerpt(text))
		}
		r.First, body = true, inner
	}
	root, name, _ := strings.Cut(body, ".")
	r.Root, r.Name = root, name
	switch root {
	case "vars", "secret", "host":
		if !wordPattern.MatchString(name) {
			return r, fmt.Errorf("${%s} names nothing: want ${%s.NAME}", excerpt(text), root)
		}
	case "run":
		if name != "id" {
			return r, fmt.Errorf("${%s} is unknown: want ${run.id}", excerpt(text))
		}
	case "unit":
		if name != "instance" && name != "name" {
			return r, fmt.Errorf("${%s} is unknown: want ${unit.instance} or ${unit.name}", excerpt(text))
		}
	case "before":
		if name != "" {
			return r, fmt.Errorf("${%s} is unknown: want ${before}", excerpt(text))
		}
	case "steps":
		m := outputPattern.FindStringSubmatch(body)
		if m == nil {
			return r, fmt.Errorf("${%s} names no output: want ${steps.STEP.outputs.NAME}", excerpt(text))
		}
		r.Step, r.Name, r.Host = m[1], m[2], m[3]
		if r.First && r.Host != "" {
			return r, fmt.Errorf("${%s} names a host and the first one: keep one of the two", excerpt(text))
		}
	case "env":
		return r, fmt.Errorf("${%s}: the environment is not read: make it a variable, or a secret from = \"env\"", excerpt(text))
	default:
		return r, unknownRoot(text, root)
	}
	return r, nil
}

func unknownRoot(text, root string) error {
	meant := "known are vars, host, run, steps, secret; a literal ${ is written $${"
	if n := config.Nearest(root, roots); n != "" && !slices.Contains(roots, root) {
		meant = fmt.Sprintf("did you mean %q?", n)
	}
	return fmt.Errorf("${%s} is no expression: %s", excerpt(text), meant)
}

// Refs are the references of a text, in order. The error says which of them cannot be read.
func Refs(text string) ([]Ref, error) {
	pieces, err := split(text, false)
	var out []Ref
	for _, p := range pieces {
		if p.ref != nil {
			out = append(out, *p.ref)
		}
	}
	return out, err
}

// HasSecret reports whether a Sensitive holds a secret.
func HasSecret(s Sensitive) bool {
	refs, _ := Refs(string(s))
	return slices.ContainsFunc(refs, func(r Ref) bool { return r.Root == "secret" })
}
