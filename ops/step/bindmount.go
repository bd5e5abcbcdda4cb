package step

import (
	"context"
	"path"
	"strings"
)

// mount is one line of a mountinfo file (proc_pid_mountinfo(5)).
type mount struct{ dev, root, point string }

const scriptMounts = `d=$(cd -- "$(dirname -- "$1")" && pwd -P) || exit 0
printf '%s\n' "$d"
cat /proc/self/mountinfo 2>/dev/null
echo
grep -hF -- "$2" /proc/[0-9]*/mountinfo 2>/dev/null | sort -u`

// boundAlone reports that a file, and not the directory it is in, is mounted somewhere: into a container, by
// a bind mount. Such a mount keeps the old inode when the file is replaced by a rename, so it has to be
// written in place. Mounts of containers are seen through their processes, which takes root; where they
// cannot be read the answer is no.
func (m machine) boundAlone(ctx context.Context, p string) (bool, error) {
	out, err := m.script(ctx, "look for mounts of "+p, nil, scriptMounts, p, escapeMount(path.Base(p)))
	if err != nil {
		return false, err
	}
	dir, rest, ok := strings.Cut(out, "\n")
	if !ok {
		return false, nil
	}
	own, others, _ := strings.Cut(rest, "\n\n")
	return boundAmong(path.Join(dir, path.Base(p)), parseMounts(own), parseMounts(others)), nil
}

// boundAmong looks for a mount whose root is the file itself.
func boundAmong(p string, own, others []mount) bool {
	var at mount
	for _, m := range own {
		if m.point == p {
			return true
		}
		if under(p, m.point) && len(m.point) >= len(at.point) {
			at = m
		}
	}
	if at.point == "" {
		return false
	}
	inner := path.Join(at.root, strings.TrimPrefix(p, at.point))
	for _, m := range others {
		if m.dev == at.dev && m.root == inner {
			return true
		}
	}
	return false
}

// under reports that p lies in dir or below.
func under(p, dir string) bool {
	return dir == "/" || p == dir || strings.HasPrefix(p, dir+"/")
}

func parseMounts(text string) []mount {
	var out []mount
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		out = append(out, mount{dev: f[2], root: unescapeMount(f[3]), point: unescapeMount(f[4])})
	}
	return out
}

// The kernel writes these four as octal.
var mountEscapes = []string{`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`}

func escapeMount(s string) string { return strings.NewReplacer(mountEscapes...).Replace(s) }

func unescapeMount(s string) string {
	var back []string
	for i := 0; i < len(mountEscapes); i += 2 {
		back = append(back, mountEscapes[i+1], mountEscapes[i])
	}
	return strings.NewReplacer(back...).Replace(s)
}
