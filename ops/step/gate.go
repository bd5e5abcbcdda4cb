package step

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// gate wants probes to pass for a while. It changes nothing.
type gate struct{ lookOnly }

func (gate) Record(ctx context.Context, e *Env) (Undo, error) {
	return lookOnly{"gate"}.Record(ctx, e)
}

func (gate) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Gate](e)
	if err != nil {
		return Change{}, err
	}
	line := fmt.Sprintf("%d probes must pass", len(s.Checks))
	if s.StableFor > 0 {
		line += fmt.Sprintf(" for %s", s.StableFor)
	}
	line += fmt.Sprintf(", within %s", orElse(s.Within, gateWithin))
	return Change{Lines: []string{line}, Detail: []Detail{probeList(s.Checks)}, Nothing: true, Back: BackNone, Takes: s.StableFor}, nil
}

// gateWithin is how long a gate waits that says nothing about it.
const gateWithin = 2 * time.Minute

// probeList says what will be looked at.
func probeList(ps []deploy.Probe) Detail {
	d := Detail{Title: "probes"}
	for i, p := range ps {
		if i > 0 {
			d.Text += "\n"
		}
		d.Text += probeName(p)
	}
	return d
}

// probeName is a probe in one line, without what may be secret.
func probeName(p deploy.Probe) string {
	name := "nothing"
	switch {
	case p.WebSocket:
		name = "websocket " + shortURL(string(p.HTTP))
	case p.HTTP != "":
		name = "http " + shortURL(string(p.HTTP))
	case p.TCP != "":
		name = "tcp " + string(p.TCP)
	case len(p.Argv) > 0:
		name = fmt.Sprintf("run %q", texts(p.Argv))
	case p.Log != "":
		name = "log " + string(p.Log)
	case p.Unit != "":
		name = "unit " + string(p.Unit)
	}
	if p.From == "here" {
		name += " from here"
	}
	return hosts.CleanLine(name)
}

func (gate) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	s, err := settings[deploy.Gate](e)
	if err != nil {
		return Seen{}, err
	}
	h := hold{probes: s.Checks, stableFor: s.StableFor, within: orElse(s.Within, gateWithin), every: s.Every, failFast: s.FailFast}
	seen, err := h.wait(ctx, e)
	if err == nil && seen.OK && e.Output != nil {
		e.Output("healthy_urls", healthyURLs(s.Checks))
	}
	return seen, err
}

// healthyURLs are the URLs of probes that have passed, with commas between them, for whoever is told of the fleet.
func healthyURLs(ps []deploy.Probe) string {
	var out []string
	for _, p := range ps {
		if p.HTTP != "" && !slices.Contains(out, string(p.HTTP)) {
			out = append(out, string(p.HTTP))
		}
	}
	return strings.Join(out, ",")
}

// verify is the checklist after a deploy: probes that must pass once, and items that the operator ticks.
type verify struct{ lookOnly }

func (verify) Record(ctx context.Context, e *Env) (Undo, error) {
	return lookOnly{"verify"}.Record(ctx, e)
}

func (verify) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Gate](e)
	if err != nil {
		return Change{}, err
	}
	c := Change{Nothing: true, Back: BackNone, Lines: []string{fmt.Sprintf("%d probes, %d items to tick by hand", len(s.Checks), len(s.Manual))}}
	c.Detail = append(c.Detail, probeList(s.Checks))
	for _, m := range s.Manual {
		c.Detail[0].Text += "\nby hand: " + hosts.CleanLine(string(m))
	}
	return c, nil
}

// Verify looks at the probes until each has passed once or its time is over, then asks for the items by hand.
// Those are not asked for when a probe has failed: the answer would not change the verdict.
func (verify) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	s, err := settings[deploy.Gate](e)
	if err != nil {
		return Seen{}, err
	}
	within := s.Within
	if s.FailFast {
		within = 0
	}
	h := hold{probes: s.Checks, stableFor: s.StableFor, within: within, every: s.Every, failFast: s.FailFast}
	seen, err := h.wait(ctx, e)
	if err != nil || !seen.OK {
		return seen, err
	}
	for _, m := range s.Manual {
		a, err := e.Ask(ctx, Question{Kind: "tick", Text: string(m), Lines: seen.Lines, Comment: true})
		if err != nil {
			return seen, fmt.Errorf("%s: %w", hosts.CleanLine(string(m)), err)
		}
		line := fmt.Sprintf("%s: %s by %s", hosts.CleanLine(string(m)), tick(a.Yes), by(a))
		seen.Lines = append(seen.Lines, line)
		if !a.Yes {
			seen.OK, seen.Line = false, line
			return seen, nil
		}
	}
	seen.Line = fmt.Sprintf("%d probes pass, %d items ticked", len(s.Checks), len(s.Manual))
	return seen, nil
}

func tick(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// by is who answered, with what they said.
func by(a Answer) string {
	who := hosts.CleanLine(a.Who)
	if who == "" {
		who = "the operator"
	}
	if a.Comment != "" {
		who += ": " + hosts.CleanLine(a.Comment)
	}
	return who
}
