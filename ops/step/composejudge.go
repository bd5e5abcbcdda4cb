package step

import (
	"fmt"
	"time"
)

// upWish is what services have to be after an up.
type upWish struct {
	image  map[string]string // service → image id it has to run; "" whatever it runs
	jobs   map[string]bool   // services that end with exit 0
	count  map[string]int    // containers of a service; 0 is one
	stable time.Duration
	// restarts are how often the engine had started containers again before the step, by their id.
	restarts map[string]int
}

// verdictUp is a look at one service.
type verdictUp struct {
	ok, fail bool
	line     string
}

// judgeService says how a service stands. now is the host's clock.
func (w upWish) judgeService(name string, all []compContainer, now time.Time) verdictUp {
	var mine []compContainer
	for _, c := range all {
		if c.Service == name {
			mine = append(mine, c)
		}
	}
	want := max(w.count[name], 1)
	if len(mine) == 0 {
		return verdictUp{line: name + ": no container yet"}
	}
	out := verdictUp{ok: true}
	for _, c := range mine {
		v := w.judge(c, now)
		if v.fail {
			return v
		}
		if !v.ok {
			out = v
		} else if out.ok {
			out.line = v.line
		}
	}
	if out.ok && len(mine) < want {
		return verdictUp{line: fmt.Sprintf("%s: %d of %d containers", name, len(mine), want)}
	}
	if out.ok && len(mine) > 1 {
		out.line += fmt.Sprintf(" (%d containers)", len(mine))
	}
	return out
}

func (w upWish) judge(c compContainer, now time.Time) verdictUp {
	if id := w.image[c.Service]; id != "" && c.Image != id {
		return verdictUp{line: fmt.Sprintf("%s: runs image %s, not %s", c.Service, shortID(c.Image), shortID(id))}
	}
	if w.jobs[c.Service] {
		return judgeJob(c)
	}
	switch c.State {
	case "running":
		return w.running(c, now)
	case "exited", "dead":
		return verdictUp{fail: true, line: fmt.Sprintf("%s: ended with exit %d %s%s", c.Service, c.Exit, lived(c), hint(c))}
	case "restarting":
		return verdictUp{fail: true, line: fmt.Sprintf("%s: ends again and again, last with exit %d %s%s", c.Service, c.Exit, lived(c), oom(c))}
	}
	return verdictUp{line: c.Service + ": " + either(c.State, "state unknown")}
}

func (w upWish) running(c compContainer, now time.Time) verdictUp {
	if c.Restarts > w.restarts[c.ID] {
		return verdictUp{fail: true, line: fmt.Sprintf("%s: was started again %s by the engine, last exit %d%s", c.Service, times(c.Restarts), c.Exit, oom(c))}
	}
	up := now.Sub(c.Started).Truncate(time.Second)
	switch {
	case c.Health == "unhealthy":
		return verdictUp{line: fmt.Sprintf("%s: runs for %s, but its healthcheck fails", c.Service, up)}
	case c.Health == "starting":
		return verdictUp{line: fmt.Sprintf("%s: its healthcheck has not decided, %s", c.Service, up)}
	case up < w.stable:
		return verdictUp{line: fmt.Sprintf("%s: runs for %s / %s", c.Service, up, w.stable)}
	case c.Health == "healthy":
		return verdictUp{ok: true, line: fmt.Sprintf("%s: healthy, runs for %s, image %s", c.Service, up, shortID(c.Image))}
	}
	return verdictUp{ok: true, line: fmt.Sprintf("%s: runs for %s, no healthcheck, image %s", c.Service, up, shortID(c.Image))}
}

func judgeJob(c compContainer) verdictUp {
	switch {
	case c.State == "exited" && c.Exit == 0:
		return verdictUp{ok: true, line: fmt.Sprintf("%s: job done, exit 0 %s", c.Service, lived(c))}
	case c.State == "exited" || c.State == "dead":
		return verdictUp{fail: true, line: fmt.Sprintf("%s: job failed, exit %d %s%s", c.Service, c.Exit, lived(c), oom(c))}
	}
	return verdictUp{line: c.Service + ": job is " + either(c.State, "not known")}
}

// lived is how long a container that ended ran.
func lived(c compContainer) string {
	if c.Finished.Before(c.Started) || c.Started.IsZero() {
		return "at once"
	}
	return "after " + c.Finished.Sub(c.Started).Round(time.Second/10).String()
}

// hint tells a job that is not named as one from a service that fails.
func hint(c compContainer) string {
	if c.Exit == 0 {
		return ": if that is how it should end, name it in jobs"
	}
	return oom(c)
}

func oom(c compContainer) string {
	if c.OOM {
		return ", out of memory"
	}
	return ""
}
