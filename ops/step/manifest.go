package step

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"midwatch/hosts"
)

// manifest is the state of paths below a directory: what an undo must bring back, and what drift is told
// from. Paths that are not there are not in it.
type manifest map[string]fileState

// The paths come on standard input, each ended by a NUL. Names are printed as they are, so those with line
// breaks are refused before. The operator's machine may have the tools of BSD.
const (
	scriptStats = `cd -- "$1" 2>/dev/null || exit 0
if stat -c %f . >/dev/null 2>&1; then xargs -0 -r stat -c '%f %u %g %s %n' -- 2>/dev/null
else xargs -0 stat -f '%Xp %u %g %z %N' -- 2>/dev/null
fi
exit 0`
	scriptSums = `cd -- "$1" || exit 1
if command -v sha256sum >/dev/null 2>&1; then xargs -0 -r sha256sum -- ; else xargs -0 shasum -a 256 -- ; fi`
	scriptLinks = `cd -- "$1" || exit 1; xargs -0 -r -n 1 readlink -- `
)

// lookPaths reads the state of paths below dir.
func (m machine) lookPaths(ctx context.Context, dir string, paths []string) (manifest, error) {
	out, err := m.script(ctx, "look at files of "+dir, nulls(paths), scriptStats, dir)
	if err != nil {
		return nil, err
	}
	all := manifest{}
	var files, links []string
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
		parts := strings.SplitN(line, " ", 5)
		if len(parts) != 5 {
			continue
		}
		s := fileState{Path: strings.TrimPrefix(parts[4], "./")}
		if err := s.parseStat(strings.Join(parts[:4], " ")); err != nil {
			return nil, err
		}
		if s.Path == "" {
			s.Path = "."
		}
		all[key(s.Path)] = s
		switch s.Type {
		case "file":
			files = append(files, s.Path)
		case "link":
			links = append(links, s.Path)
		}
	}
	if err := m.fillSums(ctx, dir, files, all); err != nil {
		return nil, err
	}
	return all, m.fillLinks(ctx, dir, links, all)
}

// key is a path without the slash that marks a directory.
func key(p string) string { return path.Clean(p) }

func (m machine) fillSums(ctx context.Context, dir string, files []string, all manifest) error {
	if len(files) == 0 {
		return nil
	}
	out, err := m.script(ctx, "read files of "+dir, nulls(files), scriptSums, dir)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
		escaped := strings.HasPrefix(line, `\`) // GNU writes a name with a backslash so
		sum, name, ok := strings.Cut(strings.TrimPrefix(line, `\`), "  ")
		if escaped {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(name)
		}
		s, known := all[key(strings.TrimPrefix(name, "./"))]
		if !ok || !known || len(sum) != 64 {
			return fmt.Errorf("%s: %s: the sums of files cannot be read", m.name, hosts.CleanLine(dir))
		}
		s.SHA256 = sum
		all[key(s.Path)] = s
		n++
	}
	if n != len(files) {
		return fmt.Errorf("%s: %s: %d files were read, %d were asked for", m.name, hosts.CleanLine(dir), n, len(files))
	}
	return nil
}

func (m machine) fillLinks(ctx context.Context, dir string, links []string, all manifest) error {
	if len(links) == 0 {
		return nil
	}
	out, err := m.script(ctx, "read symlinks of "+dir, nulls(links), scriptLinks, dir)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(links) {
		return fmt.Errorf("%s: %s: the targets of its symlinks cannot be read", m.name, hosts.CleanLine(dir))
	}
	for i, l := range links {
		s := all[key(l)]
		s.Link = lines[i]
		all[key(l)] = s
	}
	return nil
}

// nulls are paths as xargs -0 reads them; each begins with ./, so that none is taken for an option.
func nulls(paths []string) *strings.Reader {
	var b strings.Builder
	for _, p := range paths {
		b.WriteString("./" + strings.TrimPrefix(key(p), "./"))
		b.WriteByte(0)
	}
	return strings.NewReader(b.String())
}

// differs says what of the paths is not as it was, one a line.
func (was manifest) differs(now manifest, paths []string) []string {
	var out []string
	for _, p := range paths {
		a, b := was.at(p), now.at(p)
		if a.Type == "dir" {
			a.Size, b.Size = 0, 0
		}
		if why := a.differs(b); why != "" {
			out = append(out, hosts.CleanLine(key(p))+" "+why)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (was manifest) at(p string) fileState {
	s, ok := was[key(p)]
	if !ok {
		return fileState{Path: key(p), Type: "absent"}
	}
	return s
}

// names are the paths of a manifest in order.
func (was manifest) names() []string { return slices.Sorted(maps.Keys(was)) }
