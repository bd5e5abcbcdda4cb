package trace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// Word is something a target said or that happened to it, from the facts that are there.
type Word struct {
	At   time.Time
	Text string
}

// LastWords are the latest signs of trouble of what a hop ends at, oldest first, at most n: failed
// health checks, deaths, the last error of a unit or of the tasks of a service.
func LastWords(s *hosts.Snapshot, hop Hop, n int) []Word {
	h := s.Host(hop.Host)
	if h == nil {
		return nil
	}
	var out []Word
	switch hop.Kind {
	case "container":
		out = containerWords(s, h, hop.Object)
	case "unit":
		out = unitWords(s, h, hop.Object)
	case "service":
		out = serviceWords(s, h, hop.Object)
	}
	slices.SortStableFunc(out, func(a, b Word) int { return a.At.Compare(b.At) })
	if len(out) > n {
		out = out[len(out)-n:]
	}
	return out
}

func containerWords(s *hosts.Snapshot, h *hosts.HostFacts, name string) []Word {
	c := containerNamed(h, name)
	if c == nil {
		return nil
	}
	var out []Word
	if c.Error != "" {
		out = append(out, Word{c.Finished, c.Error})
	}
	for _, r := range c.HealthLog {
		if r.Exit != 0 {
			out = append(out, Word{r.End, fmt.Sprintf("healthcheck exit %d: %s", r.Exit, lastLine(r.Output))})
		}
	}
	if c.OOMKilled {
		out = append(out, Word{c.Finished, "killed for memory"})
	}
	for _, e := range s.Events {
		if e.Host == h.Host.Name && (e.ID == c.ID || e.ID == "" && e.Object == c.Name) && telltale(e) {
			out = append(out, Word{e.At, strings.TrimSpace(e.Action + " " + e.Detail)})
		}
	}
	return out
}

// telltale reports an event that speaks of trouble.
func telltale(e hosts.Event) bool {
	for _, bad := range []string{"die", "oom", "kill", "unhealthy", "failed", "restart"} {
		if strings.Contains(e.Action, bad) {
			return true
		}
	}
	return false
}

func unitWords(s *hosts.Snapshot, h *hosts.HostFacts, name string) []Word {
	var out []Word
	for _, u := range h.Units.Value {
		if u.Name != name {
			continue
		}
		if u.Result != "" && u.Result != "success" {
			text := "result " + u.Result
			if u.ExitCode != "" {
				text += fmt.Sprintf(", main process %s %d", u.ExitCode, u.ExitStatus)
			}
			out = append(out, Word{u.Since, text})
		}
	}
	for _, e := range s.Events {
		if e.Host == h.Host.Name && e.Object == name && telltale(e) {
			out = append(out, Word{e.At, strings.TrimSpace(e.Action + " " + e.Detail)})
		}
	}
	return out
}

func serviceWords(s *hosts.Snapshot, h *hosts.HostFacts, name string) []Word {
	sw := (&walker{s: s}).swarm(h)
	if sw == nil {
		return nil
	}
	var out []Word
	for _, v := range sw.Services {
		if v.Name != name {
			continue
		}
		for _, t := range sw.Tasks {
			if t.Service == v.ID && t.Error != "" {
				out = append(out, Word{t.At, "task " + t.State + ": " + t.Error})
			}
		}
	}
	return out
}

// lastLine is the last line of an output that says something.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = strings.TrimSpace(s[i+1:])
	}
	const most = 200
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// lastCheck is what the last failed health check of a container said, "" when it did not fail.
func lastCheck(c *hosts.Container) string {
	if len(c.HealthLog) == 0 {
		return ""
	}
	r := c.HealthLog[len(c.HealthLog)-1]
	if r.Exit == 0 {
		return ""
	}
	return fmt.Sprintf("; last check: exit %d: %s", r.Exit, lastLine(r.Output))
}
