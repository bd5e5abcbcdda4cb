package collect

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// disksSection reads the file systems that are on the host itself. df -l leaves out network file
// systems, whose dead servers would hang it for ever; busybox has no -l and lists everything.
func disksSection() Section {
	return Section{
		ID: "disks", Title: "space and inodes of file systems",
		Source: "df -PTB1 -l; df -Pi -l", Needs: "df",
		Script: `o=$(df -PTB1 -l 2>/dev/null); r=$?
if [ -n "$o" ]; then printf '%s\n' "$o"; df -Pi -l 2>/dev/null
else df -PTk; r=$?; df -Pi 2>/dev/null; fi
[ "$r" = 0 ] || { echo 'df left some out' >&2; exit "$r"; }; exit 0`,
		Limit: 3 * time.Second, Every: 15 * time.Second,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			got := ParseDisks(ev.Data)
			if len(got) == 0 {
				return errors.New("df printed no file system")
			}
			f.Disks = hosts.Read(mergeDisks(f.Disks.Value, got, false), ev.Source, ev.At)
			f.Disks.Needs = ev.Needs
			f.System.Value.Disks = f.Disks.Value
			return nil
		},
		Fail: failDisks,
	}
}

// netTypes are the file systems that live elsewhere and hang with their server.
const netTypes = "nfs|nfs4|cifs|smb3|smbfs|ceph|glusterfs|fuse.glusterfs|fuse.sshfs|fuse.s3fs|fuse.rclone|fuse.davfs|9p|lustre|beegfs|afs|gfs2|ocfs2"

// netDisksSection asks for each network file system alone, with a limit of its own, and says which
// gave no answer. A df stuck in the kernel cannot be killed: the schedule asks seldom, and less and
// less while one hangs.
func netDisksSection() Section {
	return Section{
		ID: "netdisks", Title: "space of network file systems",
		Source: "df -PTk MOUNT for each network file system", Needs: "df and timeout",
		Script: `[ -r /proc/self/mounts ] || { echo 'no /proc on this host' >&2; exit 1; }
r=0
while read -r d m t x; do
case $t in ` + netTypes + `)
p=$(printf '%b' "$m")
if command -v timeout >/dev/null 2>&1; then timeout -s KILL 2 df -PTk "$p" 2>/dev/null; c=$?; else c=127; fi
[ "$c" = 0 ] || { printf 'mw-silent %s %s %s %s\n' "$c" "$t" "$d" "$m"; r=3; } ;;
esac
done </proc/self/mounts
exit "$r"`,
		Limit: 12 * time.Second, Every: time.Minute,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			got := ParseDisks(ev.Data)
			for i := range got {
				got[i].Remote = true
			}
			f.Disks.Value = mergeDisks(f.Disks.Value, got, true)
			f.System.Value.Disks = f.Disks.Value
			return nil
		},
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			if f.Disks.Known() && f.Disks.Reason == "" {
				f.Disks.Needs = "network file systems: " + ev.Error
			}
		},
	}
}

func failDisks(f *hosts.HostFacts, ev hosts.Evidence) {
	f.Disks = f.Disks.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
}

// mergeDisks returns old with its local, or its remote, file systems replaced by got.
func mergeDisks(old, got []hosts.Disk, remote bool) []hosts.Disk {
	var keep, out []hosts.Disk
	for _, d := range old {
		if d.Remote != remote {
			keep = append(keep, d)
		}
	}
	local, far := got, keep
	if remote {
		local, far = keep, got
	}
	out = append(out, local...)
	for _, d := range far {
		// Without -l, the local list has them already.
		if !slices.ContainsFunc(local, func(l hosts.Disk) bool { return l.Mount == d.Mount }) {
			out = append(out, d)
		}
	}
	return out
}

// fullByNature are read-only images: they are always 100% used and that means nothing.
var fullByNature = [...]string{"squashfs", "iso9660", "erofs", "cramfs", "udf", "romfs"} //nolint:gochecknoglobals // never changed

// ParseDisks reads the output of df -PT and df -Pi one after the other, in bytes or in 1024-byte
// blocks as their titles say, and the mw-silent lines of the network section.
func ParseDisks(data []byte) []hosts.Disk {
	var out []hosts.Disk
	at := map[string]int{} // by mount
	inodes, unit := false, uint64(1)
	for line := range lines(data) {
		if rest, ok := strings.CutPrefix(line, "mw-silent "); ok {
			if d, ok := parseSilent(rest); ok {
				out = append(out, d)
			}
			continue
		}
		if strings.HasPrefix(line, "Filesystem ") {
			inodes = strings.Contains(line, "Inodes")
			unit = 1
			if strings.Contains(line, "1024-") {
				unit = 1024
			}
			continue
		}
		d, ok := parseDF(line, inodes, unit)
		if !ok {
			continue
		}
		i, seen := at[d.Mount]
		switch {
		case inodes && seen:
			out[i].Inodes, out[i].InodesUsed = d.Inodes, d.InodesUsed
		case inodes:
		case seen: // mounted over: the last one is what is seen there
			out[i] = d
		case meaningful(d):
			at[d.Mount] = len(out)
			out = append(out, d)
		}
	}
	return out
}

// meaningful leaves out what is not a place of its own that can fill up.
func meaningful(d hosts.Disk) bool {
	if d.Size == 0 || d.FSType == "devtmpfs" || slices.Contains(fullByNature[:], d.FSType) {
		return false
	}
	// The layers of containers are on the disk below them.
	return d.FSType != "overlay" || d.Mount == "/"
}

// parseDF reads one row. The device may hold blanks and so may the mount: the numbers in between
// and the sign of percent hold the row together.
func parseDF(line string, inodes bool, unit uint64) (hosts.Disk, bool) {
	f := strings.Fields(line)
	want := 5 // type, size, used, available, percent
	if inodes {
		want = 4
	}
	for i := 1; i+want <= len(f); i++ {
		p := f[i+want-1]
		if p != "-" && !strings.HasSuffix(p, "%") {
			continue
		}
		n, ok := numbers(f[i+want-4 : i+want-1])
		if !ok {
			continue
		}
		d := hosts.Disk{Device: strings.Join(f[:i], " "), Mount: afterField(line, i+want)}
		if !strings.HasPrefix(d.Mount, "/") {
			continue
		}
		if inodes {
			d.Inodes, d.InodesUsed = n[0], n[1]
			return d, true
		}
		d.FSType = f[i]
		d.Size, d.Used, d.Avail = n[0]*unit, n[1]*unit, n[2]*unit
		return d, true
	}
	return hosts.Disk{}, false
}

// numbers reads size, used and available; df prints "-" for what it does not know.
func numbers(f []string) ([3]uint64, bool) {
	var n [3]uint64
	for i, s := range f {
		if s == "-" {
			continue
		}
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v > 1<<60 {
			return n, false
		}
		n[i] = uint64(max(v, 0)) // reserved blocks can make what is available negative
	}
	return n, true
}

// afterField returns what follows the first n fields of line, blanks inside it kept.
func afterField(line string, n int) string {
	for range n {
		line = strings.TrimLeft(line, " \t")
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return ""
		}
		line = line[i:]
	}
	return strings.TrimLeft(line, " \t")
}

// parseSilent reads "EXIT TYPE DEVICE MOUNT" of a file system df said nothing about.
func parseSilent(rest string) (hosts.Disk, bool) {
	f := strings.Fields(rest)
	if len(f) != 4 {
		return hosts.Disk{}, false
	}
	why := "df gave no answer (exit " + f[0] + ")"
	switch f[0] {
	case "137", "124":
		why = "no answer within 2s: its server may be gone"
	case "127":
		why = "not asked: this host has no timeout command"
	}
	return hosts.Disk{Device: unescapeMount(f[2]), Mount: unescapeMount(f[3]), FSType: f[1], Problem: why}, true
}

// unescapeMount undoes the octal escapes of /proc/self/mounts and mountinfo.
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return hosts.CleanLine(strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace(s))
}
