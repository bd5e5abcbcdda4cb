package step

import (
	"time"

	"midwatch/ops/deploy"
)

// unitRules are the settings of a systemd step with their defaults.
type unitRules struct {
	deploy.Systemd
	names []string
}

func rulesOf(settings any) (unitRules, error) {
	s, ok := settings.(*deploy.Systemd)
	if !ok {
		return unitRules{}, wrongSettings("systemd", settings)
	}
	r := unitRules{Systemd: *s}
	if r.Op == "daemon_reload" && len(r.Units) == 0 {
		return r, nil
	}
	var err error
	if r.names, err = expandUnits(s.Units); err != nil {
		return r, refused("%v", err)
	}
	r.Budget = max(r.Budget, 1)
	r.Cooldown = orElse(r.Cooldown, time.Minute)
	r.Drain.MaxWait = orElse(r.Drain.MaxWait, 10*time.Minute)
	r.Drain.StopStartAfter = orElse(r.Drain.StopStartAfter, 30*time.Second)
	r.Settle.AliveFor = orElse(r.Settle.AliveFor, 5*time.Second)
	r.Settle.Within = orElse(r.Settle.Within, 90*time.Second)
	if r.Drain.Then == "" {
		r.Drain.Then = "ask"
	}
	return r, nil
}

// renews reports an operation that gives a unit another invocation.
func (r unitRules) renews() bool { return r.Op == "restart" || r.Op == "stop_start" }

// signals reports an operation that leaves the invocation as it is and has to be proved otherwise.
func (r unitRules) signals() bool { return r.Op == "signal" || r.Op == "reload" }

// looksAtWork reports whether a unit's work is waited for.
func (r unitRules) looksAtWork() bool {
	p := r.Drain.Busy
	return p.HTTP != "" || p.TCP != "" || len(p.Argv) > 0 || p.Log != "" || p.Unit != ""
}
