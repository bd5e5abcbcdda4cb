package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/logs"
	"midwatch/tui/ui"
)

// logsFlags are the flags of "midwatch logs".
type logsFlags struct {
	follow, list, screen bool
	since, until         string
	grep                 string
	filters              []string
	level, priority      string
	columns              string
	spill, fromSpill     string
	tail                 int
	timeout              time.Duration
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
  HOST/events           what happened there, as the Timeline has it: containers, units, deploys, the link;
                        events of every host; events:NAME of an object or a kind; here/events of no host
  HOST/probes           what the probes of the host were answered; probes:NAME of a probe or a service
  compose:PROJECT       the containers of a compose project, or of PROJECT/SERVICE
  service:NAME          the containers of a compose or Swarm service on every host
  target:NAME           the units that belong to a systemd target
  NAME                  a [logs.NAME] of the inventory

HOST/ may stand before each of these. A NAME may hold * and ?, as in unit:worker@*. With --follow, what
comes to match later joins: a container that is started, a host that answers again. A file is read with what
was put aside of it when --since reaches back that far, compressed or not.

Lines are in the order of their times by our own clock: what a host's clock is off by is taken out, and said.
A line that came after newer ones of other sources has a ~ behind its time.

A MOMENT is 15m, 2d, 14:05, 2026-11-29, 2026-11-29 14:05, RFC 3339, boot (since the host was started) or
deploy (since the last one that is known), or event:TEXT (since the newest event with this text). A FILTER is what the Logs screen takes: a text, "a text with
spaces", /a regular expression/, >=warn, status>=500, host:NAME, src:NAME, is:stderr, and ! before any of
them; all of its words must hold. With -n the last N lines are counted of those that are wanted.`,
		Example: `# follow the workers of every host
midwatch logs -f 'unit:powernode-worker@*'

# what two containers said between two moments, as JSON lines
midwatch logs prod-113/container:ai_hub_service edge-90/container:envoy --since 14:00 --until 14:10 --json

# the last ten errors of a compose project, and what comes
midwatch logs -f -n 10 compose:shop --level error

# what went wrong in the proxy since the last deploy, on the screen
midwatch logs --screen edge-90/container:envoy --since deploy

# what there is
midwatch logs --list`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !f.list && f.fromSpill == "" {
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
	fl.BoolVar(&f.screen, "screen", false, "show them on the console's Logs screen")
	fl.StringVar(&f.since, "since", "", "from this MOMENT: 15m, 14:05, 2026-11-29 14:05, RFC 3339, boot, deploy, event:TEXT")
	fl.StringVar(&f.until, "until", "", "up to this MOMENT")
	fl.IntVarP(&f.tail, "tail", "n", 0, "the last N lines of each source; 200 when neither this nor --since is given")
	fl.StringVar(&f.grep, "grep", "", "only lines that hold this TEXT")
	fl.StringArrayVar(&f.filters, "filter", nil, "only lines that this FILTER accepts; may be given several times")
	fl.StringVar(&f.level, "level", "", "only lines of this LEVEL or worse: debug, info, notice, warn, error, fatal")
	fl.StringVar(&f.priority, "priority", "", "only journal entries of this LEVEL or worse, as they are filed; journalctl sees to it")
	fl.StringVar(&f.columns, "columns", "", "what stands before a line, as in utc,no-host: "+strings.Join(ui.LogColumnWords(), ", "))
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long hosts may take to say what they have")
	fl.StringVar(&f.spill, "spill", "", "with --screen: keep what falls out of its 256 MB of lines in this FILE, compressed")
	fl.StringVar(&f.fromSpill, "from-spill", "", "print the lines of such a FILE; a SOURCE is then a key, in which * and ? stand for anything")
	_ = cmd.RegisterFlagCompletionFunc("columns", completeColumns)
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(logLevels, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("priority", cobra.FixedCompletions(logLevels, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var logLevels = []string{"debug", "info", "notice", "warn", "error", "fatal"}

// completeColumns completes the last word of a list.
func completeColumns(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	done := typed[:strings.LastIndexByte(typed, ',')+1]
	out := ui.LogColumnWords()
	for i := range out {
		out[i] = done + out[i]
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func (a *app) runLogs(ctx context.Context, f logsFlags, args []string) error {
	q, err := f.query(a.now())
	if err != nil {
		return err
	}
	if f.fromSpill != "" {
		return a.printSpill(f, q, args)
	}
	if f.spill != "" && !f.screen {
		return wrong("--spill goes with --screen")
	}
	a.spill = f.spill
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	if terms, _ := f.terms(); len(terms) > 0 { // what is wrong in them the query has said
		q.Keep = func(e *hosts.Entry) bool { return terms.AcceptsAs(e, inv.FieldsOf(e.Source)) }
	}
	f = a.grepOfLogs(f, &q, inv, args)
	if f.list {
		return a.listSources(ctx, inv, f, args)
	}
	columns, err := ui.ParseLogColumns(f.columns)
	if err != nil {
		return wrong("--columns: %w", err)
	}
	patterns, err := parsePatterns(inv, args)
	if err != nil {
		return err
	}
	if f.deploy() {
		if q.Since, err = a.lastDeploy(); err != nil {
			return err
		}
		if !q.Until.IsZero() && !q.Since.Before(q.Until) {
			return wrong("--until %s is not after the last deploy, %s", f.until, q.Since.Local().Format(time.DateTime))
		}
	}
	sought, err := a.look(ctx, inv, f, patterns)
	if err != nil {
		return err
	}
	q.Sources = sought.found
	if text := f.event(); text != "" {
		if q.Since, err = a.sinceEvent(ctx, sought.w, hostsOf(q.Sources), text); err == nil && !q.Until.IsZero() && !q.Since.Before(q.Until) {
			err = wrong("--until %s is not after that event, %s", f.until, q.Since.Local().Format(time.DateTime))
		}
		if err != nil {
			return errors.Join(err, sought.w.Close())
		}
	}
	if f.screen && len(q.Sources) > 0 {
		if err := sought.w.Close(); err != nil {
			return err
		}
		q.Follow = q.Until.IsZero()
		q.Keep = nil // the screen filters what it has, so that the filter can be changed there
		a.first = &ui.OpenMsg{Screen: "logs", Logs: &q, Filter: f.screenFilter(), Columns: columns}
		return a.runConsole(ctx, nil)
	}
	defer sought.w.Close()
	switch {
	case len(q.Sources) > 0 || sought.waits:
	case sought.incomplete:
		return silently(exitIncomplete)
	default:
		return silently(exitUsage)
	}
	var more []pattern
	if sought.waits {
		more = patterns
	}
	err = a.tail(ctx, sought.w, q, more, columns)
	if err == nil && len(sought.unmatched) > 0 {
		return silently(exitIncomplete)
	}
	return err
}

// search is what came of looking for sources.
type search struct {
	w          *world
	found      []hosts.LogSource
	unmatched  []pattern
	incomplete bool // a host did not say what it has
	waits      bool // what comes to match later joins
}

// look finds the sources of patterns. Only hosts that are meant are connected to, and names are looked up
// only for patterns.
func (a *app) look(ctx context.Context, inv *inventory.Inventory, f logsFlags, patterns []pattern) (*search, error) {
	globs := slices.ContainsFunc(patterns, pattern.glob)
	watch := globs || f.event() != "" || slices.ContainsFunc(patterns, pattern.own)
	w, err := a.open(ctx, inv, opening{hosts: patternHosts(patterns, nil), watch: watch, failFast: !f.follow, ask: a.askAtTerminal()})
	if err != nil {
		return nil, err
	}
	if w.record == nil {
		w.record = a.recorded()
	}
	s := &search{w: w, waits: f.follow && globs && !f.screen}
	snap := w.Fleet.Snapshot()
	if globs {
		if snap, err = w.settle(ctx, f.timeout, patternHosts(patterns, pattern.glob)); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if target := func(p pattern) bool { return p.group == "target" }; slices.ContainsFunc(patterns, target) {
		enough := func(s *hosts.Snapshot) bool { return membersKnown(s, patternHosts(patterns, target)) }
		if snap, err = w.until(ctx, f.timeout, enough); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	s.found, s.unmatched = expand(patterns, snap)
	for _, p := range s.unmatched {
		why, missing := whyNothing(snap, p)
		s.incomplete = s.incomplete || missing
		if s.waits {
			why += "; waiting for it"
		}
		a.warn("%s: %s", p.text, why)
	}
	for _, p := range patterns {
		if n := p.elsewhere(snap); n > 0 {
			a.warn("%s: %s of it on nodes that are no hosts of the inventory", p.text, ui.Count(n, "container"))
		}
	}
	return s, nil
}

// hostsOf are the hosts of sources, each once.
func hostsOf(sources []hosts.LogSource) []string {
	var out []string
	for _, s := range sources {
		if !slices.Contains(out, s.Host) && s.Host != inventory.Here {
			out = append(out, s.Host)
		}
	}
	return out
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
	what := p.kind.String()
	switch p.group {
	case "compose":
		what = "compose project or service with a container"
	case "service":
		what = "service with a container"
	case "target":
		what = "target with units"
	}
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
	return "no such " + what, false
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
