package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/endpoint"
	"midwatch/hosts/inventory"
	"midwatch/themes"
	"midwatch/tui/ui"
)

type traceFlags struct {
	live          bool
	method, start string
	headers       []string
	as            string
	wait          time.Duration
}

func (a *app) traceCommand() *cobra.Command {
	f := traceFlags{as: string(trace.HTTP)}
	cmd := &cobra.Command{
		Use:   "trace URL",
		Short: "Follow a request through the fleet, hop by hop",
		Long: `Follow a request the way the configuration promises: name, edge listener, filter chain, virtual host,
route, cluster, endpoint, published port, container, nginx server and location, upstream, unix socket,
unit. Each hop says what matched and why, with file and line or JSON path, and what it passes on.

With --live each hop is asked as well, from the host before it, with the same Host and SNI; the first
one whose answer differs from what its configuration promises is named.

The exit code is 0 when the way is whole, 1 when a hop is broken, 3 when something is unknown.`,
		Example: `midwatch trace https://ai.example.com/api/v1/health
midwatch trace wss://ai.example.com/api/v1/voice --live
midwatch --from outage.mwc trace https://ai.example.com/ --start edge`,
		Args: cobra.ExactArgs(1),
		Run:  a.does(func(ctx context.Context, args []string) error { return a.runTrace(ctx, args[0], f) }),
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.live, "live", false, "ask every hop for real, with requests that only read")
	fl.StringVarP(&f.method, "method", "X", "", "request METHOD; GET by default")
	fl.StringArrayVarP(&f.headers, "header", "H", nil, "request header, NAME: VALUE; may be given several times")
	fl.StringVar(&f.start, "start", "", "begin at this HOST, whatever the name resolves to")
	fl.Var(&choice{&f.as, []string{"http", "websocket", "grpc", "sse"}}, "as", "what the client speaks: http, websocket, grpc or sse")
	fl.DurationVar(&f.wait, "timeout", 20*time.Second, "how long hosts may take")
	_ = cmd.RegisterFlagCompletionFunc("start", a.completeHosts)
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{"http", "websocket", "grpc", "sse"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) runTrace(ctx context.Context, url string, f traceFlags) error {
	q := trace.Question{URL: url, Method: strings.ToUpper(f.method), Start: f.start, Protocol: trace.Protocol(f.as), Headers: map[string]string{}}
	for _, h := range f.headers {
		k, v, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(k) == "" {
			return wrong("header %q is not NAME: VALUE", h)
		}
		q.Headers[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	if f.live && q.Method != "" && q.Method != "GET" && q.Method != "HEAD" && q.Method != "OPTIONS" {
		return wrong("--live asks with GET, HEAD or OPTIONS only: %s could change something", q.Method)
	}
	// A URL that cannot be traced is said before hosts are asked.
	if _, err := trace.Run(&hosts.Snapshot{}, q); err != nil {
		return &exitError{exitUsage, err}
	}
	w, snap, _, err := a.observe(ctx, nil, f.wait)
	if err != nil {
		return err
	}
	defer w.Close()
	w.question(ctx, a, &q)
	t, err := trace.Run(snap, q)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if f.live {
		if w.live == nil {
			return wrong("--live asks hosts, and a capture has none")
		}
		t.Judge(w.askHops(ctx, a, t))
	}
	if err := a.printTrace(t); err != nil {
		return err
	}
	switch t.Status() {
	case trace.Broken:
		return &exitError{code: exitFindings}
	case trace.Unknown:
		return &exitError{code: exitIncomplete}
	}
	return nil
}

// question adds what only this side knows: the forwards of the inventory and how names resolve.
func (w *world) question(ctx context.Context, a *app, q *trace.Question) {
	q.Edges = edges(w.Inventory)
	if w.live == nil || a.demoNow != nil {
		return // a name is not asked for where the fleet is not the real one
	}
	q.Lookup = func(name string) ([]netip.Addr, string, error) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		return addrs, "this machine's resolver", err
	}
}

func edges(inv *inventory.Inventory) []trace.Edge {
	var out []trace.Edge
	for _, e := range inv.Edges {
		out = append(out, trace.Edge{Public: e.Public, Port: uint16(e.Port), Host: e.Host, To: uint16(e.To)}) //nolint:gosec // the parser checks ports
	}
	return out
}

// askHops asks all hops at the same time; nil for those that cannot be asked.
func (w *world) askHops(ctx context.Context, a *app, t *trace.Trace) []*trace.Answer {
	out := make([]*trace.Answer, len(t.Hops))
	var wg sync.WaitGroup
	for i, h := range t.Hops {
		n := w.nodes[h.Host]
		if h.Ask == nil || n == nil {
			continue
		}
		if from, ok := w.nodes[h.Ask.From]; ok {
			n = from
		}
		wg.Go(func() {
			x := endpoint.Exchange{
				Network: h.Ask.Network, Address: h.Ask.Address, TLS: h.Ask.TLS, SNI: h.Ask.SNI, Host: h.Ask.Host,
				Method: h.Ask.Method, URI: h.Ask.URI, Header: h.Ask.Headers, Timeout: 5 * time.Second,
			}
			r := x.Do(ctx, n.link.Dial, a.now)
			out[i] = &trace.Answer{Status: r.Status, Location: r.Location, Server: r.Server, Err: r.Err}
		})
	}
	wg.Wait()
	return out
}

func (a *app) printTrace(t *trace.Trace) error {
	if a.flags.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(t)
	}
	st := a.styles(a.stdout)
	var b strings.Builder
	width := 0
	for _, h := range t.Hops {
		width = max(width, ui.Width(h.Kind))
	}
	for _, h := range t.Hops {
		glyph, role := hopLook(st, h.Status)
		line := fmt.Sprintf("%s %s %s", glyph, ui.Pad(h.Kind, width), hosts.CleanLine(h.Object))
		b.WriteString(st.Normal.Render(role, line))
		b.WriteString(st.Normal.Render(themes.Muted, hopPlace(h)) + "\n")
		indent := strings.Repeat(" ", width+3)
		for _, s := range []string{h.Match, arrow(h.Target), h.Detail, live(h.Live)} {
			if s != "" {
				b.WriteString(indent + hosts.CleanLine(s) + "\n")
			}
		}
		for _, p := range h.Passes {
			b.WriteString(st.Normal.Render(themes.Muted, indent+"passes "+hosts.CleanLine(p.Name+": "+p.Value)) + "\n")
		}
	}
	_, role := hopLook(st, t.Status())
	b.WriteString(st.Normal.Render(role, hosts.CleanLine(t.Verdict)) + "\n")
	return a.printf("%s", b.String())
}

func hopLook(st *themes.Styles, s trace.Status) (string, themes.Role) {
	switch s {
	case trace.OK:
		return st.Glyphs.Connected, themes.OK
	case trace.Broken:
		return st.Glyphs.Failed, themes.Bad
	default:
		return st.Glyphs.Pending, themes.Unknown
	}
}

func hopPlace(h trace.Hop) string {
	var parts []string
	if h.Host != "" {
		parts = append(parts, h.Host)
	}
	switch {
	case h.File != "" && h.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d", h.File, h.Line))
	case h.File != "":
		parts = append(parts, h.File)
	case h.Path != "":
		parts = append(parts, h.Path)
	}
	if len(parts) == 0 {
		return ""
	}
	return "  " + hosts.CleanLine(strings.Join(parts, " "))
}

func arrow(s string) string {
	if s == "" {
		return ""
	}
	return "→ " + s
}

func live(s string) string {
	if s == "" {
		return ""
	}
	return "asked: " + s
}
