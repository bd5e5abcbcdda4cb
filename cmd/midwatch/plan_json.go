package main

import (
	"midwatch/ops/run"
)

// planJSON is the document of "midwatch deploy --plan --json".
type planJSON struct {
	Deploy      string         `json:"deploy"`
	Env         string         `json:"env"`
	Kind        string         `json:"kind"` // deploy, rollback
	Parent      string         `json:"parent,omitempty"`
	Fingerprint string         `json:"fingerprint"`
	Hosts       []string       `json:"hosts"`
	Lock        []string       `json:"lock"`
	Faults      []string       `json:"faults"` // why it cannot be run
	Warnings    []string       `json:"warnings"`
	Consent     []string       `json:"consent"`
	Production  []string       `json:"production"` // hosts whose names have to be typed
	Word        string         `json:"word,omitempty"`
	Steps       []planStepJSON `json:"steps"`
}

type planStepJSON struct {
	ID       string         `json:"id"`
	Kind     string         `json:"kind"`
	Title    string         `json:"title,omitempty"`
	Phase    string         `json:"phase,omitempty"`
	Group    string         `json:"group,omitempty"`
	Gate     bool           `json:"gate,omitempty"`
	NoReturn bool           `json:"no_return,omitempty"`
	Skip     string         `json:"skip,omitempty"`
	Hosts    []planHostJSON `json:"hosts"`
}

type planHostJSON struct {
	Host    string       `json:"host"` // "" is this machine
	Error   string       `json:"error,omitempty"`
	Forward []string     `json:"forward"`
	Nothing bool         `json:"nothing"` // it is so already
	Unknown bool         `json:"unknown"` // nobody can tell what it will change
	Way     string       `json:"way"`     // none, reversible, compensating, irreversible, by hand
	Back    []string     `json:"back"`
	Seconds float64      `json:"seconds,omitempty"`
	Asks    []string     `json:"asks"`
	Detail  []detailJSON `json:"detail"`
}

type detailJSON struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Diff  bool   `json:"diff"`
}

func planDocument(p *run.Plan) planJSON {
	return planJSON{
		Deploy: p.Deploy.Name, Env: p.Deploy.Env, Kind: p.Kind, Parent: p.Parent, Fingerprint: p.Fingerprint, Hosts: orEmpty(p.Hosts),
		Lock: orEmpty(p.Lock), Faults: orEmpty(p.Faults), Warnings: orEmpty(p.Warnings), Consent: orEmpty(p.Consent), Production: orEmpty(p.TypeNames),
		Word: p.TypeWord, Steps: stepDocuments(p.Steps),
	}
}

func stepDocuments(steps []run.PlanStep) []planStepJSON {
	out := make([]planStepJSON, 0, len(steps))
	for _, s := range steps {
		d := planStepJSON{ID: s.ID, Kind: s.Kind, Title: s.Title, Phase: s.Phase, Group: s.Group, Gate: s.Gate, NoReturn: s.NoReturn, Skip: s.Skip, Hosts: []planHostJSON{}}
		for _, h := range s.Hosts {
			c := h.Change
			x := planHostJSON{
				Host: h.Host, Error: h.Err, Forward: orEmpty(c.Lines), Nothing: c.Nothing, Unknown: c.Unknown, Way: wayWord(c.Back), Back: orEmpty(c.BackLines),
				Seconds: c.Takes.Seconds(), Asks: orEmpty(c.Asks), Detail: []detailJSON{},
			}
			for _, t := range c.Detail {
				x.Detail = append(x.Detail, detailJSON{t.Title, t.Text, t.Diff})
			}
			d.Hosts = append(d.Hosts, x)
		}
		out = append(out, d)
	}
	return out
}
