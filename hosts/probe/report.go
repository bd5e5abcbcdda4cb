package probe

import "time"

// Status is how a check went.
type Status int

// The statuses. The zero value claims nothing.
const (
	Unknown Status = iota // not looked at: something before it failed
	OK                    // there and usable
	Limited               // there, and usable only in part
	Absent                // not installed, which may be as it should be
	Failed                // there, or it should be, and not usable
)

func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Limited:
		return "limited"
	case Absent:
		return "absent"
	case Failed:
		return "failed"
	default:
		return "unknown"
	}
}

// MarshalText is the word of String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Check is one thing that was looked at.
type Check struct {
	ID     string `json:"id"` // reach, host_key, login, root, sessions, docker, systemd, journal, nginx
	Title  string `json:"title"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"` // what was found
	Reason string `json:"reason,omitempty"` // why it is not OK, exactly
	Remedy string `json:"remedy,omitempty"` // what would help
}

// Report is what is known of one host. Checks are always all there, in the same order.
type Report struct {
	Host   string        `json:"host"`
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Checks []Check       `json:"checks"`
}

// Check returns the check with the given ID.
func (r Report) Check(id string) Check {
	for _, c := range r.Checks {
		if c.ID == id {
			return c
		}
	}
	return Check{ID: id}
}

// Reached reports whether the host could be asked at all.
func (r Report) Reached() bool { return r.Check(idReach).Status == OK }

// Failed reports whether anything failed.
func (r Report) Failed() bool {
	for _, c := range r.Checks {
		if c.Status == Failed {
			return true
		}
	}
	return false
}

// The IDs of the checks, in their order.
const (
	idReach    = "reach"
	idHostKey  = "host_key"
	idLogin    = "login"
	idRoot     = "root"
	idSessions = "sessions"
	idDocker   = "docker"
	idSystemd  = "systemd"
	idJournal  = "journal"
	idNginx    = "nginx"
)

// blank is a report in which nothing was looked at.
func blank(host string) Report {
	return Report{Host: host, Checks: []Check{
		{ID: idReach, Title: "reachable"},
		{ID: idHostKey, Title: "host key"},
		{ID: idLogin, Title: "login"},
		{ID: idRoot, Title: "root"},
		{ID: idSessions, Title: "sessions"},
		{ID: idDocker, Title: "docker"},
		{ID: idSystemd, Title: "systemd"},
		{ID: idJournal, Title: "journal"},
		{ID: idNginx, Title: "nginx"},
	}}
}

// set puts a check in its place.
func (r *Report) set(c Check) {
	for i := range r.Checks {
		if r.Checks[i].ID == c.ID {
			c.Title = r.Checks[i].Title
			r.Checks[i] = c
		}
	}
}
