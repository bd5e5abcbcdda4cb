package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"midwatch/checks/trace"
	"midwatch/hosts"
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
	switch {
	case f.live && !trace.Safe(q.Method):
		return wrong("--live asks with GET, HEAD or OPTIONS only: %s could change something", q.Method)
	case f.live && q.Protocol == trace.GRPC:
		return wrong("--live asks with GET, HEAD or OPTIONS only, and gRPC has none of them")
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
	by := a.tracer(w)
	t, err := by.Trace(ctx, snap, q)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if f.live {
		if why := by.NoLive(); why != "" {
			return wrong("--live: %s", why)
		}
		t.Judge(by.askAll(ctx, t))
	}
	if err := a.printTrace(t, snap); err != nil {
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

func edges(inv *inventory.Inventory) []trace.Edge {
	var out []trace.Edge
	for _, e := range inv.Edges {
		out = append(out, trace.Edge{Public: e.Public, Port: uint16(e.Port), Host: e.Host, To: uint16(e.To)}) //nolint:gosec // the parser checks ports
	}
	return out
}

// lastWords bounds how many signs of trouble are printed of one target.
const lastWords = 3

func (a *app) printTrace(t *trace.Trace, snap *hosts.Snapshot) error {
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
		for _, s := range []string{h.Match, arrow(h.Target), h.Detail, liveWord(h.Live)} {
			if s != "" {
				b.WriteString(indent + hosts.CleanLine(s) + "\n")
			}
		}
		if h.Status != trace.OK {
			for _, x := range trace.LastWords(snap, h, lastWords) {
				b.WriteString(indent + "last: " + ui.AgeOf(x.At, a.now()) + " ago, " + hosts.CleanLine(x.Text) + "\n")
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

func liveWord(s string) string {
	if s == "" {
		return ""
	}
	return "asked: " + s
}
