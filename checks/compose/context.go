package compose

import (
	"path"
	"regexp"
	"strings"
)

// Context is what a build sends to the engine, as far as somebody looked.
type Context struct {
	Dir        string
	EnvFiles   []string // files named .env or .env.*, from the context's folder, with slashes
	IgnoreFile string   // the name of the .dockerignore that counts; "" without one
	Ignore     string   // its text
	Dockerfile string   // the text of the Dockerfile; "" when it was not found
}

// Copies is the line of the Dockerfile that copies the whole context, "" when none does. The number
// counts from 1.
func (c *Context) Copies() (line string, n int) {
	for i, l := range strings.Split(c.Dockerfile, "\n") {
		words := strings.Fields(l)
		if len(words) < 3 || !strings.EqualFold(words[0], "COPY") && !strings.EqualFold(words[0], "ADD") {
			continue
		}
		from := false
		var args []string
		for _, w := range words[1:] {
			from = from || strings.HasPrefix(w, "--from")
			if !strings.HasPrefix(w, "--") {
				args = append(args, strings.Trim(w, `[]",`))
			}
		}
		if from || len(args) < 2 {
			continue
		}
		for _, src := range args[:len(args)-1] {
			if s := path.Clean("/" + src); s == "/" || s == "/*" {
				return strings.TrimSpace(l), i + 1
			}
		}
	}
	return "", 0
}

// Ignored reports whether the .dockerignore keeps a file out: the last pattern that matches it, or a
// folder above it, decides.
func (c *Context) Ignored(file string) bool {
	out := false
	for line := range strings.Lines(c.Ignore) {
		line = strings.TrimSpace(line)
		keep := strings.HasPrefix(line, "!")
		line = strings.TrimSpace(strings.TrimPrefix(line, "!"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		re := ignorePattern(strings.TrimPrefix(path.Clean("/"+line), "/"))
		if re == nil {
			continue
		}
		for at := file; at != "." && at != "/"; at = path.Dir(at) {
			if re.MatchString(at) {
				out = !keep
				break
			}
		}
	}
	return out
}

// ignorePattern makes a regular expression of a pattern of a .dockerignore; nil for one that Docker
// would refuse.
func ignorePattern(p string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case strings.HasPrefix(p[i:], "**/"):
			b.WriteString("(.*/)?")
			i += 2
		case strings.HasPrefix(p[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[':
			end := strings.IndexByte(p[i:], ']')
			if end < 0 {
				return nil
			}
			b.WriteString(p[i : i+end+1])
			i += end
		case c == '\\' && i+1 < len(p):
			i++
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re, err := regexp.Compile(b.String() + "$")
	if err != nil {
		return nil
	}
	return re
}

// ContextKey names the context of a build, for looking it up.
func (b *Build) ContextKey() string { return b.Context + "|" + b.Dockerfile }

// Remote reports a context that is no folder: a repository or an archive of the network.
func (b *Build) Remote() bool {
	return strings.Contains(b.Context, "://") || strings.HasPrefix(b.Context, "git@") || strings.HasPrefix(b.Context, "github.com/")
}
