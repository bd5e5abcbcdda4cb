package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/report"
)

// proofWait is how long what the checks want may take to be read anew.
const proofWait = 45 * time.Second

// prove reads a host anew and asks checks about it. An id is that of a check, of a diagnosis, or of one
// finding ("CHECK|…"), which then is the only one that counts. It returns a line for each finding, and for
// each answer that could not be told: silence is what was seen, never what was not looked at.
func (w *world) prove(ctx context.Context, host string, ids []string) ([]string, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i], _, _ = strings.Cut(id, "|")
	}
	list, unknown := catalog.Select(catalog.All(), names...)
	if len(unknown) > 0 {
		return nil, fmt.Errorf("no check is called %s", strings.Join(unknown, ", "))
	}
	world, err := w.readAnew(ctx, host, list)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range checks.Run(world, list, checks.Options{Hosts: []string{host}}).Answers {
		if a.Host != "" && a.Host != host {
			continue
		}
		if a.Status == checks.Unknown {
			out = append(out, a.Check.ID+" cannot be told: "+a.Reason)
		}
		for i := range a.Findings {
			f := &a.Findings[i]
			if f.Status == checks.Found && (f.Host == host || f.Host == "") && counts(f, ids) {
				out = append(out, report.Place(f)+": "+f.Title)
			}
		}
	}
	return out, nil
}

// counts reports that ids mean a finding: itself, whatever its severity, or all of its check but remarks.
func counts(f *checks.Finding, ids []string) bool {
	if slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, f.Check+"|") }) {
		return slices.Contains(ids, f.ID())
	}
	return f.Severity > checks.Info
}

// readAnew waits until everything the checks want of a host was read after this moment.
func (w *world) readAnew(ctx context.Context, host string, list []checks.Check) (*checks.World, error) {
	if w.live == nil {
		return nil, errCapture
	}
	began := time.Now()
	limit, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	w.Fleet.Refresh(host)
	snap := w.Fleet.Snapshot()
	for {
		world := checks.FromSnapshot(snap)
		h := world.Host(host)
		if h == nil {
			return nil, fmt.Errorf("no host %q", host)
		}
		late := older(h, list, began)
		if late == "" {
			return world, nil
		}
		next, err := w.Fleet.Next(limit, snap.Gen)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("%s: %s was not read again within %s", host, late, proofWait)
		}
		snap = next
	}
}

// older names a part that the checks read and that is from before a moment; parts that cannot be read are the
// checks' own to call unknown.
func older(h *checks.Host, list []checks.Check, began time.Time) string {
	for i := range list {
		for _, n := range list[i].Reads() {
			if p := h.Part(n); p.Fresh && p.At.Before(began) {
				return string(n)
			}
		}
	}
	return ""
}
