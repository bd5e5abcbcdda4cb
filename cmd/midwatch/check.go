package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/live"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/hosts/capture"
	"midwatch/themes"
	"midwatch/tui/ui"
)

type checkFlags struct {
	hosts, groups []string
	severity      string
	list          bool
	explain       bool
	since         string
	probe         string
	wait          time.Duration
	out           outputFlags
}

func (a *app) checkCommand() *cobra.Command {
	f := checkFlags{severity: "info"}
	cmd := &cobra.Command{
		Use:   "check [ID...]",
		Short: "Look for known faults, with evidence and the fix",
		Long: `Run checks on the fleet as it is now, or on a capture with --from. An ID is a check or a diagnosis: a
question in the words of who has the trouble, made of several checks. Without one, all are run.

A finding says what was seen and where, what goes wrong, what to change, and how to prove it. A finding
that another one causes is not printed. What could not be read is unknown, with the reason, and is never
counted as good. Findings that are known may be muted until a day, in mutes.toml beside the inventory:

  [[mute]]
  check = "image-latest-or-untagged"
  host = "web-1"              # optional, as object and file are
  reason = "pinned with the next release"
  until = 2026-12-31

With --probe URL the named diagnosis is tried for real: the URL is asked at every station of its way, from
outside in, each from the host it is on, with GET requests that follow no redirect and send no login. The
answers, with the command that asks the same by hand, are evidence; they turn what is likely into what is
proved, or was not seen. It is there for redirect-scheme, upgrade-header, envoy-route and sse-buffering.

The exit code is 1 when there are findings, else 3 when something could not be told.`,
		Example: `midwatch check
midwatch check redirect-scheme --host edge-1
midwatch check --severity error --json | jq -r '.findings[] | .host + " " + .title'
midwatch check --since before.mwc
midwatch check redirect-scheme --probe https://ai.example.com/login
midwatch check --explain sqlite-on-nfs`,
		ValidArgsFunction: completeChecks,
		Run:               a.does(func(ctx context.Context, args []string) error { return a.runCheck(ctx, args, f) }),
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.hosts, "host", nil, "only this HOST; may be given several times")
	fl.StringSliceVar(&f.groups, "group", nil, "only the hosts of this GROUP; may be given several times")
	fl.Var(&choice{&f.severity, severities}, "severity", "only findings of at least this severity: info, warning, error or critical")
	fl.BoolVar(&f.list, "list", false, "list the checks and the diagnoses, and run none")
	fl.BoolVar(&f.explain, "explain", false, "print the page about each check, in Markdown, and run none")
	fl.StringVar(&f.since, "since", "", "a capture FILE: say what is new and what is gone since then")
	fl.StringVar(&f.probe, "probe", "", "ask every station on the way of this URL for real, with GET only, and let the answers prove or clear the diagnosis")
	fl.DurationVar(&f.wait, "timeout", 20*time.Second, "how long hosts may take")
	f.out.register(cmd)
	cmd.MarkFlagsMutuallyExclusive("list", "explain")
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	_ = cmd.RegisterFlagCompletionFunc("group", a.completeGroups)
	_ = cmd.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) runCheck(ctx context.Context, args []string, f checkFlags) error {
	list, err := selectChecks(args)
	switch {
	case err != nil:
		return err
	case f.list:
		return a.listChecks(list, args)
	case f.explain:
		return a.printf("%s", pages(list))
	}
	if f.probe != "" {
		if err := probeable(args, f.probe); err != nil {
			return err
		}
	}
	mutes, err := a.mutes()
	if err != nil {
		return err
	}
	var before *capture.Capture
	if f.since != "" {
		if before, err = capture.Load(f.since); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	w, snap, names, err := a.observe(ctx, append(slices.Clone(f.hosts), f.groups...), f.wait)
	if err != nil {
		return err
	}
	defer w.Close()
	if snap, err = w.settleChecks(ctx, snap, names, list, f.wait); err != nil {
		return err
	}
	if f.probe != "" {
		asked, err := a.tracer(w).Probe(ctx, snap, args[0], f.probe)
		if err != nil {
			return err
		}
		snap = snap.WithAsked(asked)
	}
	o := checks.Options{Mutes: mutes, Hosts: names}
	r := checks.Run(checks.FromSnapshot(snap), list, o)
	var delta *checks.Delta
	if before != nil {
		d := checks.Compare(checks.Run(checks.FromSnapshot(before.Snapshot()), list, o), r)
		delta = &d
	}
	found := atLeast(r.Shown(), f.severity)
	if err := a.printCheck(f, list, r, found, delta, live.Judge(snap.Asked)); err != nil {
		return err
	}
	switch missing := w.unreached(snap, names); {
	case len(found) > 0:
		return silently(exitFindings)
	case missing != nil || len(r.Unknowns()) > 0:
		return silently(exitIncomplete)
	}
	return nil
}

// checkJSON is the document of "midwatch check --json".
type checkJSON struct {
	At       time.Time        `json:"at"`
	Findings []report.Finding `json:"findings"`
	Checks   []report.Tally   `json:"checks"`
	Muted    []mutedJSON      `json:"muted"`
	// Probes are null without --probe.
	Probes []probeJSON `json:"probes"`
	// New and Gone are null without --since.
	New  []report.Finding `json:"new"`
	Gone []report.Finding `json:"gone"`
}

type mutedJSON struct {
	report.Finding
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

func (a *app) printCheck(f checkFlags, list []checks.Check, r *checks.Report, found []checks.Finding, d *checks.Delta, proofs []live.Proof) error {
	unknown := r.Unknowns()
	switch {
	case a.flags.json:
		doc := checkJSON{At: r.At.UTC(), Findings: jsonFindings(found), Checks: report.Tallies(r), Muted: []mutedJSON{}}
		doc.Findings = append(doc.Findings, jsonFindings(unknown)...)
		doc.Probes = probesJSON(proofs)
		for _, m := range r.MutedFindings() {
			doc.Muted = append(doc.Muted, mutedJSON{report.JSON(&m), m.Mute.Reason, m.Mute.Until})
		}
		if d != nil {
			doc.New, doc.Gone = jsonFindings(d.New), jsonFindings(d.Gone)
		}
		return a.printJSON(doc)
	case f.out.sarif:
		return a.printJSON(report.SARIF(versionInfo().Version, list, append(found, r.MutedFindings()...)))
	case f.out.markdown:
		return a.printf("%s", report.Markdown("midwatch check, "+r.At.UTC().Format(time.DateTime)+" UTC", found, unknown))
	}
	if err := a.printProofs(proofs); err != nil {
		return err
	}
	rest := ""
	if n := len(r.MutedFindings()); n > 0 {
		rest = fmt.Sprintf("; %d muted", n)
	}
	if d != nil {
		rest += fmt.Sprintf("; %d new, %d still there, %d gone since then", len(d.New), len(d.Still), len(d.Gone))
	}
	err := a.printFindings(found, unknown, rest)
	if d == nil {
		return err
	}
	for _, x := range []struct {
		word string
		list []checks.Finding
	}{{"new", d.New}, {"gone", d.Gone}} {
		for i := range x.list {
			err = errors.Join(err, a.printf("%s %s  %s\n", x.word, report.Place(&x.list[i]), hosts.CleanLine(x.list[i].Title)))
		}
	}
	return err
}

func jsonFindings(fs []checks.Finding) []report.Finding {
	out := make([]report.Finding, 0, len(fs))
	for i := range fs {
		out = append(out, report.JSON(&fs[i]))
	}
	return out
}

// pages is the documentation of checks, in Markdown.
func pages(list []checks.Check) string {
	titles := map[string]string{}
	for _, c := range catalog.All() {
		titles[c.ID] = c.Title
	}
	var out []string
	for i := range list {
		out = append(out, report.Page(&list[i], titles))
	}
	return strings.Join(out, "\n")
}

// checkDoc is one check of "midwatch check --list --json".
type checkDoc struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Severity  string   `json:"severity"`
	Area      string   `json:"area"`
	On        string   `json:"on"`
	Diagnoses []string `json:"diagnoses"`
}

func (a *app) listChecks(list []checks.Check, args []string) error {
	if a.flags.json {
		docs := []checkDoc{}
		for _, c := range list {
			docs = append(docs, checkDoc{c.ID, c.Title, c.Severity.String(), string(c.Area), c.Eval.On(), append([]string{}, c.Diagnoses...)})
		}
		return a.printJSON(docs)
	}
	st := a.styles(a.stdout)
	width := 0
	for _, c := range list {
		width = max(width, ui.Width(c.ID))
	}
	for _, d := range catalog.Diagnoses() {
		width = max(width, ui.Width(d.ID))
	}
	var b strings.Builder
	if len(args) == 0 {
		b.WriteString(st.Normal.Render(themes.Muted, "diagnoses") + "\n")
		for _, d := range catalog.Diagnoses() {
			b.WriteString(ui.Pad(d.ID, width) + "  " + d.Symptom + "\n")
		}
		b.WriteString("\n" + st.Normal.Render(themes.Muted, "checks") + "\n")
	}
	for _, c := range list {
		b.WriteString(ui.Pad(c.ID, width) + "  " + ui.Pad(c.Severity.String(), len("critical")) + "  " + c.Title + "\n")
	}
	return a.printf("%s", b.String())
}
