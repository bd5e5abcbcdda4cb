//go:build lab

package lab

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// put writes a file on a host and removes it when the test ends.
func (l *Lab) put(t *testing.T, host, path, content string) {
	t.Helper()
	l.write(t, host, path, content)
	after(t, l.execArgv(t, host, "rm", "-f", path)...)
}

// write writes a file on a host.
func (l *Lab) write(t *testing.T, host, path, content string) {
	t.Helper()
	l.Exec(t, host, "sh", "-c", `mkdir -p "$(dirname "$2")"; printf %s "$1" | base64 -d >"$2"`, "sh", b64([]byte(content)), path)
}

// fixture is a file of testdata/lab.
func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../../../testdata/lab/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fleet puts workers of a release on a host: n instances, each draining for so long.
func (l *Lab) fleet(t *testing.T, host string, n int, drain time.Duration) {
	t.Helper()
	l.put(t, host, "/etc/systemd/system/cxb-core@.service", fixture(t, "cxb/cxb-core@.service"))
	l.put(t, host, "/run/cxb.env", fmt.Sprintf("DRAIN=%s\n", drain))
	l.put(t, host, "/srv/cxb/core/current/VERSION", "one\n")
	var units []string
	for i := range n {
		units = append(units, fmt.Sprintf("cxb-core@%d.service", i+1))
	}
	after(t, l.execArgv(t, host, "sh", "-c", "systemctl kill -s KILL 'cxb-core@*'; systemctl stop 'cxb-core@*'; systemctl reset-failed 'cxb-core@*'; systemctl daemon-reload; rm -rf /srv/cxb")...)
	l.Exec(t, host, "systemctl", "daemon-reload")
	l.Exec(t, host, append([]string{"systemctl", "start"}, units...)...)
	for _, u := range units {
		Poll(t, 10*time.Second, u+" answers", func() (bool, string) {
			out := l.health(t, host, u)
			return strings.Contains(out, `"ok"`), out
		})
	}
}

// health is what a worker says of itself.
func (l *Lab) health(t *testing.T, host, unit string) string {
	t.Helper()
	_, rest, _ := strings.Cut(unit, "@")
	instance, _, _ := strings.Cut(rest, ".")
	out, _ := try(t.Context(), l.execArgv(t, host, "curl", "-s", "-m", "5", "--unix-socket", "/run/cxb/"+instance+".sock", "http://x/health")...)
	return out
}

func (l *Lab) invocation(t *testing.T, host, unit string) string {
	t.Helper()
	return strings.TrimSpace(l.Exec(t, host, "systemctl", "show", "--value", "-p", "InvocationID", unit))
}

var workerHealth = []deploy.Probe{{HTTP: "http://unix:/run/cxb/${unit.instance}.sock:/health", JSON: map[string]deploy.Text{"status": "ok", "instance": "${unit.instance}"}}}

func restart(units string, cooldown time.Duration) *deploy.Systemd {
	return &deploy.Systemd{
		Units: []deploy.Text{deploy.Text(units)}, Op: "restart", OneByOne: true, Cooldown: cooldown,
		Settle: deploy.Settle{AliveFor: time.Second, Within: 10 * time.Second, Health: workerHealth},
	}
}

// Units are restarted one by one, each proved by another invocation; taken back, they are restarted once
// more, and one that was not there before is not there after.
func TestStepRestart(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 3, 0)
	k := kind(t, "systemd")
	before := []string{l.invocation(t, "h1", "cxb-core@1"), l.invocation(t, "h1", "cxb-core@2"), l.invocation(t, "h1", "cxb-core@3")}

	s := l.stage(t, "h1", restart("cxb-core@{1..2}", time.Millisecond))
	if c, err := k.Plan(t.Context(), s.Env); err != nil || !strings.Contains(strings.Join(c.Lines, "\n"), "cxb-core@3.service is there too") {
		t.Errorf("the plan does not tell of the third: %q, %v", c.Lines, err)
	}
	l.Exec(t, "h1", "sh", "-c", "echo two >/srv/cxb/core/current/VERSION")
	u := s.forward(k)
	for i, unit := range []string{"cxb-core@1", "cxb-core@2", "cxb-core@3"} {
		if got, want := l.invocation(t, "h1", unit) != before[i], i < 2; got != want {
			t.Errorf("%s restarted: %v, want %v", unit, got, want)
		}
	}
	if h := l.health(t, "h1", "cxb-core@1."); !strings.Contains(h, `"release":"two"`) {
		t.Errorf("worker 1 says %s", h)
	}
	if d, err := k.Drift(t.Context(), s.Env, u); err != nil || len(d) > 0 {
		t.Errorf("drift %v, %v", d, err)
	}
	l.Exec(t, "h1", "systemctl", "restart", "cxb-core@2")
	if d, err := k.Drift(t.Context(), s.Env, u); err != nil || len(d) != 1 || !strings.Contains(d[0], "cxb-core@2") {
		t.Errorf("drift after a restart by somebody: %v, %v", d, err)
	}
	l.Exec(t, "h1", "sh", "-c", "echo one >/srv/cxb/core/current/VERSION")
	s.back(k, u)
	if h := l.health(t, "h1", "cxb-core@1."); !strings.Contains(h, `"release":"one"`) {
		t.Errorf("worker 1 says %s after the way back", h)
	}
}

// A unit that drains for longer than the rules allow is stopped and started as two operations, and not
// killed before systemd does it.
func TestStepDrain(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 1, 40*time.Second)
	set := restart("cxb-core@1", time.Millisecond)
	s := l.stage(t, "h1", set)
	start := time.Now()
	s.forward(kind(t, "systemd"))
	if took := time.Since(start); took < 40*time.Second {
		t.Errorf("up after %s: it was not let drain", took)
	}
	for _, want := range []string{"draining 00:2", "/ 00:30", "stop, then start", "stopping 00:", "killed at 01:30"} {
		if !strings.Contains(s.heard(), want) {
			t.Errorf("%q was not said:\n%s", want, s.heard())
		}
	}
	if log := l.Exec(t, "h1", "journalctl", "-u", "cxb-core@1", "-n", "20", "--no-pager", "-o", "cat"); strings.Contains(log, "Killing process") {
		t.Errorf("it was killed:\n%s", log)
	}
}

// Work under way is waited for, and asked about when it takes too long.
func TestStepBusy(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 1, 0)
	k := kind(t, "systemd")
	call := func(d string) {
		l.Exec(t, "h1", "sh", "-c", "curl -s --unix-socket /run/cxb/1.sock 'http://x/call?for="+d+"' >/dev/null 2>&1 &")
		Poll(t, 20*time.Second, "the call counts", func() (bool, string) {
			h := l.health(t, "h1", "cxb-core@1.")
			return strings.Contains(h, `"active_calls":`) && !strings.Contains(h, `"active_calls":0`), h
		})
	}
	set := restart("cxb-core@1", time.Millisecond)
	set.Drain.Busy = deploy.Probe{HTTP: "http://unix:/run/cxb/${unit.instance}.sock:/health", Number: "active_calls"}
	set.Drain.MaxWait = 20 * time.Second
	s := l.stage(t, "h1", set)
	call("4s")
	s.forward(k)
	if !strings.Contains(s.heard(), "at work (1 busy)") || len(s.asked) > 0 {
		t.Errorf("asked %v:\n%s", s.asked, s.heard())
	}

	set.Drain.MaxWait = 2 * time.Second
	for _, choice := range []string{"skip", "fail"} {
		s := l.stage(t, "h1", set)
		s.reply.Choice = choice
		was := l.invocation(t, "h1", "cxb-core@1")
		call("8s")
		if choice == "skip" {
			s.forward(k)
		} else if _, line := s.fails(k); !strings.Contains(line, " busy) after 00:0") {
			t.Errorf("the line is %q", line)
		}
		if len(s.asked) != 1 || l.invocation(t, "h1", "cxb-core@1") != was {
			t.Errorf("%s: asked %v, or restarted all the same", choice, s.asked)
		}
	}
}

// A release that crashes makes a storm: the step ends with the first signs of it and brings the journal's
// last lines, and with the old release the way back works.
func TestStepStorm(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 1, 0)
	k := kind(t, "systemd")
	s := l.stage(t, "h1", restart("cxb-core@1", time.Millisecond))
	l.Exec(t, "h1", "touch", "/srv/cxb/core/current/BROKEN")
	u, line := s.fails(k)
	if !strings.Contains(line, "cxb-core@1.service") || !strings.Contains(line, "storm") && !strings.Contains(line, "start-limit-hit") {
		t.Errorf("the line is %q", line)
	}
	if !strings.Contains(s.heard(), "this release is broken") {
		t.Errorf("no journal in the output:\n%s", s.heard())
	}
	l.Exec(t, "h1", "rm", "/srv/cxb/core/current/BROKEN")
	s.back(k, u)
}

// The budget, the cooldown and a login without rights refuse before anything is done.
func TestStepRefusals(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 1, 0)
	k := kind(t, "systemd")
	was := l.invocation(t, "h1", "cxb-core@1")
	for name, c := range map[string]struct {
		change func(*stage)
		want   string
	}{
		"cooldown": {func(s *stage) { s.Settings.(*deploy.Systemd).Cooldown = time.Hour }, "cooldown of 1h0m0s"},
		"budget":   {func(s *stage) { s.Budget = func(string, int) bool { return false } }, "restarted once in this run"},
		"no sudo": {func(s *stage) {
			o := l.stageAs(t, "h1", l.as("ro", "h1"), nil)
			s.Conn = o.Conn
		}, "root"},
	} {
		t.Run(name, func(t *testing.T) {
			s := l.stage(t, "h1", restart("cxb-core@1", time.Millisecond))
			c.change(s)
			u, err := k.Record(t.Context(), s.Env)
			if err == nil {
				err = k.Act(t.Context(), s.Env, u)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q in one line", err, c.want)
			}
			t.Log(err)
		})
	}
	if l.invocation(t, "h1", "cxb-core@1") != was {
		t.Error("it was restarted")
	}
}

// A signal is proved by a line of the journal behind it, in the same invocation.
func TestStepSignal(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 2, 0)
	k := kind(t, "systemd")
	was := l.invocation(t, "h1", "cxb-core@1")
	s := l.stage(t, "h1", &deploy.Systemd{
		Units: []deploy.Text{"cxb-core@{1..2}"}, Op: "signal", Signal: "USR2", ProofLog: `worker \d+ reloaded, revision 1\b`,
		Settle: deploy.Settle{Within: 10 * time.Second},
	})
	u := s.forward(k)
	if l.invocation(t, "h1", "cxb-core@1") != was {
		t.Error("another invocation after a signal")
	}
	// The proof of the first signal is none of the second.
	s = l.stage(t, "h1", s.Settings)
	s.Settings.(*deploy.Systemd).Settle.Within = 2 * time.Second
	if _, line := s.fails(k); !strings.Contains(line, "no line of its journal matches") {
		t.Errorf("the line is %q", line)
	}
	if p, err := k.Probe(t.Context(), s.Env, u); err != nil || p != step.Unclear {
		t.Errorf("whether a signal was sent cannot be seen, and the probe says %v, %v", p, err)
	}
}

// Start, stop, enable and disable, and back.
func TestStepUnitStates(t *testing.T) {
	l := Open(t)
	l.fleet(t, "h1", 1, 0)
	k := kind(t, "systemd")
	state := func() string {
		out, _ := try(t.Context(), l.execArgv(t, "h1", "sh", "-c", "systemctl is-active cxb-core@1; systemctl is-enabled cxb-core@1")...)
		return strings.Join(strings.Fields(out), " ")
	}
	for _, c := range []struct{ op, want, then string }{
		{"stop", "inactive disabled", "active disabled"},
		{"enable", "active enabled", "active disabled"},
		{"restart", "active disabled", "active disabled"},
	} {
		s := l.stage(t, "h1", &deploy.Systemd{Units: []deploy.Text{"cxb-core@1"}, Op: c.op, Cooldown: time.Millisecond, Settle: deploy.Settle{AliveFor: time.Second}})
		u := s.forward(k)
		if got := state(); got != c.want {
			t.Errorf("%s: %s, want %s", c.op, got, c.want)
		}
		s.back(k, u)
		if got := state(); got != c.then {
			t.Errorf("%s back: %s, want %s", c.op, got, c.then)
		}
	}
}
