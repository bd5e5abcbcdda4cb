package main

import (
	"fmt"
	"strings"
	"time"

	"midwatch/checks/live"
	"midwatch/hosts"
	"midwatch/themes"
)

// probeable says what is wrong with a wish for live probes, before a host is asked.
func probeable(ids []string, url string) error {
	if len(ids) != 1 || !live.Has(ids[0]) {
		return wrong("--probe wants one diagnosis that can be probed: %s", strings.Join(live.Diagnoses(), ", "))
	}
	if _, err := live.Probes(ids[0], url); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

// probeJSON is one probe of "midwatch check --probe --json". Its keys are a contract.
type probeJSON struct {
	Diagnosis string        `json:"diagnosis"`
	Request   string        `json:"request"` // ordinary, handshake; "" where there is one
	URL       string        `json:"url"`
	Verdict   string        `json:"verdict"`
	Says      string        `json:"says"`
	Stations  []stationJSON `json:"stations"`
}

type stationJSON struct {
	Host      string    `json:"host"`
	Container string    `json:"container"`
	Object    string    `json:"object"`
	File      string    `json:"file"`
	Line      int       `json:"line"`
	From      string    `json:"from"`
	Command   string    `json:"command"`
	At        time.Time `json:"at"`
	Status    int       `json:"status"`
	Location  string    `json:"location"`
	Server    string    `json:"server"`
	Seconds   float64   `json:"seconds"`
	First     *float64  `json:"first_byte"` // seconds; null when the body had none
	Error     string    `json:"error"`
	Culprit   bool      `json:"culprit"`
}

// probesJSON gives proofs as the contract has them; nil for none.
func probesJSON(proofs []live.Proof) []probeJSON {
	var out []probeJSON
	for i := range proofs {
		p := &proofs[i]
		j := probeJSON{Diagnosis: p.Diagnosis, Request: p.Variant, URL: p.URL, Verdict: p.Verdict.String(), Says: hosts.CleanLine(p.Says), Stations: []stationJSON{}}
		for _, a := range p.Asked {
			s := stationJSON{
				Host: a.Host, Container: a.Container, Object: hosts.CleanLine(a.Kind + " " + a.Object), From: a.From, Command: hosts.CleanLine(a.Command), At: a.At.UTC(),
				Status: a.Status, Location: a.Location, Server: a.Server, Seconds: a.Took.Seconds(), Error: a.Err, Culprit: p.At == a,
			}
			if a.First > 0 {
				first := a.First.Seconds()
				s.First = &first
			}
			if len(a.Places) > 0 {
				s.File, s.Line = hosts.CleanLine(a.Places[0].File), a.Places[0].Line
			}
			j.Stations = append(j.Stations, s)
		}
		out = append(out, j)
	}
	return out
}

// printProofs prints for people what the stations answered, from outside in, and what it means.
func (a *app) printProofs(proofs []live.Proof) error {
	st := a.styles(a.stdout)
	var b strings.Builder
	for i := range proofs {
		p := &proofs[i]
		role := map[live.Verdict]themes.Role{live.Proved: themes.Bad, live.NotSeen: themes.OK, live.Unclear: themes.Unknown}[p.Verdict]
		title := p.Diagnosis
		if p.Variant != "" {
			title += ", " + p.Variant + " request"
		}
		b.WriteString(title + ": " + p.URL + "\n")
		for _, x := range p.Asked {
			mark := " "
			if p.At == x {
				mark = st.Glyphs.Failed
			}
			place := ""
			if len(x.Places) > 0 && x.Places[0].File != "" {
				place = fmt.Sprintf("  %s:%d", x.Places[0].File, x.Places[0].Line)
			}
			b.WriteString(st.Normal.Render(themes.Text, fmt.Sprintf("%s %s %s: %s", mark, hosts.CleanLine(x.Kind+" "+x.Object), x.Host, hosts.CleanLine(live.Answer(x)))))
			b.WriteString(st.Normal.Render(themes.Muted, hosts.CleanLine(place)) + "\n")
			b.WriteString(st.Normal.Render(themes.Muted, "    on "+x.From+": "+hosts.CleanLine(x.Command)) + "\n")
		}
		b.WriteString(st.Normal.Render(role, p.Verdict.String()+": "+hosts.CleanLine(p.Says)) + "\n\n")
	}
	if b.Len() == 0 {
		return nil
	}
	return a.printf("%s", b.String())
}
