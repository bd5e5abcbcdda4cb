package shell

import (
	"fmt"
	"strconv"
	"strings"

	"midwatch/hosts/demo/sim"
)

// ssProgram is ss -l with -t -u -n -x -p -H -e; without -l it lists connections, of which the
// simulation has none but our own.
func ssProgram(p *proc) int {
	opts, _, _ := flags(p.args[1:], "fo")
	for _, kv := range [][2]string{
		{"--listening", "-l"}, {"--tcp", "-t"}, {"--udp", "-u"}, {"--unix", "-x"}, {"--processes", "-p"}, {"--no-header", "-H"}, {"--numeric", "-n"}, {"--all", "-a"},
	} {
		if has(opts, kv[0]) {
			opts[kv[1]] = "1"
		}
	}
	any := opts["-t"] == "" && opts["-u"] == "" && opts["-x"] == ""
	both := any || opts["-t"] != "" && opts["-u"] != "" || opts["-x"] != ""
	var b strings.Builder
	if opts["-H"] == "" {
		if both {
			b.WriteString("Netid ")
		}
		b.WriteString("State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n")
	}
	if opts["-l"] == "" && opts["-a"] == "" {
		p.print(b.String())
		return 0
	}
	p.locked(func(h *sim.Host) {
		inode := 18000
		for _, l := range h.Sockets() {
			inode += 7
			want := any || l.Proto == "tcp" && opts["-t"] != "" || l.Proto == "udp" && opts["-u"] != "" || l.Proto == "unix" && opts["-x"] != ""
			if want {
				b.WriteString(p.ssLine(l, both, opts, inode))
			}
		}
	})
	p.print(b.String())
	return 0
}

func (p *proc) ssLine(l sim.Listener, both bool, opts map[string]string, inode int) string {
	netid, state, backlog := l.Proto, "LISTEN", 511
	if l.Process == "docker-proxy" || l.Process == "sshd" {
		backlog = 4096
	}
	local, peer := address(l.IP)+":"+strconv.Itoa(l.Port), "0.0.0.0:*"
	switch {
	case l.Proto == "udp":
		state, backlog = "UNCONN", 0
	case l.Proto == "unix":
		netid, local, peer = "u_str", l.Path+" "+strconv.Itoa(inode), "* 0"
	}
	if strings.Contains(l.IP, ":") {
		peer = "[::]:*"
	}
	if l.IP == "*" {
		peer = "*:*"
	}
	head := ""
	if both {
		head = fmt.Sprintf("%-5s ", netid)
	}
	owner := ""
	// Without root, ss names the process of one's own sockets only.
	if opts["-p"] != "" && (p.root() || l.User == p.user.Name) {
		owner = fmt.Sprintf(` users:(("%s",pid=%d,fd=%d))`, l.Process, l.PID, 3+inode%11)
	}
	if opts["-e"] != "" && l.Proto != "unix" {
		if u, ok := p.host().User(l.User); ok && u.UID != 0 {
			owner += " uid:" + strconv.Itoa(u.UID)
		}
		owner += fmt.Sprintf(" ino:%d sk:%x cgroup:%s <->", inode, inode/7, cgroup(l))
	}
	return fmt.Sprintf("%s%-6s 0      %-5d  %s      %s%s\n", head, state, backlog, local, peer, owner)
}

// address writes an address as ss does.
func address(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

// cgroup is the control group of who made a socket.
func cgroup(l sim.Listener) string {
	switch {
	case l.Unit != nil:
		return l.Unit.ControlGroup()
	case l.Process == "docker-proxy":
		return "/system.slice/docker.service"
	case l.C != nil:
		return "/system.slice/docker-" + l.C.ID + ".scope"
	default:
		return "unreachable:1"
	}
}
