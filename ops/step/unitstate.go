package step

import (
	"strconv"
	"strings"
	"time"
)

// unitState is a unit as systemctl show tells it.
type unitState struct {
	Name       string        `json:"name"`
	Load       string        `json:"load"`
	Active     string        `json:"active"`
	Sub        string        `json:"sub,omitempty"`
	Type       string        `json:"type,omitempty"`
	Invocation string        `json:"invocation,omitempty"`
	MainPID    int           `json:"main_pid,omitempty"`
	Restarts   int           `json:"restarts,omitempty"`
	Result     string        `json:"result,omitempty"`
	Exit       int           `json:"exit,omitempty"` // of the main process that ended last
	Job        string        `json:"-"`              // "" none
	NeedReload bool          `json:"need_reload,omitempty"`
	Enabled    string        `json:"enabled,omitempty"`
	Fragment   string        `json:"fragment,omitempty"`
	DropIns    []string      `json:"drop_ins,omitempty"`
	StopWithin time.Duration `json:"stop_within,omitempty"` // until it is killed; 0 is never or unknown
	// Up is how long it has been active, by the host's clock; 0 when it is not.
	Up time.Duration `json:"up,omitempty"`
	// Age is how long ago it left the inactive state, by the host's clock; 0 unknown.
	Age time.Duration `json:"age,omitempty"`
}

// showProperties is what is asked of each unit.
const showProperties = "Id,LoadState,ActiveState,SubState,Type,MainPID,InvocationID,NRestarts,Result,ExecMainStatus,Job,NeedDaemonReload," +
	"UnitFileState,FragmentPath,DropInPaths,TimeoutStopUSec,ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic"

// showScript prints how long the host is up and then the properties of the units in its arguments.
const showScript = `cat /proc/uptime; shift; exec systemctl show --no-pager -p ` + showProperties + ` -- "$@"`

// parseShow reads what showScript printed for these units; a unit that is missing in the text has no state.
func parseShow(text string, units []string) []unitState {
	first, rest, _ := strings.Cut(text, "\n")
	uptime := seconds(first)
	blocks := strings.Split(strings.TrimSpace(rest), "\n\n")
	out := make([]unitState, len(units))
	for i, u := range units {
		out[i].Name = u
		if i < len(blocks) {
			out[i] = parseUnit(blocks[i], u, uptime)
		}
	}
	return out
}

// seconds reads the first number of /proc/uptime.
func seconds(s string) time.Duration {
	first, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	f, err := strconv.ParseFloat(first, 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

func parseUnit(block, name string, uptime time.Duration) unitState {
	p := map[string]string{}
	for line := range strings.Lines(block) {
		if k, v, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			p[k] = v
		}
	}
	number := func(key string) int { n, _ := strconv.Atoi(p[key]); return n }
	since := func(key string) time.Duration {
		us, _ := strconv.ParseInt(p[key], 10, 64)
		if us <= 0 || us > int64(uptime/time.Microsecond) {
			return 0
		}
		return uptime - time.Duration(us)*time.Microsecond
	}
	s := unitState{
		Name: name, Load: p["LoadState"], Active: p["ActiveState"], Sub: p["SubState"], Type: p["Type"], Invocation: p["InvocationID"],
		MainPID: number("MainPID"), Restarts: number("NRestarts"), Result: p["Result"], Exit: number("ExecMainStatus"), Job: p["Job"],
		NeedReload: p["NeedDaemonReload"] == "yes", Enabled: p["UnitFileState"], Fragment: p["FragmentPath"],
		DropIns: strings.Fields(p["DropInPaths"]), StopWithin: parseSpan(p["TimeoutStopUSec"]),
		Age: since("InactiveExitTimestampMonotonic"),
	}
	if s.Job == "0" {
		s.Job = ""
	}
	if s.Active == "active" || s.Active == "reloading" {
		s.Up = since("ActiveEnterTimestampMonotonic")
	}
	return s
}

// spanUnits are the units of systemd's time spans; "month" and above say what nobody waits for.
var spanUnits = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseSpan reads a span like "1min 30s"; 0 for "infinity" and what it does not know.
func parseSpan(s string) time.Duration {
	var sum time.Duration
	for _, f := range strings.Fields(s) {
		i := strings.IndexFunc(f, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if i <= 0 {
			return 0
		}
		n, err := strconv.ParseFloat(f[:i], 64)
		unit := spanUnits[f[i:]]
		if err != nil || unit == 0 || n > 1e6 {
			return 0
		}
		sum += time.Duration(n * float64(unit))
	}
	return sum
}

// there reports a unit that systemd could load.
func (s unitState) there() bool { return s.Load == "loaded" }

// runs reports a unit that is active.
func (s unitState) runs() bool { return s.Active == "active" || s.Active == "reloading" }

// oneshot reports a unit that is done when its program has ended.
func (s unitState) oneshot() bool { return s.Type == "oneshot" }

// words is a unit's state for people.
func (s unitState) words() string {
	if s.Active == "" {
		return "state unknown"
	}
	w := s.Active
	if s.Sub != "" && s.Sub != s.Active {
		w += " (" + s.Sub + ")"
	}
	return w
}
