package collect

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// codeSection looks whether the code that interpreters run has changed since they started: a deploy that
// only copied files, or stopped half-way. It walks the folders that processes of interpreters run in, as
// these see them, so that containers are included; one folder of one cgroup once.
func codeSection() Section {
	fill, fail := part(func(f *hosts.HostFacts) *hosts.Part[[]hosts.CodeTree] { return &f.Code },
		func(data []byte) ([]hosts.CodeTree, error) {
			if !strings.HasPrefix(string(data), "mw-code") {
				return nil, errors.New("the answer is not complete")
			}
			return ParseCode(data), nil
		})
	return Section{
		ID: "code", Title: "code that has changed since it was loaded",
		Source: "find /proc/PID/cwd -newer …, for processes of interpreters", Root: RootHelps,
		Script: codeScript,
		Limit:  10 * time.Second, Every: 10 * time.Minute, Max: 1 << 20,
		Fill: fill, Fail: fail,
	}
}

// codeScript lists processes of interpreters (mw-proc), walks each of their folders once (mw-tree), and tells
// the newest file of each language (mw-new) and what a transfer left behind (mw-part). Command lines are
// only looked at on the host.
const codeScript = `echo mw-code
grep -sH '' /proc/1/cgroup
read -r up x </proc/uptime; now=$(date +%s)
for c in /proc/[0-9]*/comm; do read -r n <"$c" && [ "$n" = rsync ] && { echo mw-rsync; break; }; done 2>/dev/null
trees= k=0
for l in $(ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n -e 's# (deleted)$##' -e 's#.* /proc/\([0-9]*\)/exe -> .*/\([a-z]*\)[0-9.]*$#\1:\2#p' | grep -E ':(python|node|ruby|bun|deno|php|perl)$' | head -n 300); do
pid=${l%%:*} kind=${l#*:}
d=$(readlink "/proc/$pid/cwd" 2>/dev/null) || continue
case $d in /|/root|/home|/tmp|/var|/usr*|/etc*|/run*|/proc*|/sys*|/dev*|/lib*|/bin|/sbin|'') continue;; esac
age=$(awk -v up="$up" '{ sub(/^.*\) /, ""); print int(up - $20 / 100) }' "/proc/$pid/stat" 2>/dev/null) || continue
re=0
tr '\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qE -e '--reload|--watch|nodemon|runserver|flask .*--debug|--debugger' && re=1
g=$(tail -n 1 "/proc/$pid/cgroup" 2>/dev/null)
printf 'mw-proc %s %s %s %s %s\n' "$pid" "$kind" "$((now - age))" "$re" "$d"
grep -sH '' "/proc/$pid/comm" "/proc/$pid/cgroup"
case $trees in *"|$g $d|"*) continue;; esac
trees="$trees|$g $d|"
k=$((k + 1)); [ "$k" -le 24 ] || continue
printf 'mw-tree %s\n' "$pid"
find "/proc/$pid/cwd/" -xdev -maxdepth 5 \( -name node_modules -o -name '.git' -o -name '.venv' -o -name venv -o -name site-packages -o -name __pycache__ \) -prune -o \( -name '*.py' -o -name '*.rb' -o -name '*.js' -o -name '*.mjs' -o -name '*.cjs' -o -name '*.ts' -o -name '*.php' -o -name '*.pl' -o -name '*.pm' \) -type f -exec stat -c 'f %Z %n' {} + -o \( -name '.~tmp~' -o -name '.rsync-partial' -o -name '.*.??????' \) -exec stat -c 'p %Z %n' {} + 2>/dev/null | head -n 5000 |
awk '{ t = $2; p = $0; sub(/^[fp] [0-9]+ \/proc\/[0-9]+\/cwd\/+/, "", p) }
$1 == "f" { e = p; sub(/^.*\./, "", e); n[e]++; if (t > new[e]) { new[e] = t; file[e] = p } }
$1 == "p" && m++ < 20 { print "mw-part", t, p }
END { for (e in n) print "mw-new", e, n[e], new[e], file[e] }'
done; exit 0`

// languages are the endings of the files that each interpreter loads.
var languages = map[string][]string{
	"python": {"py"}, "node": {"js", "mjs", "cjs"}, "bun": {"js", "mjs", "cjs", "ts"}, "deno": {"js", "mjs", "ts"}, "ruby": {"rb"},
	"perl": {"pl", "pm"},
	// PHP reads its files again at every request.
	"php": nil,
}

// program is a process of an interpreter.
type program struct {
	pid     int
	kind    string
	started time.Time
	reloads bool
	dir     string
}

// codeAnswer is an answer of the code section, taken apart.
type codeAnswer struct {
	procs    *processes
	programs []program
	trees    map[int][]string // lines of the tree, by the process it was walked for
	rsync    bool
}

// ParseCode reads the answer of the code section, sorted by folder.
func ParseCode(data []byte) []hosts.CodeTree {
	a := codeAnswer{procs: newProcesses(), trees: map[int][]string{}}
	cur := 0
	for line := range lines(data) {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "mw-rsync":
			a.rsync = true
		case "mw-proc":
			if p, ok := parseProgram(rest); ok && len(a.programs) < 1000 {
				a.programs = append(a.programs, p)
			}
		case "mw-tree":
			cur = small(rest)
		case "mw-new", "mw-part":
			if len(a.trees[cur]) < 100 {
				a.trees[cur] = append(a.trees[cur], line)
			}
		default:
			a.procs.line(line)
		}
	}
	var out []hosts.CodeTree
	for _, p := range a.programs {
		if found, ok := a.trees[p.pid]; ok {
			out = append(out, a.tree(p, found))
		}
	}
	slices.SortStableFunc(out, func(x, y hosts.CodeTree) int {
		return strings.Compare(x.Dir+"\x00"+x.Unit+"\x00"+x.Container, y.Dir+"\x00"+y.Unit+"\x00"+y.Container)
	})
	return out
}

// tree joins what was found below a folder with the processes of the same cgroup that run in it.
func (a *codeAnswer) tree(first program, found []string) hosts.CodeTree {
	t := hosts.CodeTree{Dir: first.dir, Transfer: a.rsync}
	t.Unit, t.Container = a.procs.owner(first.pid)
	for _, p := range a.programs {
		if unit, container := a.procs.owner(p.pid); p.dir != t.Dir || unit != t.Unit || container != t.Container {
			continue
		}
		t.Reloads = t.Reloads || p.reloads
		if !p.started.Before(t.Started) {
			t.Started, t.PID, t.Process = p.started, p.pid, a.procs.name(p.pid)
		}
	}
	for _, line := range found {
		w := strings.SplitN(line, " ", 5)
		switch {
		case w[0] == "mw-new" && len(w) == 5 && slices.Contains(languages[first.kind], w[1]):
			t.Files += small(w[2])
			if at := unixTime(w[3]); at.After(t.Newest) {
				t.Newest, t.File = at, w[4]
			}
		case w[0] == "mw-part" && len(w) >= 3:
			name := strings.Join(w[2:], " ")
			if !leftover(name) {
				continue
			}
			t.Partial = append(t.Partial, name)
			if at := unixTime(w[1]); at.After(t.PartialAt) {
				t.PartialAt = at
			}
		}
	}
	return t
}

// parseProgram reads "PID KIND STARTED RELOADS DIR".
func parseProgram(rest string) (program, bool) {
	w := strings.SplitN(rest, " ", 5)
	if len(w) != 5 || small(w[0]) == 0 || !strings.HasPrefix(w[4], "/") {
		return program{}, false
	}
	return program{small(w[0]), w[1], unixTime(w[2]), w[3] == "1", w[4]}, true
}

// leftover tells the names that rsync gives to what it has not finished, ".app.py.Xa4f0T", from hidden
// files with an ending of six letters, ".env.sample".
func leftover(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	if base == ".~tmp~" || base == ".rsync-partial" {
		return true
	}
	i := strings.LastIndexByte(base, '.')
	if i < 2 || len(base)-i-1 != 6 {
		return false
	}
	odd := false
	for _, r := range base[i+1:] {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			odd = true
		case r < 'a' || r > 'z':
			return false
		}
	}
	return odd && strings.Contains(base[1:i], ".")
}

// unixTime reads seconds since 1970; the zero time where that is none.
func unixTime(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n >= 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}
