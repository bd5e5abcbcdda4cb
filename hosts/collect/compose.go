package collect

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// The labels that docker compose puts on containers.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelDir     = "com.docker.compose.project.working_dir"
	labelFiles   = "com.docker.compose.project.config_files"
	labelHash    = "com.docker.compose.config-hash"
	labelOneoff  = "com.docker.compose.oneoff"
)

// composeLimit bounds one compose file.
const composeLimit = 256 << 10

// composeSection reads the compose files that the labels of containers name. What stands under
// environment is masked before anyone else sees it.
func composeSection() Section {
	return Section{
		ID: "compose", Title: "compose files of running projects",
		Source: "cat the files that the label " + labelFiles + " names", Root: RootHelps,
		Make:  composeScript,
		Limit: 8 * time.Second, Every: 5 * time.Minute, Max: 8 << 20, Watch: hosts.TopicServices, Faster: 10,
		Redact: redactCompose,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			f.Compose = hosts.Read(JoinCompose(ParseComposeFiles(ev.Data), f.Containers.Value), ev.Source, ev.At)
			f.Compose.Needs = ev.Needs
			return nil
		},
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			f.Compose = f.Compose.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		},
	}
}

// shellGone defines mw_gone: a file is gone when it is not there and the nearest folder above it that
// can be seen may be searched. In a folder that may not, everything looks as if it were missing.
const shellGone = `mw_gone() {
[ ! -e "$1" ] || return 1
d=$1
while d=${d%/*}; do
[ -n "$d" ] || return 0
if [ -d "$d" ]; then [ -x "$d" ]; return; fi
done
}
`

// composeScript prints each file with the number of its line ends in front, so that no text in it can
// pass for something else. Lines are counted and not bytes: masking keeps them.
func composeScript(f *hosts.HostFacts) string {
	if !f.Containers.Known() {
		return ""
	}
	var b strings.Builder
	b.WriteString(shellGone + `mw_file() {
if [ -d "$1" ]; then printf 'mw-none 0 is-a-folder %s\n' "$1"
elif [ -r "$1" ]; then c=$(head -c ` + strconv.Itoa(composeLimit) + ` "$1"; echo x); c=${c%x}
n=$(printf '%s' "$c" | wc -l)
printf 'mw-file %s %s %s\n%s\n' "$(stat -c %Y "$1" 2>/dev/null || echo 0)" "$((n))" "$1" "$c"
elif mw_gone "$1"; then printf 'mw-none 0 missing %s\n' "$1"
else printf 'mw-none 0 not-readable %s\n' "$1"; fi
}
`)
	for _, p := range composePaths(f.Containers.Value) {
		b.WriteString("mw_file " + quote(p) + "\n")
	}
	return b.String()
}

// composePaths returns the files that the labels name, at most 200 of them.
func composePaths(list []hosts.Container) []string {
	var out []string
	for i := range list {
		for _, p := range composeFiles(&list[i]) {
			if !slices.Contains(out, p) && len(out) < 200 {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return out
}

// composeFiles returns the files a container was made from, in the order of precedence.
func composeFiles(c *hosts.Container) []string {
	var out []string
	for p := range strings.SplitSeq(c.Labels[labelFiles], ",") {
		if p = strings.TrimSpace(p); p == "" || strings.ContainsAny(p, "\n\x00") {
			continue
		}
		if !path.IsAbs(p) {
			p = path.Join(c.Labels[labelDir], p)
		}
		if path.IsAbs(p) {
			out = append(out, path.Clean(p))
		}
	}
	return out
}

// ParseComposeFiles reads the answer of the compose section, by path.
func ParseComposeFiles(data []byte) map[string]hosts.ComposeFile {
	out := map[string]hosts.ComposeFile{}
	eachFile(data, func(head []string, text string) {
		f := hosts.ComposeFile{Path: hosts.CleanLine(head[3]), Text: hosts.Clean(text)}
		if head[0] == "mw-none" {
			f.Error = strings.ReplaceAll(hosts.CleanLine(head[2]), "-", " ")
		}
		if sec, err := strconv.ParseInt(head[1], 10, 64); err == nil && sec > 0 && sec < 1<<40 {
			f.MTime = time.Unix(sec, 0)
		}
		out[f.Path] = f
	})
	return out
}

// eachFile calls fn for each file of the answer: the four words of its head, and its text.
func eachFile(data []byte, fn func(head []string, text string)) {
	rest := string(data)
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		head := strings.SplitN(line, " ", 4)
		if len(head) != 4 {
			continue
		}
		switch head[0] {
		case "mw-none":
			fn(head, "")
		case "mw-file":
			n, err := strconv.Atoi(head[2])
			if err != nil || n < 0 {
				continue
			}
			text := rest
			rest = ""
			for i, at := 0, 0; ; i++ {
				end := strings.IndexByte(text[at:], '\n')
				if end < 0 {
					return // cut off
				}
				if i == n {
					text, rest = text[:at+end], text[at+end+1:]
					break
				}
				at += end + 1
			}
			fn(head, text)
		}
	}
}

// redactCompose masks the values in each file of the answer.
func redactCompose(data []byte) []byte {
	var b strings.Builder
	eachFile(data, func(head []string, text string) {
		if head[0] == "mw-none" {
			b.WriteString(strings.Join(head, " ") + "\n")
			return
		}
		text = MaskCompose(text)
		fmt.Fprintf(&b, "mw-file %s %d %s\n%s\n", head[1], strings.Count(text, "\n"), head[3], text)
	})
	return []byte(b.String())
}

// JoinCompose makes projects of containers and the files they were made from, and says where the
// two differ. It is done again whenever the containers change.
func JoinCompose(files map[string]hosts.ComposeFile, list []hosts.Container) []hosts.ComposeProject {
	byName := map[string]*hosts.ComposeProject{}
	members := map[string][]*hosts.Container{}
	for i := range list {
		c := &list[i]
		name := c.Labels[labelProject]
		if name == "" {
			continue
		}
		p := byName[name]
		if p == nil {
			p = &hosts.ComposeProject{Name: name, WorkingDir: c.Labels[labelDir]}
			byName[name] = p
		}
		members[name] = append(members[name], c)
		for _, path := range composeFiles(c) {
			if slices.ContainsFunc(p.Files, func(f hosts.ComposeFile) bool { return f.Path == path }) {
				continue
			}
			f, ok := files[path]
			if !ok {
				f = hosts.ComposeFile{Path: path, Error: "not read yet"}
			}
			p.Files = append(p.Files, f)
		}
	}
	out := make([]hosts.ComposeProject, 0, len(byName))
	for name, p := range byName {
		joinServices(p, members[name])
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b hosts.ComposeProject) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// RejoinCompose brings projects up to date with containers, from the files read before.
func RejoinCompose(old []hosts.ComposeProject, list []hosts.Container) []hosts.ComposeProject {
	files := map[string]hosts.ComposeFile{}
	for _, p := range old {
		for _, f := range p.Files {
			files[f.Path] = f
		}
	}
	return JoinCompose(files, list)
}
