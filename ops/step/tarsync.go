package step

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// scriptFind lists directories, an empty name, and everything else, each ended by a NUL.
const scriptFind = `cd -- "$1" && find . -type d -print0 && printf '\000' && find . ! -type d -print0`

// fillByTar sends a release as one stream, for where rsync is missing on either side. It is proven by the
// sums of all files, not by a second look of rsync.
func (t *transfer) fillByTar(ctx context.Context, e *Env, r syncRecord) error {
	paths, err := t.list(ctx, e)
	if err != nil {
		return err
	}
	// The list is read from standard input; --no-recursion is GNU's and bsdtar's word.
	s, err := e.Local.Stream(ctx, hosts.Cmd{
		Argv:  []string{"tar", "-C", t.from, "--no-recursion", "--null", "-cf", "-", "-T", "-"},
		Stdin: nulls(paths),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	res, err := t.m.conn.Run(ctx, hosts.Cmd{
		Argv:  []string{"sh", "-c", `umask 022; find "$1" -mindepth 1 ! -name "$2" -delete && exec tar -C "$1" -xpof -`, "sh", r.Dir, partMark},
		Stdin: s, Sudo: t.m.sudo, Timeout: treeTime,
	})
	if err != nil {
		return t.m.unable(err)
	}
	if sent, err := s.Wait(); err != nil {
		return err
	} else if sent.Exit != 0 {
		return &failure{"this machine", "tar " + t.from, sent}
	}
	if res.Exit != 0 {
		return t.m.explain(&failure{t.m.name, "unpack into " + r.Dir, res})
	}
	return t.sameSums(ctx, e, r, paths)
}

// sameSums compares both sides.
func (t *transfer) sameSums(ctx context.Context, e *Env, r syncRecord, paths []string) error {
	from, err := here(e).lookPaths(ctx, t.from, paths)
	if err != nil {
		return err
	}
	to, err := t.m.lookPaths(ctx, r.Dir, paths)
	if err != nil {
		return err
	}
	for _, p := range paths {
		a, b := from.at(p), to.at(p)
		b.UID, b.GID = a.UID, a.GID // the host's own
		if a.Type == "dir" || t.s.Keep {
			b.Mode = a.Mode
		}
		if why := a.differs(b); why != "" {
			return fmt.Errorf("%s: %s %s: %w", t.m.name, hosts.CleanLine(path.Join(r.Dir, p)), why, ErrNotDone)
		}
	}
	return nil
}

// list is everything of the source that is not excluded.
func (t *transfer) list(ctx context.Context, e *Env) ([]string, error) {
	out, err := here(e).script(ctx, "list "+t.from, nil, scriptFind, t.from)
	if err != nil {
		return nil, err
	}
	rules := t.rules()
	var paths, gone []string
	dir := true
	for p := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		if p == "" {
			dir = false
			continue
		}
		p = strings.TrimPrefix(p, "./")
		switch {
		case p == ".":
		case strings.Contains(p, "\n"):
			return nil, refused("this machine: %q has a line break in its name: rename it or exclude it", p)
		case slices.ContainsFunc(gone, func(d string) bool { return under(p, d) }):
		case slices.ContainsFunc(rules, func(r excludeRule) bool { return r.matches(p, dir) }):
			if dir {
				gone = append(gone, p)
			}
		default:
			paths = append(paths, p)
		}
	}
	return paths, nil
}

// rules are the excludes with what a release never takes.
func (t *transfer) rules() []excludeRule {
	all := slices.Clone(t.s.Exclude)
	for _, x := range t.s.Shared {
		all = append(all, deploy.Text("/"+strings.Trim(string(x), "/")))
	}
	all = append(all, "/"+releaseMark, "/"+badMark, "/"+partMark)
	out := make([]excludeRule, len(all))
	for i, x := range all {
		out[i] = newExclude(string(x))
	}
	return out
}

// excludeRule is a pattern as rsync's --exclude has them (rsync(1), PATTERN MATCHING RULES): with a slash at
// its end it is for directories only, with one at its beginning for the top only; without another slash it is
// matched with the last part of a name, else with its end. "*" and "?" stop at slashes, "**" does not.
type excludeRule struct {
	parts    string
	dirsOnly bool
	anchored bool
}

func newExclude(pattern string) excludeRule {
	r := excludeRule{parts: pattern}
	r.parts, r.dirsOnly = strings.CutSuffix(r.parts, "/")
	r.parts, r.anchored = strings.CutPrefix(r.parts, "/")
	return r
}

func (r excludeRule) matches(p string, dir bool) bool {
	switch {
	case r.dirsOnly && !dir, r.parts == "":
		return false
	case r.anchored:
		return wild(r.parts, p)
	case !strings.Contains(r.parts, "/") && !strings.Contains(r.parts, "**"):
		return wild(r.parts, path.Base(p))
	}
	for {
		if wild(r.parts, p) {
			return true
		}
		_, rest, ok := strings.Cut(p, "/")
		if !ok {
			return false
		}
		p = rest
	}
}

// wild matches a whole text with a pattern.
func wild(pattern, text string) bool {
	for len(pattern) > 0 {
		switch {
		case strings.HasPrefix(pattern, "**"):
			rest := strings.TrimLeft(pattern, "*")
			for i := range len(text) + 1 {
				if wild(rest, text[i:]) {
					return true
				}
			}
			return false
		case pattern[0] == '*':
			for i := 0; i <= len(text); i++ {
				if wild(pattern[1:], text[i:]) {
					return true
				}
				if i < len(text) && text[i] == '/' {
					return false
				}
			}
			return false
		case text == "":
			return false
		}
		n, ok := one(pattern, text[0])
		if !ok {
			return false
		}
		pattern, text = pattern[n:], text[1:]
	}
	return text == ""
}

// one matches one byte with the beginning of a pattern and says how long that is.
func one(pattern string, c byte) (int, bool) {
	switch pattern[0] {
	case '?':
		return 1, c != '/'
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	case '[':
		if end := strings.IndexByte(pattern[1:], ']'); end > 0 {
			ok, err := path.Match(strings.Replace(pattern[:end+2], "[!", "[^", 1), string(rune(c)))
			return end + 2, ok && err == nil && c != '/'
		}
	}
	return 1, pattern[0] == c
}
