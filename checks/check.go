package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Severity says how much a finding matters.
type Severity int

// The severities; the zero value means that nothing was said.
const (
	SeverityUnset Severity = iota
	Info
	Warning
	Error
	Critical
)

func (s Severity) String() string {
	return [...]string{"unset", "info", "warning", "error", "critical"}[max(0, min(int(s), 4))]
}

// ParseSeverity reads a severity as String writes it.
func ParseSeverity(text string) (Severity, error) {
	for s := Info; s <= Critical; s++ {
		if s.String() == text {
			return s, nil
		}
	}
	return SeverityUnset, fmt.Errorf("severity %q is none of info, warning, error, critical", text)
}

// Status is the answer to a check.
type Status int

// The five answers; the zero value is a finding, so that a rule only says what differs.
const (
	Found   Status = iota
	OK             // looked, and all is well
	Unknown        // could not be told, and why
	Skipped        // does not apply here
	Muted          // somebody said, with a reason and an end, that it is known
)

func (s Status) String() string {
	return [...]string{"finding", "ok", "unknown", "skipped", "muted"}[max(0, min(int(s), 4))]
}

// Evidence is one thing that was seen.
type Evidence struct {
	Source string    // "nginx -T", a file, an API path, a command
	Text   string    // the line, as it stands there
	Host   string    // filled by Run
	At     time.Time // when it was read; zero for files
}

// Finding is something a check has to say about one object. A rule fills what it saw; Run fills the
// rest from the check and the subject.
type Finding struct {
	Check    string
	Title    string // one line; the check's own by default
	Severity Severity
	Status   Status // Found, or Unknown
	Host     string
	Subject  string // what was judged: "nginx[gateway]", "project shop", "host a"; filled by Run
	Object   string // "container gateway", "unit x.service", "server a.example.com location /ws"
	File     string
	Line     int
	Path     string // place in an API answer, in the notation of jq
	Evidence []Evidence
	Why      string // what goes wrong and how it shows; the check's own by default
	Fix      string
	Verify   string
	// Covers are further objects whose findings this one explains (see Check.After). A finding without
	// an object explains everything on its host.
	Covers []string
	// Key tells apart findings with the same object and file; their lines may move between runs.
	Key string

	Under string // key of the finding that causes this one; filled by Run
	Mute  *Mute  // filled by Run
}

// ID names a finding in the same way run after run.
func (f *Finding) ID() string {
	id := f.Check + "|" + f.Host + "|" + f.Object + "|" + f.File + "|" + f.Key
	if !strings.HasPrefix(f.Subject, "nginx[") && !strings.HasPrefix(f.Subject, "envoy") {
		return id
	}
	// Every container has its own /etc/nginx/nginx.conf; a compose file is the same in every project.
	return id + "|" + f.Subject
}

// Area groups checks for people.
type Area string

// The areas.
const (
	AreaForwarded Area = "forwarded headers"
	AreaWebSocket Area = "websocket"
	AreaStream    Area = "streaming"
	AreaCapacity  Area = "capacity"
	AreaPorts     Area = "ports"
	AreaNginx     Area = "nginx"
	AreaEnvoy     Area = "envoy"
	AreaLogin     Area = "login"
	AreaStorage   Area = "storage"
	AreaCompose   Area = "compose"
	AreaContainer Area = "containers"
	AreaSwarm     Area = "swarm"
	AreaSystemd   Area = "systemd"
	AreaTLS       Area = "tls"
	AreaHealth    Area = "health"
	AreaHost      Area = "host"
	AreaHardening Area = "hardening" // never mixed into the ranking of incidents
)

// Check is one rule.
type Check struct {
	ID       string // never changes its meaning
	Title    string // one line, lower case
	Area     Area
	Severity Severity // of its findings, unless they say another
	Why      string   // cause and symptom, in the words of the person on call
	Fix      string   // what to change
	Verify   string   // the command that proves it
	Sources  []string // documentation and real cases: URLs
	// Diagnoses are the names of guided diagnoses this check belongs to.
	Diagnoses []string
	// Needs are the parts of a host without which the answer is unknown. They count where the subject
	// is on a host; a file is all there is to know of itself.
	Needs []Need
	// Also are further parts that the rule reads where they are known: worth waiting for before it is asked.
	Also []Need
	// After are checks whose findings cause this one's: it is hidden under them.
	After []string
	// Holds is how long it must be wrong, over successive runs, before it is shown.
	Holds time.Duration
	Eval  Eval
}

// Eval is the question itself: a function about one kind of subject, made by OnNginx, OnCompose,
// OnEnvoy, OnHost, OnFleet.
type Eval struct {
	on    string
	cases func(w *World) []Case
}

// On names what the check is asked about: nginx, compose, envoy, host, fleet, or several with "and".
func (e Eval) On() string { return e.on }

// Reads lists the parts of a host that the check wants: its needs, and what its subject comes from, and
// what may prove it.
func (c *Check) Reads() []Need {
	out := slices.Concat(c.Needs, c.Also)
	from := map[string]Need{"nginx": NeedNginx, "compose": NeedCompose, "envoy": NeedEnvoy}
	for on := range strings.SplitSeq(strings.ReplaceAll(c.Eval.on, ", ", " and "), " and ") {
		if n, ok := from[on]; ok {
			out = append(out, n)
		}
		if on == "nginx" {
			out = append(out, NeedLogs) // what a configuration makes likely is proved there
		}
	}
	return out
}

// Case is a question about one subject, ready to be asked.
type Case struct {
	Host    *Host  // nil for files
	Subject string // "nginx[gateway]", "project shop", a file
	Unread  string // why the subject cannot be judged; "" when it can
	Needs   string // what would help
	Ask     func() []Finding
	// stamp says where and when the subject was read, for evidence.
	source string
	at     time.Time
}

// OnNginx asks about each nginx: those of hosts and those of files.
func OnNginx(ask func(n *Nginx) []Finding) Eval {
	return Eval{"nginx", func(w *World) []Case {
		out := make([]Case, 0, len(w.Nginx))
		for _, n := range w.Nginx {
			out = append(out, Case{
				Host: n.Host, Subject: n.Name(), Unread: n.Unread, Needs: n.Needs, source: n.Source, at: n.ReadAt,
				Ask: func() []Finding { return ask(n) },
			})
		}
		return append(out, unreadable(w, NeedNginx)...)
	}}
}

// OnCompose asks about each compose project.
func OnCompose(ask func(c *Compose) []Finding) Eval {
	return Eval{"compose", func(w *World) []Case {
		out := make([]Case, 0, len(w.Compose))
		for _, c := range w.Compose {
			out = append(out, Case{
				Host: c.Host, Subject: c.Name(), Unread: c.Unread, Needs: c.Needs, source: c.Source, at: c.ReadAt,
				Ask: func() []Finding { return ask(c) },
			})
		}
		return append(out, unreadable(w, NeedCompose)...)
	}}
}

// OnEnvoy asks about each Envoy.
func OnEnvoy(ask func(e *Envoy) []Finding) Eval {
	return Eval{"envoy", func(w *World) []Case {
		out := make([]Case, 0, len(w.Envoy))
		for _, e := range w.Envoy {
			out = append(out, Case{
				Host: e.Host, Subject: e.Name(), Unread: e.Unread, Needs: e.Needs, source: e.Source, at: e.ReadAt,
				Ask: func() []Finding { return ask(e) },
			})
		}
		return append(out, unreadable(w, NeedEnvoy)...)
	}}
}

// OnHost asks about each host of the snapshot. Files have none: the check is skipped.
func OnHost(ask func(h *Host) []Finding) Eval {
	return Eval{"host", func(w *World) []Case {
		out := make([]Case, 0, len(w.Hosts))
		for _, h := range w.Hosts {
			out = append(out, Case{Host: h, Subject: "host " + h.Name, at: h.Latest, Ask: func() []Finding { return ask(h) }})
		}
		return out
	}}
}

// OnFleet asks once about all hosts together; the rule itself says on which host a finding is, and
// gives findings with status Unknown for what it could not tell.
func OnFleet(ask func(w *World) []Finding) Eval {
	return Eval{"fleet", func(w *World) []Case {
		if w.Snapshot == nil {
			return nil
		}
		return []Case{{Subject: "fleet", at: w.Now, Ask: func() []Finding { return ask(w) }}}
	}}
}

// AnyOf asks the same check about several kinds of subjects: what a file promises and what a host shows.
func AnyOf(evals ...Eval) Eval {
	on := make([]string, len(evals))
	for i, e := range evals {
		on[i] = e.on
	}
	return Eval{strings.Join(on, ", "), func(w *World) []Case {
		var out []Case
		for _, e := range evals {
			out = append(out, e.cases(w)...)
		}
		return out
	}}
}

// Join asks several questions under one id: about what is written in files, and about what runs.
func Join(evals ...Eval) Eval {
	out := Eval{}
	for _, e := range evals {
		out.on = strings.TrimPrefix(out.on+" and "+e.on, " and ")
	}
	out.cases = func(w *World) []Case {
		var list []Case
		for _, e := range evals {
			list = append(list, e.cases(w)...)
		}
		return list
	}
	return out
}

// unreadable gives a case for each host where nothing is known of a part: it is unknown whether there
// is anything to judge.
func unreadable(w *World, need Need) []Case {
	var out []Case
	for _, h := range w.Hosts {
		if p := h.Part(need); !p.Known && !p.unconfigured() {
			out = append(out, Case{Host: h, Subject: "host " + h.Name, Unread: p.Why(), Needs: p.Needs})
		}
	}
	return out
}
