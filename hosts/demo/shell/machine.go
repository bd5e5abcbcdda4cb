package shell

import (
	"context"
	"io"
	"net"
	"os"
	"path"
	"sort"
	"strings"
	"sync"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// Dial opens a connection as a host, or a container on it, sees the network; who asks matters to unix
// sockets.
type Dial func(ctx context.Context, who vfs.Cred, network, address string) (net.Conn, error)

// Machine is a host, or the inside of one of its containers.
type Machine struct {
	Host  *sim.Host
	C     *sim.Container // nil on the host itself
	Dial  Dial
	Table *Table // of the programs that run; shared by all Machines of a host
	// Background runs what outlives the command that started it, until ctx ends; nil: nothing does.
	Background func(run func(ctx context.Context))
}

// Request is a command to run.
type Request struct {
	User    string
	Command string   // for a shell to interpret; "" with no Argv is an interactive shell
	Argv    []string // instead of Command: run without a shell
	Env     map[string]string
	Dir     string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Signals delivers names such as TERM; nil for none.
	Signals <-chan string
	// TTY gives the command a terminal; its size follows Resize.
	TTY        bool
	Term       string
	Cols, Rows int
	Resize     <-chan [2]int // columns, rows
}

// Result is how a command ended.
type Result struct {
	Exit   int
	Signal string // the name of the signal that ended it, "" otherwise
}

// Run runs a command and returns when it has ended.
func (m *Machine) Run(ctx context.Context, r Request) Result {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	e := &entry{user: r.User, args: r.Command, cancel: cancel}
	pid := m.Table.add(e)
	defer m.Table.remove(pid)
	if r.Signals != nil {
		wg.Go(func() { e.listen(ctx, r.Signals) })
	}
	u, ok := m.user(r.User)
	if !ok {
		u = sim.User{Name: r.User, UID: 65534, Groups: []string{"nogroup"}, Home: "/"}
	}
	p := m.process(ctx, u, r)
	p.pid = pid
	var exit int
	switch {
	case r.TTY:
		t := newTerminal(ctx, r, &wg)
		exit = p.onTerminal(t, r)
	case len(r.Argv) > 0:
		exit = p.exec(r.Argv)
	case r.Command != "":
		exit = p.script(r.Command, "sh", nil)
	default:
		exit = p.fromInput(nil)
	}
	if s := e.signal(); s != "" {
		return Result{Signal: s}
	}
	return Result{Exit: exit}
}

func (m *Machine) user(name string) (sim.User, bool) {
	if m.C != nil && (name == "" || name == "0") {
		return sim.User{Name: "root", Groups: []string{"root"}, Home: "/root", Shell: "/bin/sh"}, true
	}
	return m.Host.User(name)
}

func (m *Machine) fs() *vfs.FS {
	if m.C != nil {
		return m.C.FS
	}
	return m.Host.FS
}

func (m *Machine) hostname() string {
	if m.C != nil && m.C.NetMode() != "host" {
		return m.C.Short()
	}
	return m.Host.Spec.Name
}

func (m *Machine) process(ctx context.Context, u sim.User, r Request) *proc {
	env := map[string]string{
		"HOME": u.Home, "USER": u.Name, "LOGNAME": u.Name, "SHELL": "/bin/bash",
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
	}
	if m.C != nil {
		env["HOSTNAME"] = m.hostname()
		for _, kv := range m.C.Spec.Env {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
	}
	if r.Term != "" {
		env["TERM"] = r.Term
	}
	for k, v := range r.Env {
		env[k] = v
	}
	dir := r.Dir
	if dir == "" {
		if dir = u.Home; m.C != nil || dir == "" {
			dir = "/"
		}
	}
	stdin := r.Stdin
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	return &proc{m: m, ctx: ctx, user: u, env: env, dir: dir, in: stdin, out: r.Stdout, err: r.Stderr}
}

// proc is a running program.
type proc struct {
	m       *Machine
	ctx     context.Context //nolint:containedctx // it lives as long as the program does
	user    sim.User
	env     map[string]string
	dir     string
	args    []string
	in      io.Reader
	out     io.Writer
	err     io.Writer
	tty     *terminal // nil without one
	ttyIn   io.Reader // what in is when it is the terminal
	ttyFile *os.File  // the same, as the interpreter hands it on
	pid     int
	depth   int  // of programs that start programs
	onlyOut bool // nothing reads any more
}

// child is a process with another command line.
func (p *proc) child(args []string) *proc {
	q := *p
	q.args, q.depth = args, p.depth+1
	q.env = make(map[string]string, len(p.env))
	for k, v := range p.env {
		q.env[k] = v
	}
	return &q
}

func (p *proc) cred() vfs.Cred { return p.user.Cred() }

func (p *proc) root() bool { return p.user.Name == "root" }

func (p *proc) host() *sim.Host { return p.m.Host }

// abs makes a path absolute.
func (p *proc) abs(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(p.dir, name)
}

// environ lists the environment as env prints it.
func (p *proc) environ() []string {
	out := make([]string, 0, len(p.env))
	for k, v := range p.env {
		out = append(out, k+"="+v)
	}
	sort.Strings(out)
	return out
}

// maxDepth is how deep programs may start programs.
const maxDepth = 30

// exec runs a program by its command line.
func (p *proc) exec(args []string) int {
	name := path.Base(args[0])
	fn := lookup(name)
	if fn == nil || !p.m.has(name) {
		return p.file(args)
	}
	if p.depth > maxDepth {
		return p.die(126, "%s: too many levels of programs", name)
	}
	return fn(p.child(args))
}

// has reports whether a program is installed.
func (m *Machine) has(name string) bool {
	if m.C != nil {
		switch name {
		case "systemctl", "journalctl", "docker", "sudo", "ss", "systemd-detect-virt":
			return false
		case "nginx":
			return strings.Contains(m.C.Spec.Image, "nginx") || m.C.FS != nil && m.exists("/etc/nginx/nginx.conf")
		case "curl":
			return !strings.Contains(m.C.Spec.Image, "slim")
		}
		return true
	}
	switch name {
	case "docker":
		return m.Host.Spec.Engine != nil
	case "nginx":
		return m.exists("/etc/nginx/nginx.conf")
	case "systemctl", "journalctl":
		return m.Host.Spec.Systemd > 0
	}
	return true
}

// Installed reports whether name can be executed: a program by name, or a file by its path.
func (m *Machine) Installed(name string) bool {
	base := path.Base(name)
	if lookup(base) != nil && m.has(base) {
		return true
	}
	return strings.Contains(name, "/") && m.fs().Access(vfs.Cred{User: "root"}, name, 1) == nil
}

func (m *Machine) exists(name string) bool {
	_, err := m.fs().Stat(vfs.Cred{User: "root"}, name, true)
	return err == nil
}

// file runs a script of the file system, or says that there is no such command.
func (p *proc) file(args []string) int {
	if !strings.Contains(args[0], "/") {
		return p.die(127, "sh: 1: %s: not found", args[0])
	}
	name := p.abs(args[0])
	if err := p.m.fs().Access(p.cred(), name, 1); err != nil {
		code := 126
		if reason(err) == "No such file or directory" {
			code = 127
		}
		return p.die(code, "sh: 1: %s: %s", args[0], strings.ToLower(reason(err)[:1])+reason(err)[1:])
	}
	text, err := p.m.fs().ReadFile(p.cred(), name)
	if err != nil {
		return p.die(126, "sh: 1: %s: %s", args[0], reason(err))
	}
	return p.child(args).script(string(text), args[0], args[1:])
}
