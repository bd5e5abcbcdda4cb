package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/capture"
	"midwatch/hosts/endpoint"
	"midwatch/hosts/inventory"
)

func (a *app) captureCommand() *cobra.Command {
	var wait time.Duration
	var only []string
	cmd := &cobra.Command{
		Use:   "capture FILE",
		Short: "Write what the hosts say now into one file",
		Long: `Write the raw evidence of the fleet into FILE, compressed and readable only by you. Every command and
the console run on it with --from FILE, on any machine, without a network.

Values of environment variables, tokens, Authorization headers, passwords in URLs and private keys
are taken out. A capture that would still hold a secret that the inventory knows is refused, and
nothing is written. The exit code is 3 when a host was not reached; the file then holds the others.`,
		Example: "midwatch capture outage.mwc\nmidwatch --from outage.mwc trace https://ai.example.com/api/v1/x",
		Args:    cobra.ExactArgs(1),
		Run:     a.does(func(ctx context.Context, args []string) error { return a.runCapture(ctx, args[0], only, wait) }),
	}
	cmd.Flags().DurationVar(&wait, "timeout", 20*time.Second, "how long hosts may take")
	cmd.Flags().StringSliceVar(&only, "host", nil, "only this HOST; may be given several times")
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	return cmd
}

func (a *app) runCapture(ctx context.Context, path string, only []string, wait time.Duration) error {
	w, snap, names, err := a.observe(ctx, only, wait)
	if err != nil {
		return err
	}
	defer w.Close()
	if w.live == nil {
		return wrong("capture reads hosts; --from is a capture already")
	}
	c := w.capture(ctx, a.now(), names, true)
	if err := capture.Save(path, c, w.secrets(ctx)); err != nil {
		return &exitError{exitFindings, err}
	}
	return errors.Join(a.reportCapture(path, c), w.unreached(snap, names))
}

// reportCapture says what was written.
func (a *app) reportCapture(path string, c *capture.Capture) error {
	if !a.flags.json {
		return a.printf("%s: %d hosts, %d pieces of evidence\n", path, len(c.Hosts), len(c.Evidence))
	}
	names := make([]string, 0, len(c.Hosts))
	for _, h := range c.Hosts {
		names = append(names, h.Name)
	}
	return a.printJSON(struct {
		File     string    `json:"file"`
		At       time.Time `json:"at"`
		Hosts    []string  `json:"hosts"`
		Evidence int       `json:"evidence"`
	}{path, c.At, names, len(c.Evidence)})
}

// observe opens the world and waits until the named hosts have said what they have.
func (a *app) observe(ctx context.Context, only []string, wait time.Duration) (*world, *hosts.Snapshot, []string, error) {
	if wait <= 0 {
		return nil, nil, nil, wrong("--timeout wants a duration above zero")
	}
	inv, err := a.inventory()
	if err != nil {
		return nil, nil, nil, err
	}
	names, err := inv.Names(slices.Clone(only)...)
	if err != nil {
		return nil, nil, nil, &exitError{exitUsage, err}
	}
	w, err := a.open(ctx, inv, opening{hosts: names, watch: true, ask: a.askAtTerminal()})
	if err != nil {
		return nil, nil, nil, err
	}
	snap, err := w.settleAll(ctx, wait, names)
	if err != nil {
		return nil, nil, nil, errors.Join(err, w.Close())
	}
	return w, snap, names, nil
}

// settleAll waits, after the first answers, until proxies and the wider picture were read too.
func (w *world) settleAll(ctx context.Context, wait time.Duration, names []string) (*hosts.Snapshot, error) {
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	snap, err := w.settle(ctx, wait, names)
	for err == nil && w.live != nil && !w.wideSettled(snap, names) {
		next, nerr := w.Fleet.Next(limit, snap.Gen)
		if nerr != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return w.Fleet.Snapshot(), nil
		}
		snap = next
	}
	return snap, err
}

// wideSettled reports whether every part that is expected of the named hosts was asked for.
func (w *world) wideSettled(snap *hosts.Snapshot, names []string) bool {
	for _, h := range snap.Hosts {
		if !slices.Contains(names, h.Host.Name) || h.Link.State != hosts.StateConnected || h.Host.Kind == hosts.KindDocker {
			continue
		}
		if !w.nginxRead(h) {
			return false
		}
		if !asked(h.Mounts) || !asked(h.Sockets) || !asked(h.Addresses) || !h.Answered["nginx"] {
			return false
		}
		for _, id := range w.expects(h.Host.Name) {
			if id == endpoint.CollectEnvoy && !asked(h.Envoy) || id == endpoint.CollectTraefik && !asked(h.Traefik) || id == endpoint.CollectDokploy && !asked(h.Dokploy) {
				return false
			}
		}
	}
	return true
}

// nginxRead reports whether every container that runs nginx was asked for its configuration.
func (w *world) nginxRead(h *hosts.HostFacts) bool {
	named := map[string]bool{}
	if inv, ok := w.Inventory.Host(h.Host.Name); ok {
		for _, n := range inv.Nginx {
			named[n.Container] = true
		}
	}
	for _, c := range h.Containers.Value {
		if c.State != "running" || !named[c.Name] && !endpoint.LooksLikeNginx(c) {
			continue
		}
		if !slices.ContainsFunc(h.Nginx.Value, func(n hosts.Nginx) bool { return n.Container == c.Name }) {
			return false
		}
	}
	return true
}

// expects names the collectors of a host that a complete picture waits for.
func (w *world) expects(host string) []string {
	h, ok := w.Inventory.Host(host)
	if !ok {
		return nil
	}
	var out []string
	if len(h.Envoy) > 0 {
		out = append(out, endpoint.CollectEnvoy)
	}
	if len(h.Traefik) > 0 {
		out = append(out, endpoint.CollectTraefik)
	}
	if len(h.Dokploy) > 0 {
		out = append(out, endpoint.CollectDokploy)
	}
	return out
}

// capture puts together what is known of the named hosts now, with or without samples of load.
func (w *world) capture(ctx context.Context, at time.Time, names []string, samples bool) *capture.Capture {
	snap := w.Fleet.Snapshot()
	c := &capture.Capture{At: at, By: versionInfo().Version, Links: map[string]hosts.Link{}, Events: snap.Events}
	for _, h := range snap.Hosts {
		if slices.Contains(names, h.Host.Name) {
			c.Hosts = append(c.Hosts, h.Host)
			c.Links[h.Host.Name] = h.Link
		}
	}
	for _, e := range w.Inventory.Edges {
		if slices.Contains(names, e.Host) {
			c.Edges = append(c.Edges, capture.Edge{Public: e.Public, Port: e.Port, Host: e.Host, To: e.To})
		}
	}
	for _, e := range w.live.Capture(ctx, samples) {
		if slices.Contains(names, e.Host) {
			c.Evidence = append(c.Evidence, e)
		}
	}
	return c
}

// secrets are all secrets of the inventory that can be had without asking anybody.
func (w *world) secrets(ctx context.Context) []hosts.Secret {
	var out []hosts.Secret
	add := func(s inventory.Secret) {
		if s.IsZero() {
			return
		}
		if v, err := s.Resolve(ctx, "secret", nil); err == nil && !v.Empty() {
			out = append(out, v)
		}
	}
	for i := range w.Inventory.Hosts {
		h := &w.Inventory.Hosts[i]
		for _, s := range h.Secrets() {
			add(s)
		}
	}
	for i := range w.Inventory.Agents {
		add(w.Inventory.Agents[i].Key)
	}
	for i := range w.Inventory.Probes {
		for _, s := range w.Inventory.Probes[i].SecretHeader {
			add(s)
		}
	}
	return out
}

// errCapture is the answer to what only a host could tell.
var errCapture = errors.New("a capture holds facts only, no logs and no details: ask the host itself")

// frozen is the fleet of a capture: it never changes.
type frozen struct{ snap *hosts.Snapshot }

func (f frozen) Snapshot() *hosts.Snapshot { return f.snap }

// Next waits for what never comes, unless the caller knows an older one.
func (f frozen) Next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
	if f.snap.Gen > after {
		return f.snap, nil
	}
	<-ctx.Done()
	return nil, fmt.Errorf("capture: %w", ctx.Err())
}

func (frozen) Refresh(string)                {}
func (frozen) Watch(hosts.Topic) func()      { return func() {} }
func (frozen) SetMaintenance(string, string) {}

// captured reads the capture of --from once and makes an inventory of its hosts.
func (a *app) captured() (*inventory.Inventory, error) {
	if a.flags.config != "" || a.flags.demo != "" {
		return nil, wrong("--from and --config or --demo exclude each other")
	}
	c, err := capture.Load(a.flags.from)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	a.capture = c
	inv := &inventory.Inventory{File: a.flags.from}
	for _, h := range c.Hosts {
		inv.Hosts = append(inv.Hosts, inventory.Host{Host: h})
	}
	for _, e := range c.Edges {
		inv.Edges = append(inv.Edges, inventory.Edge{Public: e.Public, Port: e.Port, Host: e.Host, To: e.To})
	}
	return inv, nil
}

// openCapture makes a world of a capture: it shows and judges, and reaches nothing.
func (a *app) openCapture(ctx context.Context, inv *inventory.Inventory) *world {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &world{
		Inventory: inv, nodes: map[string]*node{}, getenv: a.getenv, ctx: ctx, stop: cancel, Fleet: frozen{a.capture.Snapshot()},
		Where: "capture of " + a.capture.At.Local().Format("2006-01-02 15:04:05"),
	}
}
