package report

import (
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

// Evidence is one thing that was seen, in JSON.
type Evidence struct {
	Source string `json:"source"`
	Text   string `json:"text"`
}

// Finding is a finding in JSON. Its keys are a contract.
type Finding struct {
	Check    string     `json:"check"`
	Severity string     `json:"severity"`
	Title    string     `json:"title"`
	Host     string     `json:"host"`
	Object   string     `json:"object"`
	File     string     `json:"file"`
	Line     int        `json:"line"`
	Evidence []Evidence `json:"evidence"`
	Why      string     `json:"why"`
	Fix      string     `json:"fix"`
	Verify   string     `json:"verify"`
	Status   string     `json:"status"`
}

// JSON gives a finding as the contract has it.
func JSON(f *checks.Finding) Finding {
	out := Finding{
		Check: f.Check, Severity: f.Severity.String(), Title: hosts.CleanLine(f.Title), Host: f.Host, Object: hosts.CleanLine(f.Object),
		File: hosts.CleanLine(f.File), Line: f.Line, Evidence: []Evidence{}, Why: hosts.CleanLine(f.Why), Fix: hosts.Clean(f.Fix), Verify: hosts.Clean(f.Verify),
		Status: f.Status.String(),
	}
	for _, e := range f.Evidence {
		out.Evidence = append(out.Evidence, Evidence{Source: Source(e), Text: hosts.Clean(e.Text)})
	}
	return out
}

// Source says where a piece of evidence is from: what was read, on which host, when.
func Source(e checks.Evidence) string {
	s := hosts.CleanLine(e.Source)
	if e.Host != "" {
		s += " on " + e.Host
	}
	if !e.At.IsZero() {
		s += ", " + e.At.UTC().Format(time.RFC3339)
	}
	return s
}

// Findings gives all of a report that a program has to see: findings that are neither muted nor
// explained by another, and what is unknown.
func Findings(r *checks.Report) []Finding {
	out := []Finding{}
	for _, f := range r.Shown() {
		out = append(out, JSON(&f))
	}
	for _, f := range r.Unknowns() {
		out = append(out, JSON(&f))
	}
	return out
}

// Tally counts the answers of one check.
type Tally struct {
	Check    string `json:"check"`
	Findings int    `json:"findings"`
	OK       int    `json:"ok"`
	Unknown  int    `json:"unknown"`
	Skipped  int    `json:"skipped"`
	Muted    int    `json:"muted"`
}

// Tallies counts the answers of every check, in their order.
func Tallies(r *checks.Report) []Tally {
	out := []Tally{}
	at := map[string]int{}
	for i := range r.Answers {
		a := &r.Answers[i]
		n, ok := at[a.Check.ID]
		if !ok {
			n = len(out)
			at[a.Check.ID] = n
			out = append(out, Tally{Check: a.Check.ID})
		}
		t := &out[n]
		switch a.Status {
		case checks.Found:
			for j := range a.Findings {
				if f := &a.Findings[j]; f.Status == checks.Found && f.Mute == nil {
					t.Findings++
				}
			}
		case checks.OK:
			t.OK++
		case checks.Unknown:
			t.Unknown++
		case checks.Skipped:
			t.Skipped++
		case checks.Muted:
			t.Muted++
		}
	}
	return out
}
