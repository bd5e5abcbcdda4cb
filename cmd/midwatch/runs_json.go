package main

import (
	"time"

	"midwatch/ops/run"
)

// jsonRunsText goes on with jsonText.
const jsonRunsText = `
midwatch deploy --list --json

  deploys[]    name, env, about, file, hosts[], steps[] (ids, "group.step"), faults[]: why it cannot be run

midwatch deploy NAME --plan --json, midwatch rollback RUN --plan --json

  deploy, env, kind (deploy, rollback), parent (the run that is taken back), fingerprint, hosts[]
  lock[]       free, or who holds it
  faults[]     why it cannot be run; warnings[]
  consent[]    what has to be agreed to; production[]: hosts whose names have to be typed; word: the version
               of a schema that is crossed
  steps[]      id, kind, title, phase, group, gate, no_return, skip (why it will not run)
    hosts[]    host ("" is this machine), error (why nothing could be read), forward[], nothing (it is so
               already), unknown, way (none, reversible, compensating, irreversible, by hand), back[],
               seconds, asks[], detail[]{title, text, diff}

midwatch deploy NAME --json, midwatch rollback RUN --json, midwatch runs follow RUN --json

  The records of the run's journal, one object a line, as they are written: v, seq, t, mono, run, k (run.open,
  plan, lock.acquired, intent, undo.saved, job.started, result, question, answer, cancel, state, undo.intent,
  undo.result, lock.released, run.close and more), step, host, try, d (what belongs to k), prev (hash of the
  line before), crc.

midwatch runs --json, midwatch runs show RUN --json

  runs[]       id, deploy, env, kind, parent, state (pending, queued, running, paused, awaiting_approval,
               success, failure, cancelled, interrupted, rolling_back, rolled_back, rollback_failed), note, who,
               from, reason, plan, started, ended, hosts[], bad, warnings[]
    steps[]    id, kind, title, state, line (what was seen, or why not), undo[], way, outputs{}
      hosts[]  host, state, line, note, try, started, ended
    questions[] id, step, host, kind, text, choices[], asked, until
  show prints one run, without the list around it.

midwatch rollback --json   candidates[]{run, possible, why, changes[], risk, seconds, bad}
midwatch lock --json       locks[]{deploy, env, host, run, owner, reason, seconds, beat_seconds, state (live,
                           stale, frozen), mine}
`

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
