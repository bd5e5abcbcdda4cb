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
// those of the host are read too. A file counts when it begins as SQLite files do. Logs that lie
// beside them, or on top of a volume, and that nobody has open are told as well.
func databasesSection() Section {
	return Section{
		ID: "databases", Title: "SQLite databases in use",
		Source: "ls -l /proc/*/fd; cat /proc/PID/mountinfo", Needs: "root or passwordless sudo", Root: RootNeeded,
		Script: databasesScript,
		Limit:  10 * time.Second, Every: 10 * time.Minute, Max: 4 << 20, Watch: hosts.TopicDatabases, Faster: 10,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			if !strings.HasPrefix(string(ev.Data), "mw-databases") {
				return errors.New("the answer is not complete")
			}
			f.Databases = hosts.Read(ParseDatabases(ev.Data), ev.Source, ev.At)
			f.Databases.Needs = ev.Needs
			f.LooseLogs = ParseLooseLogs(ev.Data)
			return nil
		},
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			f.Databases = f.Databases.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		},
	}
}

// databasesScript prints for each database that a process has open how it is held (mw-how) and how large
// it is (mw-db), and the logs beside it (mw-wal). What is open of it are letters, d w s j for the file,
// its log, its shared memory and its journal, capital where that was deleted, + where it may be written.
const databasesScript = `echo mw-databases
grep -sH '' /proc/1/cgroup /proc/1/mountinfo
ls -l /proc/[0-9]*/fd 2>/dev/null | awk '
/^\/proc\// { split($0, a, "/"); pid = a[3]; next }
/ -> \// { i = index($0, " -> "); p = substr($0, i + 4); gone = sub(/ \(deleted\)$/, "", p); what = "d"
if (p ~ /-(wal|shm|journal)$/) { what = p; sub(/^.*-/, "", what); what = substr(what, 1, 1); sub(/-(wal|shm|journal)$/, "", p) }
else if (p !~ /\.(db|db3|sqlite|sqlite3|s3db)$/) next
k = pid " " p
if (!(k in how)) { if (n >= 200) next; key[n++] = k; no[k] = "-" }
if (what == "d" && $1 ~ /^.rw/ && how[k] !~ /\+/) how[k] = how[k] "+"
if (what == "d") { j = split(substr($0, 1, i - 1), b, " "); no[k] = b[j] }
if (gone) what = toupper(what)
if (index(how[k], what) == 0) how[k] = how[k] what }
END { for (i = 0; i < n; i++) { k = key[i]; pid = k; sub(/ .*/, "", pid); print pid, how[k], no[k], substr(k, length(pid) + 2) } }' |
while read -r pid how no p; do
r=/proc/$pid/root$p h=$r
case $how in *D*) h=/proc/$pid/fd/$no;; esac
[ "$(head -c 15 "$h" 2>/dev/null)" = 'SQLite format 3' ] || continue
m=$(head -c 19 "$h" 2>/dev/null | tail -c 1 | tr '\001\002' 'rw')
case $m in r|w) ;; *) m=-;; esac
[ -e "$r-shm" ] && s=1 || s=0
u=$(awk '/^Uid:/ { u = $3 } /^Gid:/ { g = $3 } /^Groups:/ { for (i = 2; i <= NF; i++) x = x "," $i } END { if (u != "") print u ":" g x }' /proc/$pid/status 2>/dev/null)
set -- $(ls -ldn "${r%/*}/" 2>/dev/null)
printf 'mw-how %s %s %s %s %s %s:%s:%s\n' "$pid" "$how" "$m" "$s" "${u:--}" "${1:--}" "${3:-0}" "${4:-0}"
printf 'mw-db %s %s %s %s\n' "$pid" "$(stat -L -c %s "$r" 2>/dev/null || echo 0)" "$(stat -L -c %s "$r-wal" 2>/dev/null || echo 0)" "$p"
[ "$pid" = "$last" ] || grep -sH '' /proc/$pid/comm /proc/$pid/cgroup /proc/$pid/mountinfo
last=$pid
[ "${r%/*}" = "$dir" ] && continue
dir=${r%/*} i=0
for w in "$dir"/*-wal; do
[ -s "$w" ] && [ "$i" -lt 20 ] && printf 'mw-wal %s %s %s\n' "$pid" "$(stat -c '%s %Y' "$w" 2>/dev/null || echo 0 0)" "${w#/proc/$pid/root}"
i=$((i + 1))
done
done
i=0
for w in /var/lib/docker/volumes/*/_data/*-wal; do
[ -s "$w" ] && [ "$i" -lt 100 ] && printf 'mw-wal 1 %s %s\n' "$(stat -c '%s %Y' "$w" 2>/dev/null || echo 0 0)" "$w"
i=$((i + 1))
done; exit 0`

// ParseDatabases reads the answer of the databases section, sorted by path.
func ParseDatabases(data []byte) []hosts.Database {
	var out []hosts.Database
	procs := newProcesses()
	mounts := mountTables(data)
	how := ""
	for line := range lines(data) {
		if rest, ok := strings.CutPrefix(line, "mw-how "); ok {
			how = rest
			continue
		}
		if rest, ok := strings.CutPrefix(line, "mw-db "); ok {
			if d, ok := parseDatabase(rest); ok {
				setHow(&d, how)
				out = append(out, d)
			}
			how = ""
			continue
		}
		procs.line(line)
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

// mountTables reads the mounts of each process in the answer.
func mountTables(data []byte) map[int][]hosts.Mount {
	out := map[int][]hosts.Mount{}
	for line := range lines(data) {
		rest, _ := strings.CutPrefix(line, "/proc/")
		if id, info, ok := strings.Cut(rest, "/mountinfo:"); ok {
			if m, ok := parseMount(info); ok {
				out[small(id)] = append(out[small(id)], m)
			}
		}
	}
	return out
}

// setHow reads "PID HELD MODE SHM UID:GID,GROUPS DIRMODE:UID:GID" of the same process.
func setHow(d *hosts.Database, how string) {
	f := strings.Fields(how)
	if len(f) != 6 || small(f[0]) != d.PID {
		return
	}
	held := f[1]
	d.Writes, d.WAL, d.SHM = strings.Contains(held, "+"), f[2] == "w", f[3] == "1"
	for _, x := range []struct{ letter, name string }{{"D", ""}, {"W", "-wal"}, {"S", "-shm"}} {
		if strings.Contains(held, x.letter) {
			d.Deleted = append(d.Deleted, x.name)
		}
	}
	d.Locked = !mayWrite(f[4], f[5])
	d.User, _, _ = strings.Cut(f[4], ":")
}

// mayWrite tells whether a process, "UID:GID,GROUP,…", may make files in a folder, "drwxr-x---:UID:GID".
// What cannot be told is not said to be forbidden; an access list ("+") cannot.
func mayWrite(who, dir string) bool {
	uid, rest, ok := strings.Cut(who, ":")
	d := strings.Split(dir, ":")
	if !ok || uid == "0" || len(d) != 3 || len(d[0]) < 10 || strings.HasSuffix(d[0], "+") {
		return true
	}
	switch mode := d[0]; {
	case d[1] == uid:
		return mode[2] == 'w'
	case slices.Contains(strings.Split(rest, ","), d[2]):
		return mode[5] == 'w'
	default:
		return mode[8] == 'w'
	}
}

// ParseLooseLogs reads the logs in the answer of the databases section whose database nobody has open,
// sorted by path.
func ParseLooseLogs(data []byte) []hosts.LooseLog {
	mounts := mountTables(data)
	held := map[string]bool{}
	for _, d := range ParseDatabases(data) {
		held[d.Path] = true
	}
	seen := map[string]bool{}
	var out []hosts.LooseLog
	for line := range lines(data) {
		rest, ok := strings.CutPrefix(line, "mw-wal ")
		f := strings.SplitN(rest, " ", 4)
		if !ok || len(f) != 4 || !strings.HasPrefix(f[3], "/") {
			continue
		}
		d := hosts.Database{Path: strings.TrimSuffix(f[3], "-wal")}
		locate(&d, mounts[small(f[0])], mounts[1])
		size, _ := strconv.ParseUint(f[1], 10, 63)
		sec, err := strconv.ParseInt(f[2], 10, 64)
		if size == 0 || held[d.Path] || seen[d.Path] {
			continue
		}
		seen[d.Path] = true
		l := hosts.LooseLog{Path: d.Path + "-wal", Size: size}
		if err == nil && sec > 0 && sec < 1<<40 {
			l.At = time.Unix(sec, 0)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b hosts.LooseLog) int { return strings.Compare(a.Path, b.Path) })
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
