package hosts

import "time"

// Evidence is what a host said, before anyone made facts of it. A capture is a list of these, and
// parsing one gives the same facts on any machine.
type Evidence struct {
	Host      string        `json:"host"`
	Collector string        `json:"collector"` // "system", "docker.containers", "nginx", …
	Source    string        `json:"source"`    // the command or API call, as a person would run it
	At        time.Time     `json:"at"`
	Took      time.Duration `json:"took"`
	Data      []byte        `json:"data,omitempty"`
	Error     string        `json:"error,omitempty"` // one line; Data may hold what came before it
	Needs     string        `json:"needs,omitempty"` // what would make it readable
}
