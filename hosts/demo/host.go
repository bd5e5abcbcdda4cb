package demo

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"

	"midwatch/hosts/demo/engine"
	"midwatch/hosts/demo/shell"
	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
	"midwatch/hosts/demo/wire"
	"midwatch/hosts/demo/worlds"
	"midwatch/hosts/sshd"
)

var errShutdown = errors.New("the demo fleet is closed")

// host is one machine as the network sees it.
type host struct {
	fleet *Fleet
	site  *site
	head  worlds.Head
	name  string
	addr  string

	// What Params.Hang asked for; set before the first connection.
	mute, dockerHangs, shellHangs, floods, nfsHangs bool

	sim    *sim.Host // set when the site is opened
	engine *engine.Server
	table  shell.Table

	serverOnce sync.Once
	server     *sshd.Server
	serverErr  error

	mu    sync.Mutex // guards conns
	conns map[*wire.Conn]struct{}
}

// attach joins the machine once it is built.
func (h *host) attach(m *sim.Host) {
	h.sim = m
	if m.Spec.Engine != nil {
		h.engine = engine.New(h.fleet.ctx, m, inside{h})
		if h.head.Engine {
			m.Listeners = append(m.Listeners, &sim.Listener{
				Proto: "tcp", IP: "0.0.0.0", Port: dockerPort, Process: "dockerd", Handler: h.engineOrSilence(), TLS: h.fleet.keys.dockerServer(h.name, h.addr),
			})
		}
	}
	if h.nfsHangs {
		for _, d := range m.Spec.Disks {
			if strings.HasPrefix(d.Type, "nfs") {
				m.SetHung(d.Mount, true)
			}
		}
	}
	m.OnDown(func(down bool) { // the site is locked here: nothing below may look at it
		switch {
		case m.Blackhole:
			h.each(func(c *wire.Conn) { c.Freeze(down) })
		case down:
			h.cutAll(syscall.ECONNRESET)
		}
	})
}

// dockerPort is where an engine listens with TLS.
const dockerPort = 2376

// engineOrSilence answers for the engine, or never, when Params.Hang says so.
func (h *host) engineOrSilence() http.Handler {
	if !h.dockerHangs {
		return h.engine
	}
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

func (h *host) each(fn func(*wire.Conn)) {
	h.mu.Lock()
	list := make([]*wire.Conn, 0, len(h.conns))
	for c := range h.conns {
		list = append(list, c)
	}
	h.mu.Unlock()
	for _, c := range list {
		fn(c)
	}
}

func (h *host) cutAll(err error) { h.each(func(c *wire.Conn) { c.Cut(err) }) }

// track remembers a connection until it ends.
func (h *host) track(c *wire.Conn) {
	h.mu.Lock()
	h.conns[c] = struct{}{}
	h.mu.Unlock()
	c.OnClose(func() {
		h.mu.Lock()
		delete(h.conns, c)
		h.mu.Unlock()
	})
}

// inside runs commands in the containers of a host, for its engine.
type inside struct{ h *host }

func (i inside) machine(c *sim.Container) *shell.Machine {
	return &shell.Machine{Host: i.h.sim, C: c, Dial: i.h.dialer(c), Table: &i.h.table}
}

// Installed reports whether a container has a program.
func (i inside) Installed(c *sim.Container, name string) bool { return i.machine(c).Installed(name) }

// Exec runs a command in a container.
func (i inside) Exec(ctx context.Context, c *sim.Container, r *engine.ExecRequest) int {
	env := map[string]string{}
	for _, kv := range r.Env {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	user := r.User
	if user == "" {
		if user = c.Spec.User; user == "" {
			user = "root"
		}
	}
	return i.machine(c).Run(ctx, shell.Request{
		User: user, Argv: r.Argv, Env: env, Dir: r.Dir, Stdin: r.Stdin, Stdout: r.Stdout, Stderr: r.Stderr, TTY: r.TTY,
		Cols: r.Cols, Rows: r.Rows, Resize: r.Resize,
	}).Exit
}

// dialer is the network as the host, or a container on it, sees it.
func (h *host) dialer(c *sim.Container) shell.Dial {
	return func(ctx context.Context, who vfs.Cred, network, address string) (net.Conn, error) {
		return h.dial(ctx, c, who, network, address)
	}
}

// Exec runs a command that came over SSH.
func (h *host) Exec(ctx context.Context, r *sshd.Request) int {
	switch {
	case h.shellHangs:
		<-ctx.Done()
		return 255
	case h.floods:
		return flood(ctx, r.Stdout)
	}
	m := &shell.Machine{
		Host: h.sim, Dial: h.dialer(nil), Table: &h.table,
		Background: func(run func(context.Context)) { h.fleet.spawn(func() { run(h.fleet.ctx) }) },
	}
	req := shell.Request{
		User: r.User, Command: r.Command, Env: r.Env, Stdin: r.Stdin, Stdout: r.Stdout, Stderr: r.Stderr, Signals: r.Signals,
	}
	if r.Term != nil {
		req.TTY, req.Term, req.Cols, req.Rows = true, r.Term.Name, r.Term.Cols, r.Term.Rows
		sizes, done := make(chan [2]int), make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			resize(r.Resize, sizes, done)
		}()
		defer func() { close(done); <-ended }()
		req.Resize = sizes
	}
	res := m.Run(ctx, req)
	r.ExitSignal = res.Signal
	return res.Exit
}

// resize passes sizes on until done.
func resize(in <-chan sshd.Size, out chan<- [2]int, done <-chan struct{}) {
	for {
		select {
		case s := <-in:
			select {
			case out <- [2]int{s.Cols, s.Rows}:
			case <-done:
				return
			}
		case <-done:
			return
		}
	}
}

// flood writes until nobody reads.
func flood(ctx context.Context, w io.Writer) int {
	line := []byte(strings.Repeat("all work and no play makes a dull host\n", 800))
	for ctx.Err() == nil {
		if _, err := w.Write(line); err != nil {
			break
		}
	}
	return 1
}

// Dial opens a connection for a client that is logged in to the host.
func (h *host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	u := h.login()
	return h.dial(ctx, nil, u.Cred(), network, address)
}

// login is the account that the inventory uses.
func (h *host) login() sim.User {
	u, _ := h.sim.User(h.head.User)
	return u
}

var (
	_ sshd.Backend  = (*host)(nil)
	_ engine.Runner = inside{}
)
