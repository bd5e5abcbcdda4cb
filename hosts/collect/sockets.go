package collect

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

const sourceSockets = "ss -H -lntupe; ss -H -lxp"

// socketsSection reads who listens. ss tells processes of all users to root only; where there is no
// ss, the kernel's tables and the open files of processes say the same. Neither sees the unix sockets of
// other network namespaces, which share folders with the host all the same: these are read from one
// process of each.
func socketsSection() Section {
	fill, fail := part(func(f *hosts.HostFacts) *hosts.Part[[]hosts.Socket] { return &f.Sockets },
		func(data []byte) ([]hosts.Socket, error) {
			if !strings.Contains(string(data), "mw-sockets") {
				return nil, errors.New("the answer is not complete")
			}
			return ParseSockets(data), nil
		})
	return Section{
		ID: "sockets", Title: "listening sockets", Source: sourceSockets,
		Needs: "ss or /proc/net", Root: RootHelps,
		Script: `if command -v ss >/dev/null 2>&1; then
o=$(ss -H -lntupe) || exit
u=$(ss -H -lxp) || exit
p=$(printf '%s\n%s\n' "$o" "$u" | grep -o 'pid=[0-9]*' | sort -u | cut -d= -f2)
else
o=$(grep -sH '' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6)
u=$(grep -sH ' 00010000 ' /proc/net/unix; ls -l /proc/[0-9]*/fd 2>/dev/null | grep -E '^/proc/|socket:' )
p=$(printf '%s\n' "$u" | grep -B 1 'socket:' | sed -n 's|^/proc/\([0-9]*\)/fd:$|\1|p' | sort -u)
fi
n=$(ls -l /proc/[0-9]*/ns/net 2>/dev/null | sed -n 's|.* /proc/\([0-9]*\)/ns/net -> net:\[\([0-9]*\)\].*|\2 \1|p' | sort -u -k 1,1 | cut -d' ' -f2)
set --
for i in $n; do set -- "$@" "/proc/$i/net/unix"; done
[ $# -lt 2 ] || u=$(printf '%s\n' "$u"; grep -sH ' 00010000 ' "$@")
printf 'mw-sockets\n%s\n%s\nmw-processes\n' "$o" "$u"
set -- /proc/1/cgroup
for i in $p $n; do set -- "$@" "/proc/$i/cgroup" "/proc/$i/comm"; done
grep -sH '' "$@"; exit 0`,
		Limit: 8 * time.Second, Every: 5 * time.Minute, Max: 4 << 20, Watch: hosts.TopicPorts, Faster: 20,
		Fill: fill, Fail: fail,
		Touch: touch(sourceSockets, func(f *hosts.HostFacts) *hosts.Part[[]hosts.Socket] { return &f.Sockets }),
	}
}

// ParseSockets reads the answer of the sockets section, sorted by protocol, port and address.
func ParseSockets(data []byte) []hosts.Socket {
	var out []hosts.Socket
	procs := newProcesses()
	kernel := kernelSockets{inodes: map[string]int{}, seen: map[string]bool{}}
	tail := false
	for line := range lines(data) {
		switch {
		case line == "mw-sockets":
		case line == "mw-processes":
			tail = true
		case tail:
			procs.line(line)
		case strings.HasPrefix(line, "/proc/") || strings.Contains(line, "socket:["):
			kernel.line(line)
		default:
			if s, ok := parseSS(line); ok {
				out = append(out, s)
				if f := strings.Fields(line); s.Proto == "unix" {
					kernel.seen[f[5]] = true
				}
			}
		}
	}
	out = append(out, kernel.sockets()...)
	for i := range out {
		s := &out[i]
		if s.PID == 0 {
			continue
		}
		if name := procs.name(s.PID); name != "" && s.Process == "" {
			s.Process = name
		}
		if unit, container := procs.owner(s.PID); unit != "" || container != "" {
			s.Unit, s.Container = unit, container
		}
	}
	for _, e := range kernel.elsewhere {
		// The process is one of the namespace, not the one that listens.
		if _, e.Container = procs.owner(e.PID); e.Container != "" {
			e.PID = 0
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b hosts.Socket) int {
		return cmp.Or(strings.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port),
			strings.Compare(a.Address, b.Address), cmp.Compare(a.PID, b.PID))
	})
	return slices.Compact(out) // SO_REUSEPORT: one line per worker of one process
}

// parseSS reads one line of ss -H: protocol, state, two queues, local and peer address, and
// name:value pairs.
func parseSS(line string) (hosts.Socket, bool) {
	f := strings.Fields(line)
	if len(f) < 6 {
		return hosts.Socket{}, false
	}
	s := hosts.Socket{}
	rest := f[6:]
	switch f[0] {
	case "tcp", "udp":
		s.Proto = f[0]
		addr, port, ok := cutLast(f[4], ':')
		n, err := strconv.ParseUint(port, 10, 16)
		if !ok || err != nil {
			return s, false
		}
		s.Port = uint16(n)
		s.Address, s.V6Only = bindAddress(addr)
	case "u_str", "u_dgr", "u_seq":
		if f[0] == "u_dgr" || f[4] == "*" {
			return s, false // nobody connects to it as to a server
		}
		s.Proto, s.Address = "unix", f[4]
		rest = f[5:]
	default:
		return s, false
	}
	if s.Proto != "udp" {
		s.Backlog = small(f[3])
	}
	for _, w := range rest {
		switch {
		case strings.HasPrefix(w, "users:("):
			s.Process, s.PID = parseUsers(w)
		case w == "v6only:1":
			s.V6Only = true
		case w == "v6only:0":
			s.V6Only = false
		}
	}
	return s, true
}

// bindAddress reads ss's notation: "*" takes both families, "[::]" only IPv6.
func bindAddress(a string) (address string, v6only bool) {
	if a == "*" {
		return "::", false
	}
	a, _, _ = strings.Cut(a, "%") // the interface
	if in, ok := strings.CutPrefix(a, "["); ok {
		in = strings.TrimSuffix(in, "]")
		return in, in == "::"
	}
	return a, false
}

// parseUsers reads users:(("nginx",pid=43,fd=5),("systemd",pid=1,fd=54)). systemd holds the sockets
// it activates; who serves them is the other one.
func parseUsers(w string) (name string, pid int) {
	for _, one := range strings.Split(w, "(") {
		n, rest, ok := strings.Cut(one, ",pid=")
		if !ok {
			continue
		}
		p, _, _ := strings.Cut(rest, ",")
		id := small(p)
		if id > 0 && (pid == 0 || pid == 1) {
			name, pid = strings.Trim(n, `"`), id
		}
	}
	return name, pid
}

// cutLast cuts at the last sep.
func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
