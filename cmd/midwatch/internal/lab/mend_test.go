//go:build lab

package lab

import (
	"slices"
	"strings"
	"testing"
)

// byMidwatch are the planted faults that midwatch mends itself, with whether what was there before can come back:
// a project that could not be brought up cannot be brought back to that.
var byMidwatch = map[string]bool{"scheme": true, "upgrade": true, "zone": true, "unlimited": true, "port": false, "process-port": false}

// The guide's own mends: planted for real, found, mended by "midwatch mend", silent and sound; then taken back by
// "midwatch rollback", and found again.
func TestMends(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, engineHosts...)
	all := slices.DeleteFunc(append(proxyFaults(), machineFaults()...), func(x *fault) bool { _, ok := byMidwatch[x.name]; return !ok })
	faults := plants(t, l, all)
	g := l.ground(t, engineHosts...)
	r := l.rig(t, engineHosts, nil)
	for _, s := range []standing{sound, faulty} {
		g.everywhere(t, s.String()+"/set", faults, func(t *testing.T, x *fault) { x.set(t, g, s) })
		g.reload(t)
	}
	for _, x := range faults {
		t.Run(x.name, func(t *testing.T) {
			look := func(s standing) {
				t.Helper()
				if x.real != nil {
					x.real(t, g, s)
				}
				found, unknown := r.Check(t, x.check) // the whole fleet: what is in front may be on another host
				x.judge(t, g, s, found, unknown)
			}
			look(faulty)
			args := []string{"mend", x.check, "--host", x.host, "--object", x.marks[0]}
			plan := r.Run(t, append(args, "--plan")...)
			if plan.Exit != 0 || !strings.Contains(plan.Stdout, "-") || !strings.Contains(plan.Stdout, "on failure: what was done is taken back at once") {
				t.Errorf("the plan: exit %d\n%s%s", plan.Exit, plan.Stdout, plan.Stderr)
			}
			done := r.Run(t, append(args, "--yes", "--reason", "lab: "+x.name)...)
			if done.Exit != 0 {
				t.Fatalf("mend: exit %d\n%s%s", done.Exit, done.Stdout, done.Stderr)
			}
			look(mended)
			if again := r.Run(t, append(args, "--plan")...); again.Exit != 2 || !strings.Contains(again.Stderr, "finds nothing there") {
				t.Errorf("a second mend: exit %d\n%s%s", again.Exit, again.Stdout, again.Stderr)
			}
			if !byMidwatch[x.name] {
				return
			}
			id, _, _ := r.lastRun()
			back := r.Run(t, "rollback", id, "--yes", "--reason", "lab: and back")
			if back.Exit != 0 {
				t.Fatalf("rollback: exit %d\n%s%s", back.Exit, back.Stdout, back.Stderr)
			}
			look(faulty)
		})
	}
	if v := r.Run(t, "audit", "--verify"); v.Exit != 0 {
		t.Errorf("audit: exit %d\n%s%s", v.Exit, v.Stdout, v.Stderr)
	}
}
