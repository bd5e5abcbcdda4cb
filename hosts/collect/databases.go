package collect

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// databasesSection finds the SQLite databases that processes hold open, and where each lies: the
// path a process uses means something else inside a container, so the mounts of the process and
// those of the host are read too. A file counts when it begins as SQLite files do.
func databasesSection() Section {
	fill, fail := part(func(f *hosts.HostFacts) *hosts.Part[[]hosts.Database] { return &f.Databases },
		func(data []byte) ([]hosts.Database, error) {
			if !strings.HasPrefix(string(data), "mw-databases") {
				return nil, errors.New("the answer is not complete")
			}
			return ParseDatabases(data), nil
		})
	return Section{
		ID: "databases", Title: "SQLite databases in use",
		Source: "ls -l /proc/*/fd; cat /proc/PID/mountinfo", Needs: "root or passwordless sudo", Root: RootNeeded,
		Script: `echo mw-databases
grep -sH '' /proc/1/cgroup /proc/1/mountinfo
ls -l /proc/[0-9]*/fd 2>/dev/null | awk '
/^\/proc\// { split($0, a, "/"); pid = a[3]; next }
/ -> \// { i = index($0, " -> "); p = substr($0, i + 4); sub(/ \(deleted\)$/, "", p)
if (p ~ /-(wal|shm|journal)$/) sub(/-(wal|shm|journal)$/, "", p)
else if (p !~ /\.(db|db3|sqlite|sqlite3|s3db)$/) next
if (!seen[pid, p]++ && n++ < 200) print pid, p }' |
while read -r pid p; do
r=/proc/$pid/root$p
[ "$(head -c 15 "$r" 2>/dev/null)" = 'SQLite format 3' ] || continue
printf 'mw-db %s %s %s %s\n' "$pid" "$(stat -L -c %s "$r" 2>/dev/null || echo 0)" "$(stat -L -c %s "$r-wal" 2>/dev/null || echo 0)" "$p"
[ "$pid" = "$last" ] || grep -sH '' /proc/$pid/comm /proc/$pid/cgroup /proc/$pid/mountinfo
last=$pid
done; exit 0`,
		Limit: 10 * time.Second, Every: 10 * time.Minute, Max: 4 << 20, Watch: hosts.TopicDatabases, Faster: 10,
		Fill: fill, Fail: fail,
	}
}

// ParseDatabases reads the answer of the databases section, sorted by path.
func ParseDatabases(data []byte) []hosts.Database {
	var out []hosts.Database
	procs := newProcesses()
	mounts := map[int][]hosts.Mount{}
	for line := range lines(data) {
		if rest, ok := strings.CutPrefix(line, "mw-db "); ok {
			if d, ok := parseDatabase(rest); ok {
				out = append(out, d)
			}
			continue
		}
		rest, _ := strings.CutPrefix(line, "/proc/")
		id, info, ok := strings.Cut(rest, "/mountinfo:")
		if !ok {
			procs.line(line)
		} else if m, ok := parseMount(info); ok {
			mounts[small(id)] = append(mounts[small(id)], m)
		}
	}
	for i := range out {
		d := &out[i]
		d.Process = procs.name(d.PID)
		d.Unit, d.Container = procs.owner(d.PID)
		locate(d, mounts[d.PID], mounts[1])
	}
	slices.SortStableFunc(out, func(a, b hosts.Database) int {
		return strings.Compare(a.Path+"\x00"+a.Process, b.Path+"\x00"+b.Process)
	})
	return out
}

// parseDatabase reads "PID SIZE WALSIZE PATH".
func parseDatabase(rest string) (hosts.Database, bool) {
	f := strings.SplitN(rest, " ", 4)
	if len(f) != 4 || !strings.HasPrefix(f[3], "/") {
		return hosts.Database{}, false
	}
	size, _ := strconv.ParseUint(f[1], 10, 63)
	wal, _ := strconv.ParseUint(f[2], 10, 63)
	return hosts.Database{PID: small(f[0]), Size: size, WALSize: wal, Path: f[3]}, small(f[0]) > 0
}

// locate finds the file system beneath a database and, when the process has mounts of its own, the
// path under which the host knows the file.
func locate(d *hosts.Database, inner, outer []hosts.Mount) {
	m, ok := hosts.MountOf(inner, d.Path)
	if !ok {
		return
	}
	d.Mount = m
	onFS := path.Join(m.Root, strings.TrimPrefix(d.Path, strings.TrimSuffix(m.Point, "/")))
	best := ""
	for _, h := range outer {
		rest, ok := strings.CutPrefix(onFS, strings.TrimSuffix(h.Root, "/"))
		if h.Device != m.Device || !ok || (rest != "" && rest[0] != '/') {
			continue
		}
		// The host may see the same folder in several places: the shortest name is the plain one.
		if p := path.Join(h.Point, rest); best == "" || len(p) < len(best) {
			best = p
		}
	}
	if best != "" && best != d.Path {
		d.Path, d.InnerPath = best, d.Path
	}
}
