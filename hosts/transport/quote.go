package transport

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"midwatch/hosts"
)

// Quote returns argv as one line that a POSIX shell splits back into argv. Text in single quotes is
// taken literally; single quotes and backslashes are put outside of them, because a backslash within
// quotes means different things to sh and to fish.
func Quote(argv ...string) string {
	var b strings.Builder
	for i, a := range argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		quoteWord(&b, a)
	}
	return b.String()
}

func quoteWord(b *strings.Builder, s string) {
	if plainWord(s) {
		b.WriteString(s)
		return
	}
	if s == "" {
		b.WriteString("''")
		return
	}
	open := false
	toggle := func(want bool) {
		if open != want {
			b.WriteByte('\'')
			open = want
		}
	}
	for i := range len(s) {
		special := s[i] == '\'' || s[i] == '\\'
		toggle(!special)
		if special {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	toggle(false)
}

// plainWord reports whether s means itself in every shell, wherever it stands on the line. An equals
// sign would make an assignment, a tilde a home directory.
func plainWord(s string) bool {
	if s == "" || slices.Contains(shellWords, s) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("_@%+:,./-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// shellWords are the reserved words of sh and bash that are made of plain letters.
var shellWords = []string{
	"if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in",
	"function", "select", "time", "coproc",
}

var (
	errNoArgv  = errors.New("empty command")
	errNUL     = errors.New("a NUL byte in a command")
	errDashCmd = errors.New("a command name that begins with a dash")
)

// fullArgv puts the environment of c before its argv, by env(1), and refuses what no shell can carry.
// Values pass through the argument list of env for a moment, so secrets do not belong in Env.
func fullArgv(c hosts.Cmd) ([]string, error) {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return nil, errNoArgv
	}
	if c.Argv[0][0] == '-' {
		return nil, fmt.Errorf("%w: %q", errDashCmd, c.Argv[0])
	}
	argv := c.Argv
	if len(c.Env) > 0 {
		env := make([]string, 0, len(c.Env))
		for k, v := range c.Env {
			if k == "" || strings.ContainsAny(k, "=\x00") || k[0] == '-' {
				return nil, fmt.Errorf("environment variable %q: not a name", k)
			}
			env = append(env, k+"="+v)
		}
		slices.Sort(env)
		argv = append([]string{"env"}, env...)
		if strings.Contains(c.Argv[0], "=") {
			// env would take the command for one more variable.
			argv = append(argv, "sh", "-c", `exec "$@"`, "sh")
		}
		argv = append(argv, c.Argv...)
	}
	for _, a := range argv {
		if strings.IndexByte(a, 0) >= 0 {
			return nil, errNUL
		}
	}
	return argv, nil
}

// remoteLine is what is sent to the login shell of a host. With exec the command takes the place of
// the shell: it is never a builtin or an alias, and a signal reaches it.
func remoteLine(argv []string) string { return "exec " + Quote(argv...) }
