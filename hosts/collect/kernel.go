package collect

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
)

// kernelSockets gathers listeners from /proc/net and from the open files of processes, for hosts
// without ss.
type kernelSockets struct {
	found  []kernelSocket
	inodes map[string]int // inode → process
	pid    int            // whose files are being listed
	// elsewhere are the unix sockets of other network namespaces, with one process of each; seen are the
	// inodes of those that the host's own tables had.
	elsewhere []hosts.Socket
	seen      map[string]bool
}

type kernelSocket struct {
	hosts.Socket
	inode string
}

// line reads one line of grep -H on /proc/net, or of ls -l on /proc/PID/fd.
func (k *kernelSockets) line(line string) {
	if path, ok := strings.CutSuffix(line, "/fd:"); ok {
		k.pid = small(strings.TrimPrefix(path, "/proc/"))
		return
	}
	if _, rest, ok := strings.Cut(line, "socket:["); ok {
		inode, _, _ := strings.Cut(rest, "]")
		if old := k.inodes[inode]; k.pid > 0 && (old == 0 || old == 1) {
			k.inodes[inode] = k.pid
		}
		return
	}
	if pid, row, ok := strings.Cut(strings.TrimPrefix(line, "/proc/"), "/net/unix:"); ok && small(pid) > 0 {
		k.other(small(pid), strings.Fields(row))
		return
	}
	rest, ok := strings.CutPrefix(line, "/proc/net/")
	table, row, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return
	}
	f := strings.Fields(row)
	switch table {
	case "tcp", "tcp6", "udp", "udp6":
		k.inet(table, f)
	case "unix":
		// Num RefCount Protocol Flags Type St Inode Path
		if len(f) >= 8 && f[3] == "00010000" && f[4] != "0002" {
			k.seen[f[6]] = true
			k.found = append(k.found, kernelSocket{hosts.Socket{Proto: "unix", Address: f[7]}, f[6]})
		}
	}
}

// other takes a row of the table of another namespace. Abstract sockets are left out: nobody outside
// reaches them.
func (k *kernelSockets) other(pid int, f []string) {
	if len(f) < 8 || f[3] != "00010000" || f[4] == "0002" || k.seen[f[6]] || strings.HasPrefix(f[7], "@") {
		return
	}
	k.seen[f[6]] = true
	k.elsewhere = append(k.elsewhere, hosts.Socket{Proto: "unix", Address: f[7], PID: pid})
}

// inet reads "0: 00000000:0016 00000000:0000 0A … uid timeout inode"; 0A is LISTEN, 07 an unconnected
// UDP socket.
func (k *kernelSockets) inet(table string, f []string) {
	proto := strings.TrimSuffix(table, "6")
	want := "0A"
	if proto == "udp" {
		want = "07"
	}
	if len(f) < 10 || f[3] != want {
		return
	}
	host, port, ok := strings.Cut(f[1], ":")
	n, err := strconv.ParseUint(port, 16, 16)
	addr, good := kernelAddress(host)
	if !ok || err != nil || !good {
		return
	}
	// Whether "::" takes IPv4 too is not in the table; the kernel's default is that it does.
	k.found = append(k.found, kernelSocket{hosts.Socket{Proto: proto, Address: addr, Port: uint16(n)}, f[9]})
}

// kernelAddress reads an address in 32-bit words of the machine's byte order, little-endian here.
func kernelAddress(s string) (string, bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || (len(raw) != 4 && len(raw) != 16) {
		return "", false
	}
	for w := range slices.Chunk(raw, 4) {
		slices.Reverse(w)
	}
	a, ok := netip.AddrFromSlice(raw)
	return a.String(), ok
}

func (k *kernelSockets) sockets() []hosts.Socket {
	out := make([]hosts.Socket, 0, len(k.found))
	for _, s := range k.found {
		s.PID = k.inodes[s.inode]
		out = append(out, s.Socket)
	}
	return out
}

// processes tells to whom a process belongs, by its control group.
type processes struct {
	comm   map[int]string
	cgroup map[int]string
}

func newProcesses() *processes {
	return &processes{comm: map[int]string{}, cgroup: map[int]string{}}
}

// line reads grep -H on /proc/PID/comm and /proc/PID/cgroup.
func (p *processes) line(line string) {
	rest, ok := strings.CutPrefix(line, "/proc/")
	id, rest, ok2 := strings.Cut(rest, "/")
	pid := small(id)
	if !ok || !ok2 || pid == 0 {
		return
	}
	if name, ok := strings.CutPrefix(rest, "comm:"); ok {
		p.comm[pid] = name
		return
	}
	row, ok := strings.CutPrefix(rest, "cgroup:")
	f := strings.SplitN(row, ":", 3)
	if !ok || len(f) != 3 {
		return
	}
	// Version 2 has one line "0::/path"; of version 1, systemd's own hierarchy tells.
	if _, have := p.cgroup[pid]; !have || f[1] == "name=systemd" || (f[0] == "0" && f[2] != "/") {
		p.cgroup[pid] = f[2]
	}
}

func (p *processes) name(pid int) string { return p.comm[pid] }

// owner returns the unit or the container of a process. What is above the host's own init is not the
// host's: a host may be a container itself.
func (p *processes) owner(pid int) (unit, container string) {
	path := p.cgroup[pid]
	if own := strings.TrimSuffix(p.cgroup[1], "/init.scope"); own != "/" {
		path = strings.TrimPrefix(path, own)
	}
	return cgroupOwner(path)
}

// cgroupOwner reads "/system.slice/ssh.service", "/docker/<id>", "/system.slice/docker-<id>.scope".
func cgroupOwner(path string) (unit, container string) {
	for seg := range strings.SplitSeq(path, "/") {
		id := strings.TrimSuffix(seg, ".scope")
		if _, after, ok := cutLast(id, '-'); ok {
			id = after
		}
		if len(id) == 64 && isHex(id) {
			return "", id // the innermost units are the container's own affair
		}
		if unit == "" && strings.HasSuffix(seg, ".service") {
			unit = seg
		}
	}
	return unit, ""
}

func isHex(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}
