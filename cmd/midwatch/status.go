package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/fleet"
	"midwatch/themes"
	"midwatch/tui/ui"
)

type statusFlags struct {
	watch         bool
	hosts, groups []string
	timeout       time.Duration
	every         time.Duration
}

func (a *app) statusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print one line a host",
		Long: `Print how each host is: its state and the reason, load, memory, the fullest disk, containers that run
of those there are, what is failing, and how old the facts are.

A host in maintenance is not contacted. The exit code is 3 when another was not reached, or did not
say everything, within --timeout. "midwatch help json" describes the document of --json.`,
		Example: `midwatch status --group production
midwatch status --json | jq -r '.hosts[] | select(.state != "connected") | .name'
midwatch status --watch`,
		Args: cobra.NoArgs,
		Run:  a.does(func(ctx context.Context, _ []string) error { return a.runStatus(ctx, f) }),
	}
	fl := cmd.Flags()
	fl.BoolVarP(&f.watch, "watch", "w", false, "print again whenever something changed, until interrupted")
	fl.StringSliceVar(&f.hosts, "host", nil, "only this HOST; may be given several times")
	fl.StringSliceVar(&f.groups, "group", nil, "only the hosts of this GROUP; may be given several times")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long hosts may take")
	fl.DurationVar(&f.every, "every", time.Second, "print at most this often, with --watch")
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	_ = cmd.RegisterFlagCompletionFunc("group", a.completeGroups)
	return cmd
}

func (a *app) runStatus(ctx context.Context, f statusFlags) error {
	if f.timeout <= 0 || f.every <= 0 {
		return wrong("--timeout and --every want a duration above zero")
	}
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	names, err := inv.Names(append(slices.Clone(f.hosts), f.groups...)...)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	w, err := a.open(ctx, inv, opening{hosts: names, watch: true, ask: a.askAtTerminal()})
	if err != nil {
		return err
	}
	defer w.Close()
	snap, err := w.settle(ctx, f.timeout, names)
	if err != nil {
		return err
	}
	if !f.watch {
		return errors.Join(a.printStatus(snap, names, "  "), w.unreached(snap, names))
	}
	return a.watchStatus(ctx, w, f, snap, names)
}

// watchStatus prints again after changes. On a terminal the table stays where it is.
func (a *app) watchStatus(ctx context.Context, w *world, f statusFlags, snap *hosts.Snapshot, names []string) error {
	pause := time.NewTicker(f.every)
	defer pause.Stop()
	lines := 0
	for {
		if !a.flags.json && a.isTerminal(a.stdout) && lines > 0 {
			if _, height, err := term.GetSize(a.stdout.Fd()); err == nil && lines < height {
				if err := a.printf("\x1b[%dA\x1b[J", lines); err != nil {
					return err
				}
			}
		}
		lines = len(names) + 2
		if err := a.printStatus(snap, names, ""); err != nil {
			return err
		}
		next, err := w.Fleet.Next(ctx, snap.Gen)
		if err != nil {
			return context.Cause(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-pause.C:
		}
		if snap = w.Fleet.Snapshot(); snap.Gen < next.Gen {
			snap = next
		}
	}
}

// printStatus prints the table, or the document indented by indent: on one line with "".
func (a *app) printStatus(snap *hosts.Snapshot, names []string, indent string) error {
	now := a.now()
	if a.flags.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", indent)
		return enc.Encode(statusOf(snap, names, now))
	}
	width := 0
	if a.isTerminal(a.stdout) {
		width, _, _ = term.GetSize(a.stdout.Fd())
	}
	_, err := a.stdout.WriteString(statusTable(a.styles(a.stdout), snap, names, now, width))
	return err
}

func (a *app) isTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// statusTable writes the table for people, at most width cells wide; 0 means as wide as it comes.
func statusTable(st *themes.Styles, snap *hosts.Snapshot, names []string, now time.Time, width int) string {
	head := []string{"", "HOST", "STATE", "LOAD", "MEM", "DISK", "UP", "AGE", "FAILING"}
	rows := [][]string{}
	roles := []themes.Role{}
	for _, h := range snap.Hosts {
		if !slices.Contains(names, h.Host.Name) {
			continue
		}
		row, role := statusRow(st, h, now)
		rows, roles = append(rows, row), append(roles, role)
	}
	widths := make([]int, len(head))
	for _, r := range append([][]string{head}, rows...) {
		for i, c := range r {
			widths[i] = max(widths[i], ui.Width(c))
		}
	}
	var b strings.Builder
	write := func(row []string, pen func(column int, s string) string) {
		used := 0
		for i, c := range row {
			last := i == len(row)-1
			cell := ui.Pad(c, widths[i])
			if last {
				cell = c
				if width > 0 {
					cell = ui.Trunc(c, max(width-used, 0))
				}
			}
			b.WriteString(pen(i, cell))
			if !last {
				b.WriteString(" ")
			}
			used += widths[i] + 1
		}
		b.WriteString("\n")
	}
	write(head, func(_ int, s string) string { return st.Normal.Render(themes.Muted, s) })
	for n, row := range rows {
		write(row, func(i int, s string) string {
			if i == 0 || i == 2 || i == len(row)-1 && roles[n] != themes.OK {
				return st.Normal.Render(roles[n], s)
			}
			return s
		})
	}
	v := fleet.Judge(only(snap, names), now)
	b.WriteString(st.Normal.Render(themes.Muted, v.String()) + "\n")
	return trimLines(b.String())
}

// trimLines cuts the blanks at the ends of lines: they are no part of the text, and make noise in
// what a script stores.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// only is the part of a snapshot about some hosts.
func only(snap *hosts.Snapshot, names []string) *hosts.Snapshot {
	out := *snap
	out.Hosts = nil
	for _, h := range snap.Hosts {
		if slices.Contains(names, h.Host.Name) {
			out.Hosts = append(out.Hosts, h)
		}
	}
	return &out
}

func statusRow(st *themes.Styles, h *hosts.HostFacts, now time.Time) ([]string, themes.Role) {
	r := fleet.Summary(h, now)
	glyph, role := st.Glyphs.Connected, themes.OK
	switch r.State {
	case hosts.StatePending:
		glyph, role = st.Glyphs.Pending, themes.Unknown
	case hosts.StateDisconnected:
		glyph, role = st.Glyphs.Disconnected, themes.Bad
	case hosts.StateError:
		glyph, role = st.Glyphs.Failed, themes.Bad
	case hosts.StateMaintenance:
		glyph, role = st.Glyphs.Maintenance, themes.Info
	default:
		for _, p := range r.Failing {
			if p.Severity >= fleet.SeverityError {
				role = themes.Bad
			} else if role == themes.OK {
				role = themes.Warn
			}
		}
		if role == themes.OK && len(r.Unknown) > 0 {
			role = themes.Unknown
		}
	}
	load, mem, disk, up, age := "-", "-", "-", "-", "-"
	if h.System.Known() {
		load = fmt.Sprintf("%.2f", r.Load[0])
	}
	if r.Memory >= 0 {
		mem = fmt.Sprintf("%d%%", r.Memory)
	}
	if r.HasDisk {
		disk = fmt.Sprintf("%d%% %s", max(r.Disk.UsedPercent(), r.Disk.InodePercent()), hosts.CleanLine(r.Disk.Mount))
	}
	if r.Total >= 0 {
		up = fmt.Sprintf("%d/%d", r.Up, r.Total)
	}
	if r.Known {
		age = ui.Age(r.Age)
	}
	return []string{glyph, r.Host, r.State.String(), load, mem, disk, up, age, hosts.CleanLine(failingText(h, r))}, role
}

// failingText is the last column: why the host is not connected, else what is failing, else what is
// not known.
func failingText(h *hosts.HostFacts, r fleet.Row) string {
	switch {
	case r.State == hosts.StatePending:
		return "no answer yet"
	case r.State != hosts.StateConnected:
		return r.Reason
	}
	var parts []string
	if h.Link.Warning != "" {
		parts = append(parts, h.Link.Warning)
	}
	for _, p := range r.Failing {
		text := p.Text
		if p.Object != "" {
			text = p.Object + " (" + p.Text + ")"
		}
		parts = append(parts, text)
	}
	for _, g := range r.Unknown {
		text := g.Part + " unknown: " + g.Reason
		if g.Needs != "" {
			text += ", needs " + g.Needs
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
