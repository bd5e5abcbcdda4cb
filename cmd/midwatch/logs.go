package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/logs"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// logsFlags are the flags of "midwatch logs".
type logsFlags struct {
	follow, list bool
	since, until string
	grep         string
	tail         int
	timeout      time.Duration
}

func (a *app) logsCommand() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs SOURCE...",
		Short: "Print or follow logs of containers, units, journals and files",
		Long: `Print the logs of one or several sources of one or several hosts, merged by time.

A SOURCE is one of

  HOST/container:NAME   container:NAME on any host
  HOST/unit:NAME        unit:NAME      on any host
  HOST/file:/PATH       a file on the host
  HOST/journal          the whole journal; HOST alone says the same
  NAME                  a [logs.NAME] of the inventory

NAME of a container or unit may hold * and ?. With --follow, what comes to match later joins: a container
that is started, a host that answers again.`,
		Example: `# follow the workers of every host
midwatch logs -f 'unit:powernode-worker@*'

# what two containers said between two moments, as JSON lines
midwatch logs prod-113/container:ai_hub_service edge-90/container:envoy --since 14:00 --until 14:10 --json

# what there is
midwatch logs --list`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !f.list {
				return errors.New("no SOURCE given (--list shows what there is)")
			}
			return nil
		},
		ValidArgsFunction: a.completeSources,
		Run: a.does(func(ctx context.Context, args []string) error {
			return a.runLogs(ctx, f, args)
		}),
	}
	fl := cmd.Flags()
	fl.BoolVarP(&f.follow, "follow", "f", false, "go on with what is written from now on")
	fl.BoolVar(&f.list, "list", false, "list the sources of containers and services instead; SOURCE is then a host or group")
	fl.StringVar(&f.since, "since", "", "from this MOMENT: 15m, 14:05, 2026-11-29 14:05, RFC 3339")
	fl.StringVar(&f.until, "until", "", "up to this MOMENT")
	fl.IntVarP(&f.tail, "tail", "n", 0, "the last N lines of each source; 200 when neither this nor --since is given")
	fl.StringVar(&f.grep, "grep", "", "only lines that hold this TEXT")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long hosts may take to say what they have")
	return cmd
}

// query makes a query of the flags; sources are filled in later.
func (f logsFlags) query(now time.Time) (hosts.LogQuery, error) {
	q := hosts.LogQuery{Follow: f.follow, Tail: f.tail, Grep: f.grep}
	var err error
	if q.Since, err = parseWhen(f.since, now); err != nil {
		return q, wrong("--since: %w", err)
	}
	if q.Until, err = parseWhen(f.until, now); err != nil {
		return q, wrong("--until: %w", err)
	}
	switch {
	case f.tail < 0:
		return q, wrong("--tail: want a number of lines")
	case !q.Until.IsZero() && !q.Since.Before(q.Until):
		return q, wrong("--until %s is not after --since %s", f.until, f.since)
	case !q.Until.IsZero() && f.follow:
		return q, wrong("--until and --follow exclude each other")
	}
	return q, nil
}

func (a *app) runLogs(ctx context.Context, f logsFlags, args []string) error {
	q, err := f.query(a.now())
	if err != nil {
		return err
	}
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	if f.list {
		return a.listSources(ctx, inv, f, args)
	}
	patterns, err := parsePatterns(inv, args)
	if err != nil {
		return err
	}
	// Only hosts that are meant are connected to; names have to be looked up only for patterns.
	globs := slices.ContainsFunc(patterns, pattern.glob)
	w, err := a.open(ctx, inv, opening{hosts: patternHosts(patterns, nil), watch: globs, failFast: !f.follow, ask: a.askAtTerminal()})
	if err != nil {
		return err
	}
	defer w.Close()
	snap := w.Fleet.Snapshot()
	if globs {
		if snap, err = w.settle(ctx, f.timeout, patternHosts(patterns, pattern.glob)); err != nil {
			return err
		}
	}
	found, unmatched := expand(patterns, snap)
	incomplete := false
	for _, p := range unmatched {
		why, missing := whyNothing(snap, p)
		incomplete = incomplete || missing
		a.warn("%s: %s", p.text, why)
	}
	if len(found) == 0 {
		if incomplete {
			return silently(exitIncomplete)
		}
		return silently(exitUsage)
	}
	q.Sources = found
	var more []pattern
	if f.follow && globs {
		more = patterns
	}
	err = a.tail(ctx, w, q, more)
	if err == nil && len(unmatched) > 0 {
		return silently(exitIncomplete)
	}
	return err
}

// parsePatterns reads the arguments: names of logs of the inventory, or sources.
func parsePatterns(inv *inventory.Inventory, args []string) ([]pattern, error) {
	known := func(host string) bool { _, ok := inv.Host(host); return ok }
	var out []pattern
	for _, arg := range args {
		if i := slices.IndexFunc(inv.Logs, func(l inventory.Log) bool { return l.Name == arg }); i >= 0 {
			out = append(out, fromLog(inv.Logs[i])...)
			continue
		}
		p, err := parsePattern(arg, known)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		out = append(out, p)
	}
	return out, nil
}

// patternHosts are the hosts that the patterns for which ok holds (nil: all of them) are about; nil
// for every host.
func patternHosts(patterns []pattern, ok func(pattern) bool) []string {
	var out []string
	for _, p := range patterns {
		if ok != nil && !ok(p) {
			continue
		}
		if p.host == "" {
			return nil
		}
		out = append(out, p.host)
	}
	return out
}

// whyNothing says why a pattern matched nothing; missing is set when that may be because a host did
// not say what it has.
func whyNothing(snap *hosts.Snapshot, p pattern) (why string, missing bool) {
	var unread []string
	for _, h := range snap.Hosts {
		if p.host != "" && h.Host.Name != p.host {
			continue
		}
		known := h.Containers.Known()
		if p.kind == hosts.LogUnit {
			known = h.Units.Known()
		}
		if !known && (h.Host.Kind != hosts.KindDocker || p.kind != hosts.LogUnit) {
			unread = append(unread, h.Host.Name)
		}
	}
	if len(unread) > 0 {
		return fmt.Sprintf("nothing found, and not known of %s", strings.Join(unread, ", ")), true
	}
	return fmt.Sprintf("no such %s", p.kind), false
}

// joining adds to a followed stream what the patterns match later on: a container that was started, a
// host that answers again. It returns when the context ends.
func joining(ctx context.Context, f ui.Fleet, stream hosts.LogStream, patterns []pattern) {
	to, ok := stream.(logs.Adder)
	if !ok || len(patterns) == 0 {
		return
	}
	var gen uint64
	// Facts change many times a second; names are looked up no more often than this.
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		snap, err := f.Next(ctx, gen)
		if err != nil {
			return
		}
		gen = snap.Gen
		found, _ := expand(patterns, snap)
		for _, s := range found {
			to.Add(s)
		}
	}
}

// tail prints a stream until it ends; sources that more matches later on join it. The exit code is
// incomplete when a source failed.
func (a *app) tail(ctx context.Context, w *world, q hosts.LogQuery, more []pattern) error {
	stream, err := w.Tail(ctx, q)
	if err != nil {
		return err
	}
	defer stream.Close()
	ctx, stop := context.WithCancel(ctx)
	var joins sync.WaitGroup
	joins.Go(func() { joining(ctx, w.Fleet, stream, more) })
	defer joins.Wait()
	defer stop()
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	p := a.linePrinter(q.Sources)
	said := map[string]string{}
	failed := false
	for {
		batch, err := stream.Next(ctx)
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if batch.Dropped > 0 {
			a.warn("%s skipped: they came faster than they could be written", ui.Count(int(min(batch.Dropped, 1<<30)), "line"))
		}
		for i := range batch.Entries {
			if err := p(out, &batch.Entries[i]); err != nil {
				return err
			}
		}
		// Flushed once a frame: a reader at the other end of a pipe sees lines as they come.
		if err := out.Flush(); err != nil {
			return err
		}
		for _, s := range batch.Status {
			bad := s.State == "failed" || s.State == "retrying"
			if bad && said[s.Source.Key()] != s.Reason {
				said[s.Source.Key()] = s.Reason
				a.warn("%s: %s", s.Source.Key(), s.Reason)
			}
			failed = failed || s.State == "failed"
		}
		if batch.Done {
			if failed {
				return silently(exitIncomplete)
			}
			return nil
		}
	}
}

type logPrinter func(*bufio.Writer, *hosts.Entry) error

// linePrinter returns what writes an entry.
func (a *app) linePrinter(sources []hosts.LogSource) logPrinter {
	if a.flags.json {
		return printEntryJSON
	}
	st := a.styles(a.stdout)
	// Columns as wide as the widest source, so that they stand still.
	width := 0
	index := map[hosts.LogSource]int{}
	for i, s := range sources {
		index[s] = i
		width = max(width, ui.Width(sourceName(s)))
	}
	width = min(width, 40)
	return func(w *bufio.Writer, e *hosts.Entry) error {
		if _, known := index[e.Source]; !known { // it joined later
			index[e.Source] = len(index)
		}
		name := st.Normal.Render(themes.Source(index[e.Source]), ui.Fit(sourceName(e.Source), width))
		stamp := e.Time.Local().Format("2006-01-02 15:04:05.000")
		if e.Time.IsZero() {
			stamp = ui.Pad("-", 23)
		}
		role := themes.Text
		if e.Level >= hosts.LevelWarn {
			role = themes.Level(int(e.Level))
		}
		text := e.Text
		for first := true; first || text != ""; first = false {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			if !first {
				line = "  " + line // a stack trace belongs to the line above
			}
			if _, err := fmt.Fprintf(w, "%s %s %s\n", st.Normal.Render(themes.Faint, stamp), name, st.Normal.Render(role, line)); err != nil {
				return err
			}
		}
		return nil
	}
}

func sourceName(s hosts.LogSource) string {
	if s.Name == "" {
		return s.Host + "/" + s.Kind.String()
	}
	return s.Host + "/" + strings.TrimSuffix(s.Name, ".service")
}

// entryJSON is one line of "midwatch logs --json".
type entryJSON struct {
	Time   *time.Time `json:"time"` // null when the source has none
	Host   string     `json:"host"`
	Kind   string     `json:"kind"`
	Name   string     `json:"name,omitempty"`
	Source string     `json:"source"`
	Level  string     `json:"level,omitempty"`
	Stderr bool       `json:"stderr,omitempty"`
	Text   string     `json:"text"`
}

func printEntryJSON(w *bufio.Writer, e *hosts.Entry) error {
	line := entryJSON{
		Host: e.Host, Kind: e.Source.Kind.String(), Name: e.Source.Name, Source: e.Source.Key(),
		Level: e.Level.String(), Stderr: e.Stderr, Text: e.Text,
	}
	if !e.Time.IsZero() {
		line.Time = &e.Time
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(line)
}

// listSources prints what can be followed.
func (a *app) listSources(ctx context.Context, inv *inventory.Inventory, f logsFlags, args []string) error {
	names, err := inv.Names(args...)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	w, err := a.open(ctx, inv, opening{hosts: names, watch: true, failFast: true, ask: a.askAtTerminal()})
	if err != nil {
		return err
	}
	defer w.Close()
	snap, err := w.settle(ctx, f.timeout, names)
	if err != nil {
		return err
	}
	found := allSources(snap, func(host string) bool { return slices.Contains(names, host) })
	if a.flags.json {
		list := make([]sourceJSON, len(found))
		for i, s := range found {
			list[i] = sourceJSON{Source: s.Key(), Host: s.Host, Kind: s.Kind.String(), Name: s.Name}
		}
		err = a.printJSON(list)
	} else {
		out := bufio.NewWriter(a.stdout)
		for _, s := range found {
			fmt.Fprintln(out, s.Key())
		}
		err = out.Flush()
	}
	return errors.Join(err, w.unreached(snap, names))
}

// sourceJSON is an element of "midwatch logs --list --json".
type sourceJSON struct {
	Source string `json:"source"`
	Host   string `json:"host"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
}
