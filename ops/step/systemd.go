package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// systemdKind works on units ("systemd"), by the drain rules of the deploy model §3.4: a restart is ordered
// once and then only looked at, and what proves it is another invocation that stays alive.
type systemdKind struct{}

// unitsUndo is the record of a systemd step.
type unitsUndo struct {
	Op    string       `json:"op"`
	Units []unitRecord `json:"units"`
}

// unitRecord is a unit as it was.
type unitRecord struct {
	unitState
	Files map[string]string `json:"files,omitempty"` // unit file and drop-ins → SHA-256
	Exe   string            `json:"exe,omitempty"`   // of the main process; "" where it may not be seen
	Cwd   string            `json:"cwd,omitempty"`
	// Cursor is of the unit's last journal entry before a signal.
	Cursor string `json:"cursor,omitempty"`
}

func (systemdKind) Class(settings any) Class {
	if s, ok := settings.(*deploy.Systemd); ok && s.Op == "signal" {
		return AskHuman
	}
	return Repeat
}

// Late reports that units start again with the files that other steps put back.
func (systemdKind) Late(settings any) bool {
	s, ok := settings.(*deploy.Systemd) // as the definition has it: its words may not be filled in yet
	return ok && s.Op != "enable" && s.Op != "disable"
}

// showUnits reads how units stand.
func showUnits(ctx context.Context, e *Env, names []string) ([]unitState, error) {
	out, err := login(e).script(ctx, "look at units", nil, showScript, append([]string{"--"}, names...)...)
	if err != nil {
		return nil, err
	}
	return parseShow(out, names), nil
}

func (systemdKind) Plan(ctx context.Context, e *Env) (Change, error) {
	r, err := rulesOf(e.Settings)
	if err != nil {
		return Change{}, err
	}
	if len(r.names) == 0 {
		return Change{Lines: []string{"systemd reads its unit files again"}, Back: BackReversible, BackLines: []string{"and once more"}, Saw: r.Op}, nil
	}
	states, err := showUnits(ctx, e, r.names)
	if err != nil {
		return Change{}, err
	}
	c := planUnits(r, states)
	for _, p := range templatesOf(r.names) {
		out, err := login(e).must(ctx, "list "+p, "systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", p)
		if err != nil {
			return c, err
		}
		others := otherInstances(out, r.names)
		for _, other := range others {
			c.Saw += "other " + other + "\n"
		}
		switch n := len(others); {
		case n == 1:
			c.Lines = append(c.Lines, "! "+others[0]+" is there too, and the definition does not name it")
		case n > 1:
			c.Lines = append(c.Lines, "! "+brief(strings.Join(others, ", "))+" are there too, and the definition does not name them")
		}
	}
	return c, nil
}

// planUnits is the plan as the units' states give it.
func planUnits(r unitRules, states []unitState) Change {
	c := Change{Back: BackReversible}
	var list []string
	var would []string
	for _, s := range states {
		c.Saw += fmt.Sprintln(s.Name, s.Load, s.Active, s.Enabled, s.NeedReload)
		line := s.Name + ": " + s.words()
		switch {
		case !s.there():
			c.Lines = append(c.Lines, "! "+s.Name+" is "+either(s.Load, "not known")+" on the host")
		case r.changes(s):
			would = append(would, s.Name)
		}
		if s.runs() {
			line += fmt.Sprintf(", pid %d, up %s, started again by itself %s", s.MainPID, s.Up.Round(time.Second), times(s.Restarts))
		}
		if r.renews() && s.StopWithin > r.Drain.StopStartAfter {
			line += ", killed after " + clock(s.StopWithin) + " of draining"
		}
		if s.NeedReload {
			line += ", its file is newer than what systemd has read: daemon-reload first"
		}
		list = append(list, line)
	}
	c.Detail = []Detail{{Title: "units", Text: strings.Join(list, "\n")}}
	if len(would) == 0 {
		c.Lines = append(c.Lines, "units are as the step wants them")
		c.Nothing = len(c.Lines) == 1
		return c
	}
	one := ""
	if r.OneByOne && len(would) > 1 {
		one = ", one by one"
	}
	c.Lines = append([]string{fmt.Sprintf("%s %s%s: %s", r.word(), count(len(would), "unit"), one, strings.Join(would, ", "))}, c.Lines...)
	c.BackLines = []string{r.backWord() + " " + strings.Join(would, ", ")}
	c.Takes = r.takes(len(would))
	return c
}

// changes reports whether the step does anything to a unit that is as s says.
func (r unitRules) changes(s unitState) bool {
	switch r.Op {
	case "start":
		return !s.runs()
	case "stop":
		return s.Active != "inactive"
	case "enable":
		return s.Enabled != "enabled"
	case "disable":
		return s.Enabled == "enabled"
	}
	return true
}

func (r unitRules) word() string {
	switch r.Op {
	case "signal":
		return "SIG" + r.signalName() + " to"
	case "stop_start":
		return "stop and start"
	case "daemon_reload":
		return "daemon-reload for"
	}
	return r.Op
}

func (r unitRules) signalName() string {
	return strings.TrimPrefix(strings.ToUpper(either(r.Signal, "HUP")), "SIG")
}

func (r unitRules) backWord() string {
	switch r.Op {
	case "start":
		return "stop"
	case "stop":
		return "start"
	case "enable":
		return "disable"
	case "disable":
		return "enable"
	}
	if r.Op == "signal" {
		return r.word()
	}
	return r.word() + " once more, after files are back:"
}

func (r unitRules) takes(units int) time.Duration {
	if !r.renews() && r.Op != "start" {
		return 0
	}
	each := max(r.Settle.AliveFor, r.Settle.CheckAfter)
	if !r.OneByOne {
		units = 1
	}
	return time.Duration(units) * each
}

// otherInstances are the units of a list-units that names does not have.
func otherInstances(list string, names []string) []string {
	var out []string
	for line := range strings.Lines(list) {
		f := strings.Fields(strings.TrimLeft(line, "●* \t"))
		if len(f) > 0 && unitName.MatchString(f[0]) && !slices.Contains(names, f[0]) {
			out = append(out, f[0])
		}
	}
	return out
}

func (systemdKind) Record(ctx context.Context, e *Env) (Undo, error) {
	r, err := rulesOf(e.Settings)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "systemd", Way: BackReversible}
	data := unitsUndo{Op: r.Op}
	if len(r.names) > 0 {
		states, err := showUnits(ctx, e, r.names)
		if err != nil {
			return u, err
		}
		changes := r.Op == "daemon_reload"
		for _, s := range states {
			if !s.there() {
				return u, refused("%s: unit %s is %s: look at its name, or put its file in place first", hostName(e), s.Name, either(s.Load, "not known"))
			}
			rec, err := recordUnit(ctx, e, s, r.signals())
			if err != nil {
				return u, err
			}
			data.Units = append(data.Units, rec)
			changes = changes || r.changes(s)
		}
		u.Nothing = !changes
		u.Lines = []string{r.backWord() + " " + strings.Join(r.names, ", ")}
	}
	u.Data, err = json.Marshal(data)
	return u, err
}

const scriptUnit = `p=$1; shift
echo "exe $(readlink "/proc/$p/exe" 2>/dev/null)"; echo "cwd $(readlink "/proc/$p/cwd" 2>/dev/null)"
[ $# -eq 0 ] || sha256sum -- "$@" 2>/dev/null || true`

// recordUnit adds to a state what its files and its process are.
func recordUnit(ctx context.Context, e *Env, s unitState, cursor bool) (unitRecord, error) {
	rec := unitRecord{unitState: s, Files: map[string]string{}}
	args := []string{fmt.Sprint(s.MainPID)}
	if s.Fragment != "" {
		args = append(append(args, s.Fragment), s.DropIns...)
	}
	out, err := target(e).script(ctx, "look at "+s.Name, nil, scriptUnit, args...)
	if errors.Is(err, hosts.ErrNoSudo) { // what only root may see is left out
		out, err = login(e).script(ctx, "look at "+s.Name, nil, scriptUnit, args...)
	}
	if err == nil && cursor {
		rec.Cursor, err = journalCursor(ctx, e, s.Name)
	}
	if err != nil {
		return rec, err
	}
	for line := range strings.Lines(out) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case k == "exe":
			rec.Exe = v
		case k == "cwd":
			rec.Cwd = v
		case len(k) == 64:
			rec.Files[strings.TrimLeft(v, " *")] = k
		}
	}
	return rec, nil
}

// journalCursor is where a unit's entries in the journal end now. The cursor is of an entry of the unit: from
// that of another, systemd 252 skips the unit's first entry behind it.
func journalCursor(ctx context.Context, e *Env, unit string) (string, error) {
	out, err := target(e).must(ctx, "read the journal's end", "journalctl", "-u", unit, "-n", "1", "-o", "cat", "--show-cursor", "--no-pager", "-q")
	if err != nil {
		return "", err
	}
	_, cursor, _ := strings.Cut(out, "-- cursor: ")
	return strings.TrimSpace(cursor), nil
}

func (u Undo) units() (unitsUndo, error) {
	var d unitsUndo
	if len(u.Data) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(u.Data, &d); err != nil {
		return d, fmt.Errorf("the record of the units cannot be read: %w", err)
	}
	return d, nil
}

// wrongSettings is settings of another kind: a fault of the program, not of a definition.
func wrongSettings(kind string, settings any) error {
	return fmt.Errorf("%s: settings of type %T", kind, settings)
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// count is "1 unit", "3 units".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
