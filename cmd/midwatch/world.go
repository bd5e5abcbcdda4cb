package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/fleet"
	"midwatch/hosts/inventory"
	"midwatch/hosts/logs"
	"midwatch/hosts/transport"
	"midwatch/ops"
	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// world is a fleet that can be asked: the hosts of an inventory, or the demo's.
type world struct {
	Inventory *inventory.Inventory
	Fleet     ui.Fleet
	live      *fleet.Fleet // nil when Fleet is a capture
	Ops       *ops.Manager // nil: nothing can be changed
	record    *recorder    // nil: nothing is recorded
	Runs      *run.Runs    // nil: there are no deploys here
	defs      *definitions // of Runs
	Where     string       // "demo"; "" for real hosts
	nodes     map[string]*node
	getenv    func(string) string
	ctx       context.Context //nolint:containedctx // a world lives as long as its context does
	stop      context.CancelFunc
	work      sync.WaitGroup
	first     []func() error // ended before everything else, in order
	closers   []func() error // ended after the fleet, all at once
}

// opening says what a world is opened for.
type opening struct {
	hosts    []string        // names; nil for all
	watch    bool            // keep a snapshot: connect to every host now
	failFast bool            // a host that cannot be reached fails what is asked of it, instead of being waited for
	ask      transport.Ask   // nil: nobody answers
	last     *hosts.Snapshot // what was known the last time, to begin with; nil for nothing
}

// inventory reads the inventory, or takes the demo's.
func (a *app) inventory() (*inventory.Inventory, error) {
	if a.flags.from != "" {
		return a.captured()
	}
	if d, err := a.demo(); d != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return d.inventory, nil
	}
	inv, err := inventory.Load(a.flags.config, a.getenv)
	var faults inventory.Faults
	if err != nil && !errors.As(err, &faults) {
		err = &exitError{exitUsage, err}
	}
	return inv, err
}

// open joins inventory, transports, engines and fleet. Nothing waits for a host.
func (a *app) open(ctx context.Context, inv *inventory.Inventory, o opening) (*world, error) {
	if a.flags.from != "" {
		return a.openCapture(ctx, inv), nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends with Close, in order
	w := &world{Inventory: inv, nodes: map[string]*node{}, getenv: a.getenv, ctx: ctx, stop: cancel}
	d, err := a.dialing()
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if a.demoNow != nil {
		w.Where = "demo"
	}
	var members []fleet.Member
	var errs []error
	for _, h := range pick(inv, o.hosts) {
		n, err := a.newNode(ctx, inv, h, d, o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w.nodes[h.Name] = n
		w.closers = append(w.closers, n.Close)
		members = append(members, n.member(inv, d, a.now))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(&exitError{exitUsage, err}, w.Close())
	}
	w.live = fleet.New(fleet.Params{Members: members, Now: a.now, Logger: a.log, Jitter: rand.Float64, Last: o.last})
	w.Fleet = w.live
	if o.watch {
		w.work.Go(func() { _ = w.live.Run(ctx) })
	}
	return w, nil
}

// Close ends everything the world started and waits for it.
func (w *world) Close() error {
	var before []error
	for _, c := range w.first {
		before = append(before, c())
	}
	w.stop()
	w.work.Wait()
	// Links wait for what runs on them; all at once, so that one slow host delays by itself only.
	errs := make([]error, len(w.closers))
	var wg sync.WaitGroup
	for i, c := range w.closers {
		wg.Go(func() { errs[i] = c() })
	}
	wg.Wait()
	return errors.Join(append(before, errs...)...)
}

// Tail opens a stream of log lines.
func (w *world) Tail(ctx context.Context, q hosts.LogQuery) (hosts.LogStream, error) {
	if len(q.Sources) == 0 && !q.Follow {
		return nil, errors.New("no log source given")
	}
	return logs.Open(ctx, w.logSources(), q), nil
}

// ContainerDetail reads what is shown of one container.
func (w *world) ContainerDetail(ctx context.Context, host, id string) (hosts.ContainerDetail, error) {
	if w.live == nil {
		return hosts.ContainerDetail{}, errCapture
	}
	n, ok := w.nodes[host]
	if !ok || n.docker == nil {
		return hosts.ContainerDetail{}, fmt.Errorf("%s has no docker", host)
	}
	return n.docker.Detail(ctx, id)
}

// HostShell gives the terminal to a login shell on a host.
func (w *world) HostShell(host string) (tea.ExecCommand, error) {
	n, ok := w.nodes[host]
	switch {
	case !ok:
		return nil, fmt.Errorf("no host %q", host)
	case n.host.Kind == hosts.KindDocker:
		return nil, fmt.Errorf("%s is reached through its docker engine only, and has no shell", host)
	}
	return &handover{
		ctx: w.ctx, getenv: w.getenv, what: "shell on " + host,
		session: onConn(n.link, "sh", "-c", `exec "${SHELL:-/bin/sh}" -l`),
	}, nil
}

// ContainerShell gives the terminal to a shell inside a container.
func (w *world) ContainerShell(host, id string) (tea.ExecCommand, error) {
	n, ok := w.nodes[host]
	if !ok || n.docker == nil {
		return nil, fmt.Errorf("%s has no docker", host)
	}
	return &handover{
		ctx: w.ctx, getenv: w.getenv, what: "shell in " + w.containerName(host, id) + " on " + host,
		session: func(ctx context.Context, in io.Reader, out io.Writer, t hosts.Term) error {
			return n.docker.ExecShell(ctx, id, in, out, out, t)
		},
	}, nil
}

// containerName is the name of a container for people; its ID when it is not known.
func (w *world) containerName(host, id string) string {
	if h := w.Fleet.Snapshot().Host(host); h != nil {
		for i := range h.Containers.Value {
			if h.Containers.Value[i].ID == id {
				return h.Containers.Value[i].Name
			}
		}
	}
	return id
}

// deps are what the screens are built with.
func (w *world) deps(ctx context.Context, now func() time.Time, st *themes.Styles, copyText func(string) error) ui.Deps {
	d := ui.Deps{
		Now: now, Styles: st, Fleet: w.Fleet, Logs: w, Detail: w, Shell: w, Copy: copyText, Context: ctx,
		Edges: edges(w.Inventory), LogFields: w.Inventory.FieldsOf,
	}
	if w.Ops != nil { // a nil pointer in an interface is not nil
		d.Ops = w.Ops
	}
	if w.record != nil {
		d.Record = w.record
	}
	return d
}

// busy names the operations that run, with what quitting does to them.
func (w *world) busy() []string {
	if w.Ops == nil {
		return nil
	}
	out := w.Ops.Busy()
	for i := range out {
		out[i] = leaving(out[i])
	}
	return out
}

var (
	_ ui.Fleet    = (*fleet.Fleet)(nil)
	_ ui.Logs     = (*world)(nil)
	_ ui.Detailer = (*world)(nil)
	_ ui.Sheller  = (*world)(nil)
	_ ui.Operator = (*ops.Manager)(nil)
)
