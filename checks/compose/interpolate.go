package compose

import "strings"

// Var is a variable that a file uses.
type Var struct {
	Name     string
	Pos      Pos
	Default  string
	HasDef   bool   // ${X:-d} or ${X-d}
	Required bool   // ${X:?} or ${X?}
	Message  string // of the required form
	Set      bool   // the environment gave it
	Empty    bool   // what it became is empty
}

// expander replaces variables in the scalars of a value.
type expander struct {
	env  map[string]string
	vars []Var
}

func (e *expander) walk(v *Value) {
	if v == nil {
		return
	}
	if v.Kind == Scalar && strings.Contains(v.Raw, "$") {
		v.Text = e.expand(v.Raw, v.Pos, 0)
	}
	for _, x := range v.Items {
		e.walk(x)
	}
}

// expand follows the rules of the compose specification: $X, ${X}, ${X:-d}, ${X-d}, ${X:?m}, ${X?m},
// ${X:+r}, ${X+r}, and $$ for a dollar sign. A required variable that is not set leaves the text as
// it is, because what it would be is not known.
func (e *expander) expand(s string, at Pos, depth int) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '$' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		switch c := s[i+1]; {
		case c == '$':
			b.WriteByte('$')
			i += 2
		case c == '{':
			end := closing(s, i+2)
			if end < 0 {
				b.WriteString(s[i:])
				return b.String()
			}
			b.WriteString(e.braced(s[i+2:end], s[i:end+1], at, depth))
			i = end + 1
		case nameStart(c):
			end := i + 1
			for end < len(s) && nameByte(s[end]) {
				end++
			}
			b.WriteString(e.use(Var{Name: s[i+1 : end], Pos: at}))
			i = end
		default:
			b.WriteByte('$')
			i++
		}
	}
	return b.String()
}

// closing finds the brace that ends a variable, over nested ones.
func closing(s string, i int) int {
	for depth := 0; i < len(s); i++ {
		switch {
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{':
			depth++
			i++
		case s[i] == '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

func (e *expander) braced(body, whole string, at Pos, depth int) string {
	end := 0
	for end < len(body) && nameByte(body[end]) {
		end++
	}
	if end == 0 || depth > 10 {
		return whole
	}
	v := Var{Name: body[:end], Pos: at}
	op := body[end:]
	value, set := e.env[v.Name]
	orEmpty := strings.HasPrefix(op, ":")
	there := set && (!orEmpty || value != "")
	op = strings.TrimPrefix(op, ":")
	if op == "" {
		return e.use(v)
	}
	arg := op[1:]
	switch op[0] {
	case '-':
		v.HasDef, v.Default = true, arg
		if !there {
			v.Set = set
			text := e.expand(arg, at, depth+1)
			v.Empty = text == ""
			e.vars = append(e.vars, v)
			return text
		}
		return e.use(v)
	case '?':
		v.Required, v.Message = true, arg
		if !there {
			v.Empty = true
			e.vars = append(e.vars, v)
			return whole
		}
		return e.use(v)
	case '+':
		v.HasDef, v.Set = true, set
		e.vars = append(e.vars, v)
		if there {
			return e.expand(arg, at, depth+1)
		}
		return ""
	}
	return whole
}

// use records a variable and gives its value, "" when it is not set.
func (e *expander) use(v Var) string {
	value, set := e.env[v.Name]
	v.Set, v.Empty = set, value == ""
	e.vars = append(e.vars, v)
	return value
}

func nameStart(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func nameByte(c byte) bool { return nameStart(c) || c >= '0' && c <= '9' }
