package sim

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/vfs"
)

// Process is a process of the host.
type Process struct {
	User      string
	PID, PPID int
	CPU       float64
	Mem       uint64
	Start     time.Time
	Args      []string
	Env       []string
	Unit      *Unit
	C         *Container
	Files     []string // open files beside sockets
}

// Comm is the name of the process: at most fifteen letters of the program's.
func (p Process) Comm() string {
	if len(p.Args) == 0 {
		return "init"
	}
	n := p.Args[0][strings.LastIndexByte(p.Args[0], '/')+1:]
	n = strings.TrimSuffix(n, ":")
	return n[:min(len(n), 15)]
}

// Cgroup is the process's line of /proc/PID/cgroup.
func (p Process) Cgroup() string {
	switch {
	case p.C != nil:
		return "0::/system.slice/docker-" + p.C.ID + ".scope\n"
	case p.Unit != nil:
		return "0::" + p.Unit.ControlGroup() + "\n"
	default:
		return "0::/init.scope\n"
	}
}

// ControlGroup is where systemd puts the unit's processes.
func (u *Unit) ControlGroup() string {
	if u.InstanceName() == "" {
		return "/system.slice/" + u.Spec.Name
	}
	template := strings.ReplaceAll(u.Spec.Name[:strings.IndexByte(u.Spec.Name, '@')], "-", `\x2d`)
	return "/system.slice/system-" + template + ".slice/" + u.Spec.Name
}

// Processes lists the processes of the host by number.
func (h *Host) Processes() []Process {
	out := []Process{{User: "root", PID: 1, Start: h.Boot, Mem: 12 << 20, Args: []string{"/sbin/init"}}}
	for _, u := range h.Units {
		if u.PID == 0 {
			continue
		}
		user, args := u.Spec.User, u.Spec.Exec
		if user == "" {
			user = "root"
		}
		if len(args) == 0 {
			args = []string{"/usr/sbin/" + strings.TrimSuffix(u.Spec.Name, ".service")}
		}
		out = append(out, Process{User: user, PID: u.PID, PPID: 1, CPU: u.CPU(), Mem: u.Memory(), Start: u.Entered, Args: args, Env: u.Spec.Env, Unit: u, Files: u.Spec.Files})
	}
	for _, c := range h.Containers {
		if c.PID != 0 {
			out = append(out, Process{User: "root", PID: c.PID, PPID: 1, CPU: c.CPU(), Mem: c.Memory(), Start: c.Started, Args: c.Args(), Env: c.Spec.Env, C: c, Files: c.Spec.Open})
		}
	}
	out = append(out, h.detached...)
	proxies := map[int]bool{}
	for _, l := range h.Sockets() {
		if l.Process == "docker-proxy" && !proxies[l.PID] {
			proxies[l.PID] = true
			out = append(out, Process{User: "root", PID: l.PID, PPID: 1, Start: l.C.Started, Mem: 4 << 20, Unit: h.Unit("docker.service"), Args: []string{
				"/usr/bin/docker-proxy", "-proto", l.Proto, "-host-ip", l.IP, "-host-port", strconv.Itoa(l.Port), "-container-ip", l.C.IP(), "-container-port", strconv.Itoa(l.CPort),
			}})
		}
	}
	return out
}

// Begin shows a process that somebody has left running; End takes it away.
func (h *Host) Begin(p Process) { h.detached = append(h.detached, p) }

// End is Begin's.
func (h *Host) End(pid int) {
	h.detached = slices.DeleteFunc(h.detached, func(p Process) bool { return p.PID == pid })
}

// procRouter shows the processes below /proc.
type procRouter struct{ h *Host }

// Route leads /proc/PID/root into the process's own files and the rest into what is known of it.
func (r procRouter) Route(name string) (*vfs.FS, string, bool) {
	rest, ok := strings.CutPrefix(name, "/proc/")
	if !ok || rest == "" || rest[0] < '0' || rest[0] > '9' {
		return nil, "", false
	}
	num, inside, _ := strings.Cut(rest, "/")
	pid, err := strconv.Atoi(num)
	if err != nil {
		return nil, "", false
	}
	r.h.Site.Lock()
	defer r.h.Site.Unlock()
	for _, p := range r.h.Processes() {
		if p.PID != pid {
			continue
		}
		if file, ok := strings.CutPrefix(inside, "root/"); ok {
			if p.C != nil {
				return p.C.FS, "/" + file, true
			}
			return r.h.FS, p.outside("/" + file), true
		}
		return r.h.procOf(p), "/" + inside, true
	}
	return vfs.New(r.h.wall), "/gone", true
}

// Entries lists the numbers of the processes.
func (r procRouter) Entries(dir string) []string {
	if dir != "/proc" {
		return nil
	}
	r.h.Site.Lock()
	defer r.h.Site.Unlock()
	var out []string
	for _, p := range r.h.Processes() {
		out = append(out, strconv.Itoa(p.PID))
	}
	return out
}

// procOf is the directory of one process.
func (h *Host) procOf(p Process) *vfs.FS {
	f := vfs.New(h.wall)
	put := func(name, text string, mode fs.FileMode) {
		f.Put(name, vfs.Node{Mode: mode, Owner: p.User, Group: p.User, Data: []byte(text), MTime: p.Start})
	}
	put("/comm", p.Comm()+"\n", 0o644)
	put("/cmdline", strings.Join(p.Args, "\x00")+"\x00", 0o444)
	put("/cgroup", p.Cgroup(), 0o444)
	put("/environ", strings.Join(p.Env, "\x00")+"\x00", 0o400)
	put("/status", fmt.Sprintf("Name:\t%s\nState:\tS (sleeping)\nPid:\t%d\nPPid:\t%d\nVmRSS:\t%8d kB\n", p.Comm(), p.PID, p.PPID, p.Mem/1024), 0o444)
	put("/stat", fmt.Sprintf("%d (%s) S %d %d %d 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 %d\n",
		p.PID, p.Comm(), p.PPID, p.PID, p.PID, p.Start.Sub(h.Boot).Milliseconds()/10, p.Mem/4096), 0o444)
	put("/limits", "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n", 0o444)
	mounts := h.MountInfo()
	if p.Unit != nil {
		mounts += h.privateMounts(p.Unit.Spec.Mounts)
	}
	if p.C != nil {
		mounts = p.C.MountInfo()
	}
	put("/mountinfo", mounts, 0o444)
	f.Put("/fd", vfs.Node{Mode: fs.ModeDir | 0o500, Owner: p.User})
	for i, name := range p.Files {
		f.Put("/fd/"+strconv.Itoa(10+i), vfs.Node{Mode: fs.ModeSymlink | 0o700, Owner: p.User, Target: name})
	}
	f.Put("/root", vfs.Node{Mode: fs.ModeDir | 0o500, Owner: p.User})
	return f
}

// outside is where the host has a file that the process sees under name.
func (p Process) outside(name string) string {
	if p.Unit == nil {
		return name
	}
	for _, m := range p.Unit.Spec.Mounts {
		if rest, ok := strings.CutPrefix(name, m.Target+"/"); ok {
			return m.Source + "/" + rest
		}
	}
	return name
}

// privateMounts are the lines of mountinfo that only the processes of a unit have.
func (h *Host) privateMounts(list []MountSpec) string {
	var b strings.Builder
	for i, m := range list {
		d, ok := h.diskOf(m.Source)
		if !ok {
			continue
		}
		for _, r := range h.mountRows() {
			if r.target == d.Mount {
				root := "/" + strings.TrimPrefix(strings.TrimPrefix(m.Source, d.Mount), "/")
				fmt.Fprintf(&b, "%d 24 %s %s %s rw,relatime - %s %s %s\n", 400+i, r.dev, octal(root), octal(m.Target), r.fstype, octal(r.source), r.options)
			}
		}
	}
	return b.String()
}
