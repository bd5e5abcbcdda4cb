package hostrules

import (
	"fmt"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func partialDeploy() checks.Check {
	return checks.Check{
		ID:       "rsync-partial-deploy",
		Title:    "a deploy was copied and not loaded, or not copied to its end",
		Area:     checks.AreaHost,
		Severity: checks.Warning,
		Why: "Programs of interpreters read their code when they start. Files that came later are not what runs; a worker that starts again by itself then runs other code than its sisters. " +
			"What rsync leaves behind under a temporary name says that a transfer was cut off: some files are new and some are old.",
		Fix:       "Run the deploy again to its end and restart the unit or container.",
		Verify:    "systemctl show -p ActiveEnterTimestamp UNIT is later than the newest file of the code",
		Sources:   []string{"https://download.samba.org/pub/rsync/rsync.1#opt--delay-updates", "https://docs.python.org/3/reference/import.html#the-module-cache"},
		Diagnoses: []string{"unpinned-image", "drain-restart"},
		Needs:     []checks.Need{checks.NeedCode},
		Eval:      checks.OnHost(evalPartialDeploy),
	}
}

const (
	// copying is how long after its last file a deploy may still be on its way to the restart.
	copying = 3 * time.Minute
	// cutOff is how long a temporary file of a transfer must lie untouched.
	cutOff = 10 * time.Minute
	// clockGrain is how far the start of a process and the time of a file may be apart for rounding alone.
	clockGrain = 3 * time.Second
)

func evalPartialDeploy(h *checks.Host) []checks.Finding {
	if len(h.Code.Value) == 0 {
		return checks.NotHere("no program of an interpreter runs from a folder of its own")
	}
	now := h.World.Now.Add(h.System.Value.ClockOffset) // as the host has it
	var out []checks.Finding
	for i := range h.Code.Value {
		t := &h.Code.Value[i]
		object := "unit " + t.Unit
		switch {
		case t.Container != "":
			object = "container " + containerName(h, t.Container)
		case t.Unit == "":
			continue // somebody's shell
		}
		if f, ok := notLoaded(h, t, object, now); ok {
			out = append(out, f)
		}
		if len(t.Partial) == 0 || t.Transfer || now.Sub(t.PartialAt) < cutOff {
			continue
		}
		f := h.Find(object, checks.NeedCode, fmt.Sprintf("%s/%s, last written %s", t.Dir, t.Partial[0], t.PartialAt.UTC().Format(time.RFC3339)))
		f.Title = fmt.Sprintf("a transfer to %s was cut off: %s", t.Dir, strings.Join(t.Partial[:min(3, len(t.Partial))], ", "))
		f.Key = "partial " + t.Dir
		out = append(out, f)
	}
	return out
}

// notLoaded finds code that came after the newest process of a program had started.
func notLoaded(h *checks.Host, t *hosts.CodeTree, object string, now time.Time) (checks.Finding, bool) {
	if t.Reloads || t.Newest.IsZero() || t.Started.IsZero() || t.Newest.Sub(t.Started) < clockGrain || now.Sub(t.Newest) < copying {
		return checks.Finding{}, false
	}
	f := h.Find(object, checks.NeedCode, fmt.Sprintf("%s/%s came %s; %s (pid %d) started %s", t.Dir, t.File, t.Newest.UTC().Format(time.RFC3339), orElse(t.Process, "the process"), t.PID, t.Started.UTC().Format(time.RFC3339)))
	f.Title = fmt.Sprintf("%s runs code that is older than what lies in %s", strings.TrimPrefix(strings.TrimPrefix(object, "unit "), "container "), t.Dir)
	f.Key = "old " + t.Dir
	if t.Unit != "" {
		f.Fix = "See that the deploy came to its end, then: " + ruleOf(h, t.Unit).Renew(t.Unit)
	}
	return f, true
}

// ruleOf is what the inventory says of a unit.
func ruleOf(h *checks.Host, unit string) hosts.UnitRule {
	for _, r := range h.Host.Units {
		if r.Matches(unit) {
			return r
		}
	}
	return hosts.UnitRule{}
}
