package main

import (
	"time"

	"midwatch/ops/run"
)

// runJSON is a run as --json prints it.
type runJSON struct {
	ID        string         `json:"id"`
	Deploy    string         `json:"deploy"`
	Env       string         `json:"env"`
	Kind      string         `json:"kind"` // deploy, rollback
	Parent    string         `json:"parent,omitempty"`
	State     string         `json:"state"`
	Note      string         `json:"note,omitempty"`
	Who       string         `json:"who"`
	From      string         `json:"from"`
	Reason    string         `json:"reason,omitempty"`
	Plan      string         `json:"plan"`
	Started   time.Time      `json:"started,omitzero"`
	Ended     time.Time      `json:"ended,omitzero"`
	Hosts     []string       `json:"hosts"`
	Bad       string         `json:"bad,omitempty"`
	Steps     []runStepJSON  `json:"steps"`
	Questions []questionJSON `json:"questions"`
	Warnings  []string       `json:"warnings"`
}

type runStepJSON struct {
	ID      string            `json:"id"`
	Kind    string            `json:"kind"`
	Title   string            `json:"title,omitempty"`
	State   string            `json:"state"`
	Line    string            `json:"line,omitempty"` // what was seen, or why not
	Undo    []string          `json:"undo"`
	Way     string            `json:"way"`
	Outputs map[string]string `json:"outputs,omitempty"`
	Hosts   []runHostJSON     `json:"hosts"`
}

type runHostJSON struct {
	Host    string    `json:"host"` // "" is the operator's machine
	State   string    `json:"state"`
	Line    string    `json:"line,omitempty"`
	Note    string    `json:"note,omitempty"`
	Try     int       `json:"try,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

type questionJSON struct {
	ID      string    `json:"id"`
	Step    string    `json:"step"`
	Host    string    `json:"host,omitempty"`
	Kind    string    `json:"kind"`
	Text    string    `json:"text"`
	Choices []string  `json:"choices"`
	Asked   time.Time `json:"asked,omitzero"`
	Until   time.Time `json:"until,omitzero"`
}

func runDocument(st *run.State) runJSON {
	d := runJSON{
		ID: st.ID, Deploy: st.Deploy, Env: st.Env, Kind: st.Kind, Parent: st.Parent, State: string(st.Phase), Note: st.Note, Who: st.Who, From: st.From,
		Reason: st.Reason, Plan: st.Plan, Started: st.Started, Ended: st.Ended, Hosts: orEmpty(st.Hosts), Bad: st.Bad, Steps: []runStepJSON{},
		Questions: []questionJSON{}, Warnings: orEmpty(st.Warnings),
	}
	for _, s := range st.Steps {
		x := runStepJSON{ID: s.ID, Kind: s.Kind, Title: s.Title, State: string(s.State), Line: s.Line, Undo: orEmpty(s.Undo), Way: wayWord(s.Way), Outputs: s.Outputs, Hosts: []runHostJSON{}}
		for _, h := range s.Hosts {
			x.Hosts = append(x.Hosts, runHostJSON{h.Host, string(h.State), h.Line, h.Note, h.Try, h.Started, h.Ended})
		}
		d.Steps = append(d.Steps, x)
	}
	for _, q := range st.Questions {
		d.Questions = append(d.Questions, questionJSON{q.ID, q.Step, q.Host, q.Kind, q.Text, orEmpty(q.Choices), q.Asked, q.Until})
	}
	return d
}
