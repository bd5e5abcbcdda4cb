package logline

import "strings"

// Continues reports whether a line goes on the record before it: the frames of a stack trace, the
// indented rest of a message. first is the record's first line, prev the line right before.
//
// It errs on the side of keeping lines apart: what is joined wrongly is hidden, what is kept apart
// wrongly is only less handsome.
func Continues(first, prev, line string) bool {
	if line == "" {
		return false
	}
	switch c := line[0]; {
	case c == ' ' || c == '\t':
		return indented(first, line)
	case c == '}' || c == ')' || c == ']':
		return len(strings.TrimRight(line, ";,)}] ")) == 0 && opens(first)
	case strings.HasPrefix(line, "Caused by: "), strings.HasPrefix(line, "Suppressed: "):
		return true // Java
	case strings.HasPrefix(first, "Traceback (most recent call last)"), strings.Contains(prev, "Traceback (most recent call last)"):
		return pythonEnd(prev, line)
	case strings.HasPrefix(line, "Traceback (most recent call last)"),
		strings.HasPrefix(line, "During handling of the above exception"), strings.HasPrefix(line, "The above exception was the direct cause"):
		return Level(first) >= levelOf("error") // the logger's line about the exception stands before
	case strings.HasPrefix(first, "panic: "), strings.HasPrefix(first, "fatal error: "):
		return goTrace(line)
	}
	return pythonEnd(prev, line) || rubyFrame(line)
}

// indented lines belong to what is above, unless that is an indented line itself that nothing opened.
func indented(first, line string) bool {
	rest := strings.TrimLeft(line, " \t")
	if rest == "" || first == "" {
		return false
	}
	if first[0] != ' ' && first[0] != '\t' {
		// A level in front of its own makes it a line of its own: "  INFO starting".
		return Level(line) == 0 || frameLike(rest)
	}
	return frameLike(rest)
}

// frameLike reports the frames of Python, Java, JavaScript, .NET and Go traces.
func frameLike(s string) bool {
	return strings.HasPrefix(s, "at ") || strings.HasPrefix(s, `File "`) || strings.HasPrefix(s, "... ") ||
		strings.HasPrefix(s, "from ") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "^")
}

// pythonEnd is the last line of a Python trace, "ValueError: text", behind an indented one.
func pythonEnd(prev, line string) bool {
	if prev == "" || prev[0] != ' ' {
		return false
	}
	name, _, _ := strings.Cut(line, ":")
	if name == "" || strings.ContainsAny(name, " \t[]{}\"'=") {
		return false
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.HasSuffix(last, "Error") || strings.HasSuffix(last, "Exception") || strings.HasSuffix(last, "Warning") ||
		strings.HasSuffix(last, "Interrupt") || strings.HasSuffix(last, "Exit")
}

// rubyFrame is app/models/order.rb:12:in 'total'.
func rubyFrame(line string) bool {
	i := strings.Index(line, ".rb:")
	return i > 0 && !strings.ContainsAny(line[:i], " \t") && strings.Contains(line[i:], ":in ")
}

// goTrace is what follows a panic.
func goTrace(line string) bool {
	return strings.HasPrefix(line, "goroutine ") || strings.HasPrefix(line, "created by ") || strings.HasPrefix(line, "exit status ") ||
		strings.HasPrefix(line, "[signal ") || strings.HasSuffix(line, ")") && strings.Contains(line, "(") && !strings.Contains(line, " ") ||
		strings.HasPrefix(line, "main.") || strings.HasPrefix(line, "panic(")
}

// opens reports a line that leaves a bracket open, as a spread-out object does.
func opens(s string) bool {
	s = strings.TrimRight(s, " ")
	return strings.HasSuffix(s, "{") || strings.HasSuffix(s, "[") || strings.HasSuffix(s, "(")
}
