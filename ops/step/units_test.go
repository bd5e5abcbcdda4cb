package step

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/ops/deploy"
)

func TestExpandUnits(t *testing.T) {
	for in, want := range map[string]string{
		"a":                      "a.service",
		"a.timer":                "a.timer",
		"x@{1..3}.service":       "x@1.service x@2.service x@3.service",
		"x@{a,b}":                "x@a.service x@b.service",
		"{x,y}@{1..2}":           "x@1.service x@2.service y@1.service y@2.service",
		"x@{0..0}":               "x@0.service",
		"x@{3..1}":               "!range",
		"x@{1..999}":             "!range",
		"x@{1..100}{1..100}":     "!more than",
		"x@{1":                   "!without",
		"-H":                     "!no name",
		"a b":                    "!no name",
		"$(reboot)":              "!no name",
		"":                       "!no name",
		`dev-disk\x2dby.service`: `dev-disk\x2dby.service`,
	} {
		got, err := expandUnits([]deploy.Text{deploy.Text(in)})
		if bad, ok := strings.CutPrefix(want, "!"); ok {
			if err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%q: %v, %v, want an error with %q", in, got, err, bad)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %v, %v, want %s", in, got, err, want)
		}
	}
	if _, err := expandUnits(nil); err == nil {
		t.Error("no units at all are no fault")
	}
}

func TestInstances(t *testing.T) {
	for unit, want := range map[string]string{"x@3.service": "3", "x.service": "", "x@a-b.c.service": "a-b.c", "x@": ""} {
		if got := instanceOf(unit); got != want {
			t.Errorf("%s: %q, want %q", unit, got, want)
		}
	}
	if got := templatesOf([]string{"x@1.service", "x@2.service", "y.service", "z@1.timer"}); !slices.Equal(got, []string{"x@*.service", "z@*.timer"}) {
		t.Errorf("templates %v", got)
	}
	list := "  x@1.service loaded active running X 1\n● x@9.service loaded failed failed X 9\n\n"
	if got := otherInstances(list, []string{"x@1.service"}); !slices.Equal(got, []string{"x@9.service"}) {
		t.Errorf("others %v", got)
	}
	p := forUnit(deploy.Probe{HTTP: "http://unix:/run/${unit.instance}.sock:/", Argv: []deploy.Text{"a", "${unit.name}"}}, "x@7.service")
	if p.HTTP != "http://unix:/run/7.sock:/" || p.Argv[1] != "x@7.service" {
		t.Errorf("probe %+v", p)
	}
}

const shown = `4242.50 100.0
Id=x@1.service
Type=simple
ActiveState=active
SubState=running
LoadState=loaded
MainPID=77
InvocationID=aa
NRestarts=2
Result=success
ExecMainStatus=0
NeedDaemonReload=yes
UnitFileState=enabled
FragmentPath=/etc/systemd/system/x@.service
DropInPaths=/etc/a.conf /etc/b.conf
TimeoutStopUSec=1min 30s
ActiveEnterTimestampMonotonic=4200000000
InactiveExitTimestampMonotonic=4199500000

Id=gone.service
LoadState=not-found
ActiveState=inactive
SubState=dead
Job=12
TimeoutStopUSec=infinity
`

func TestParseShow(t *testing.T) {
	got := parseShow(shown, []string{"x@1.service", "gone.service", "third.service"})
	a := got[0]
	if !a.there() || !a.runs() || a.MainPID != 77 || a.Restarts != 2 || !a.NeedReload || a.StopWithin != 90*time.Second ||
		a.Up != 42500*time.Millisecond || a.Age != 43*time.Second || len(a.DropIns) != 2 || a.Job != "" {
		t.Errorf("first %+v", a)
	}
	if b := got[1]; b.there() || b.runs() || b.Job != "12" || b.StopWithin != 0 || b.Up != 0 {
		t.Errorf("second %+v", b)
	}
	if c := got[2]; c.Name != "third.service" || c.there() || c.runs() {
		t.Errorf("a unit that was not told has a state: %+v", c)
	}
}

func FuzzParseShow(f *testing.F) {
	f.Add(shown)
	f.Add("")
	f.Add("x\n\n\n=")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range parseShow(text, []string{"a", "b"}) {
			if s.Up < 0 || s.Age < 0 || s.StopWithin < 0 {
				t.Errorf("negative time in %+v", s)
			}
			_ = s.words()
		}
	})
}

// script is what systemctl show says, a look a second: "state invocation restarts job result".
func states(lines ...string) []unitState {
	var out []unitState
	for _, l := range lines {
		n := 1
		if i := strings.LastIndex(l, " ×"); i > 0 {
			_, _ = fmt.Sscan(l[i+len(" ×"):], &n)
			l = l[:i]
		}
		f := append(strings.Fields(l), "", "", "", "")
		s := unitState{Name: "x.service", Load: "loaded", Active: f[0], Invocation: f[1], Result: "success", StopWithin: 90 * time.Second}
		_, _ = fmt.Sscan(f[2], &s.Restarts)
		if f[3] != "" && f[3] != "-" {
			s.Job = f[3]
		}
		if f[4] != "" {
			s.Result = f[4]
		}
		for range n {
			out = append(out, s)
		}
	}
	return out
}

func TestRestarter(t *testing.T) {
	for name, c := range map[string]struct {
		looks []unitState
		moves string // first look of each move that is not waiting
		line  string
		note  string // one that must have been shown
	}{
		"at once":                  {states("active b 0"), "up@0", "", ""},
		"job not yet queued":       {states("active a 0", "deactivating a 0 7", "activating b 0 7", "active b 0"), "up@3", "", "draining 00:01 / 00:30"},
		"drains 12 s":              {states("deactivating a 0 7 ×12", "active b 0"), "up@12", "", "draining 00:11 / 00:30"},
		"drains 40 s":              {states("deactivating a 0 7 ×40", "inactive a 0", "activating b 0 8", "active b 0"), "stop@30 start@40 up@42", "", "stopping 00:39, killed at 01:30"},
		"never ends":               {states("deactivating a 0 7 ×90"), "stop@30", "", "draining 00:29 / 00:30"},
		"killed while it stops":    {states("deactivating a 0 7 ×90", "failed a 0", "active b 0"), "stop@30 start@90 up@91", "", ""},
		"does not start":           {states("activating b 0 7", "failed b 0 - exit-code"), "fail@1", "failed to start: result exit-code", ""},
		"failed before":            {states("failed a 0 7 exit-code", "failed a 0", "activating b 0 8", "active b 0"), "up@3", "", "waiting for systemd"},
		"start limit":              {states("activating b 0 7", "failed b 5 - start-limit-hit"), "fail@1", "reset-failed", ""},
		"storm, counter begins 0":  {states("active b 0"), "up@0", "", ""},
		"storm, first look late":   {states("activating c 1"), "fail@0", "again once by itself", ""},
		"storm, rises":             {states("activating b 0 7", "activating c 1", "active d 2"), "fail@1", "again once", ""},
		"ends at once":             {states("inactive b 0 ×5"), "fail@3", "not started again", ""},
		"restart taken back":       {states("active a 0 ×5"), "fail@3", "taken back", ""},
		"job of somebody waits":    {states("active a 0 7 ×5", "active b 0"), "up@5", "", "waiting for systemd"},
		"started by somebody":      {states("deactivating a 0 7 ×31", "active b 0"), "stop@30 up@31", "", ""},
		"stopped, then not coming": {states("deactivating a 0 7 ×31", "inactive a 0 ×9"), "stop@30 start@31 fail@34", "not started again", ""},
		"nothing known":            {states("? a"), "", "", "state ?"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newRestarter(unitState{Invocation: "a", Active: "active"}, 30*time.Second)
			var moves, notes []string
			var line string
			for i, s := range c.looks {
				got := m.next(s, time.Duration(i)*time.Second)
				notes = append(notes, got.note)
				if got.move != moveWait {
					moves = append(moves, fmt.Sprintf("%s@%d", map[move]string{moveStop: "stop", moveStart: "start", moveUp: "up", moveFail: "fail"}[got.move], i))
				}
				if got.move == moveUp || got.move == moveFail {
					line = got.line
					break
				}
			}
			if got := strings.Join(moves, " "); got != c.moves {
				t.Errorf("moves %q, want %q; notes %q", got, c.moves, notes)
			}
			if !strings.Contains(line, c.line) {
				t.Errorf("line %q, want %q in it", line, c.line)
			}
			if c.note != "" && !slices.Contains(notes, c.note) {
				t.Errorf("note %q was not shown: %q", c.note, notes)
			}
		})
	}
}

// A unit that counts on with a manual restart, as old systemds have it, is no storm; one that rises is.
func TestRestarterOldCounter(t *testing.T) {
	m := newRestarter(unitState{Invocation: "a", Restarts: 3}, time.Minute)
	if got := m.next(unitState{Active: "activating", Invocation: "b", Restarts: 3}, 0); got.move != moveWait {
		t.Errorf("the counter as it was: %+v", got)
	}
	if got := m.next(unitState{Active: "activating", Invocation: "c", Restarts: 4}, time.Second); got.move != moveFail {
		t.Errorf("the counter rose: %+v", got)
	}
}

func TestSteadyUnit(t *testing.T) {
	ref := unitState{Active: "active", Invocation: "b", MainPID: 5}
	for name, c := range map[string]struct {
		change func(*unitState)
		done   bool
		fail   string
	}{
		"young":       {func(s *unitState) { s.Up = time.Second }, false, ""},
		"old enough":  {func(s *unitState) { s.Up = time.Minute }, true, ""},
		"a job":       {func(s *unitState) { s.Up, s.Job = time.Minute, "3" }, false, ""},
		"restarted":   {func(s *unitState) { s.Up, s.Restarts = time.Minute, 1 }, true, "restart storm"},
		"anew":        {func(s *unitState) { s.Up, s.Invocation = time.Minute, "c" }, true, "was started again"},
		"ended":       {func(s *unitState) { s.Active = "inactive" }, true, "ended by itself"},
		"failed":      {func(s *unitState) { s.Active, s.Result = "failed", "signal" }, true, "result signal"},
		"start limit": {func(s *unitState) { s.Active, s.Result = "failed", "start-limit-hit" }, true, "storm"},
		"another pid": {func(s *unitState) { s.Up, s.MainPID = time.Minute, 6 }, true, "main process was replaced"},
		"unknown":     {func(s *unitState) { s.Active = "" }, false, ""},
		"oneshot done": {func(s *unitState) {
			s.Type, s.Active, s.Result, s.MainPID = "oneshot", "inactive", "success", 0
		}, true, ""},
	} {
		now := ref
		c.change(&now)
		done, _, fail := steadyUnit(ref, now, 5*time.Second)
		if done != c.done || !strings.Contains(fail, c.fail) || c.fail == "" && fail != "" {
			t.Errorf("%s: done %v, fail %q", name, done, fail)
		}
	}
}

func TestUnitsToUndo(t *testing.T) {
	unit := func(name, active, inv, enabled string) unitState {
		return unitState{Name: name, Active: active, Invocation: inv, Enabled: enabled}
	}
	before := unitsUndo{}
	for _, s := range []unitState{unit("run", "active", "a", "enabled"), unit("same", "active", "b", "enabled"), unit("off", "inactive", "", "disabled")} {
		before.Units = append(before.Units, unitRecord{unitState: s})
	}
	for name, c := range map[string]struct {
		op         string
		now        []unitState
		redo, stop string
	}{
		"restart": {"restart", []unitState{unit("run", "active", "x", "enabled"), unit("same", "active", "b", "enabled"), unit("off", "active", "y", "disabled")}, "run", "off"},
		"died":    {"restart", []unitState{unit("run", "failed", "x", "enabled"), unit("same", "failed", "b", "enabled"), unit("off", "inactive", "", "disabled")}, "run same", ""},
		"start":   {"start", []unitState{unit("run", "active", "a", "enabled"), unit("same", "active", "b", "enabled"), unit("off", "active", "y", "disabled")}, "", "off"},
		"stop":    {"stop", []unitState{unit("run", "inactive", "a", "enabled"), unit("same", "active", "b", "enabled"), unit("off", "inactive", "", "disabled")}, "run", ""},
		"enable":  {"enable", []unitState{unit("run", "active", "a", "enabled"), unit("same", "active", "b", "enabled"), unit("off", "inactive", "", "enabled")}, "off", ""},
		"signal":  {"signal", []unitState{unit("run", "active", "a", "enabled"), unit("same", "active", "b", "enabled")}, "run same", ""},
	} {
		redo, stop := unitsToUndo(unitRules{Systemd: deploy.Systemd{Op: c.op}}, before, c.now)
		if strings.Join(redo, " ") != c.redo || strings.Join(stop, " ") != c.stop {
			t.Errorf("%s: again %v, stop %v; want %q, %q", name, redo, stop, c.redo, c.stop)
		}
	}
}

// Whether an undo is late is asked of settings as the definition has them.
func TestUnitsAreLate(t *testing.T) {
	for op, want := range map[string]bool{"restart": true, "stop": true, "signal": true, "enable": false} {
		if got := IsLate(systemdKind{}, &deploy.Systemd{Op: op, Units: []deploy.Text{"x@{1..${host.workers}}"}}); got != want {
			t.Errorf("%s: %v", op, got)
		}
	}
}
