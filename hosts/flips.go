package hosts

import (
	"strconv"
	"strings"
)

// Flips are the moments at which the answer of a probe changed, among the results that are kept,
// oldest first; a first result that is good is none.
func (p *Probe) Flips() []Event {
	var out []Event
	was := ProbeResult{OK: true}
	for i, r := range p.Results {
		if r.OK == was.OK && (r.State == was.State || i == 0) {
			was = r
			continue
		}
		e := Event{At: r.At, Host: p.From, Kind: "probe", Object: p.Name, ID: p.Target, Action: "answers"}
		switch {
		case !r.OK:
			e.Action, e.Detail = "fails", r.Reason
			if e.Detail == "" && r.Status != 0 {
				e.Detail = "status " + strconv.Itoa(r.Status)
			}
		case r.State != "" && r.State != was.State:
			e.Action = "says " + r.State
		}
		if was.State != "" && r.State != was.State {
			e.Detail = strings.TrimSpace(e.Detail + " (was " + was.State + ")")
		}
		out = append(out, e)
		was = r
	}
	return out
}
