package deploy

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"midwatch/hosts/config"
)

// checker looks at the settings of one step.
type checker struct {
	*parser
	t    *config.Table
	at   config.Path
	step *Step
}

func (c *checker) key(name string) config.Path { return c.at.At(name) }

// one wants exactly one of the keys; optional allows none.
func (c *checker) one(optional bool, names ...string) {
	var set []string
	for _, n := range names {
		if c.t.Has(n) {
			set = append(set, n)
		}
	}
	switch {
	case len(set) > 1:
		c.Fault(c.key(set[1]), fmt.Sprintf("step %q has %s", c.step.ID, config.List(set)), "keep one of them")
	case len(set) == 0 && !optional:
		c.Missing(c.at, fmt.Sprintf("step %q has none of %s", c.step.ID, config.List(names)), "want one of them")
	}
}

// needs wants keys to be there.
func (c *checker) needs(names ...string) {
	for _, n := range names {
		if !c.t.Has(n) {
			c.Missing(c.at, fmt.Sprintf("step %q has no %s", c.step.ID, n), "want "+n+" = …")
		}
	}
}

// only refuses keys that go with something else.
func (c *checker) only(ok bool, with string, names ...string) {
	for _, n := range names {
		if !ok && c.t.Has(n) {
			c.Fault(c.key(n), fmt.Sprintf("step %q: %s goes with %s only", c.step.ID, n, with), "remove it")
		}
	}
}

// within wants a time to fit into another.
func (c *checker) within(at config.Path, inner, outer string, a, b time.Duration) {
	if a > 0 && b > 0 && a > b {
		c.Fault(at, fmt.Sprintf("%s is %s, longer than %s = %s", at, config.Short(a), outer, config.Short(b)), fmt.Sprintf("want %s to be the shorter", inner))
	}
}

func (c *checker) file() {
	f := c.step.Settings.(*File)
	c.one(false, "src", "content", "edit", "absent")
	c.fileRules(c.at, f)
}

func (c *checker) fileRules(at config.Path, f *File) {
	if len(f.Validate) > 0 && !slices.ContainsFunc(f.Validate, func(a Text) bool { return strings.Contains(string(a), "%s") }) {
		c.Fault(at.At("validate"), at.At("validate").String()+" does not hold %s", "write %s where the name of the candidate file belongs")
	}
	if f.Absent && f.InPlace {
		c.Fault(at.At("in_place"), at.String()+" is removed and written in place", "keep one of absent and in_place")
	}
}

func (c *checker) sync() {
	s := c.step.Settings.(*Sync)
	release := s.Mode == "release"
	c.only(release, `mode = "release"`, "shared", "after")
	c.only(!release, `mode = "staged" or "inplace"`, "delete", "keep_permissions")
	if s.Delete.Max > 0 && s.Delete.ConfirmOver > s.Delete.Max {
		c.Fault(c.key("delete").At("confirm_over"), fmt.Sprintf("delete.confirm_over is %d and more than %d are refused", s.Delete.ConfirmOver, s.Delete.Max), "want it below delete.max")
	}
	// What the variables say today; the step looks again at what they say in a run.
	to, open, err := ExpandText(s.To, Scope{Vars: c.def.Vars, Planning: true})
	if err == nil && len(open) == 0 && s.To != "" {
		if why := DeniedTarget(to); why != "" {
			c.Fault(c.key("to"), fmt.Sprintf("%s is %q, which %s", c.key("to"), to, why), "want a directory of the application's own, such as /srv/app")
		}
	}
}

// denied are directories that a copy with deletion would ruin.
var denied = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp",
	"/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/lib/docker", "/var/log", "/var/www", "/Users",
}

// DeniedTarget says why nothing is ever copied over a directory of a host, "" when it may be: a system directory,
// or the home of a user.
func DeniedTarget(to string) string {
	clean := path.Clean(to)
	dir, name := path.Split(clean)
	switch {
	case !path.IsAbs(to):
		return "is not absolute"
	case slices.Contains(denied, clean):
		return "is a directory of the system"
	case slices.Contains([]string{"/home/", "/Users/"}, dir) && name != "":
		return "is the home of a user"
	case strings.HasPrefix(clean, "/proc/") || strings.HasPrefix(clean, "/sys/") || strings.HasPrefix(clean, "/dev/"):
		return "is the kernel's"
	}
	return ""
}

func (c *checker) compose() {
	s := c.step.Settings.(*Compose)
	if s.Like == "" {
		c.needs("project")
		if !c.t.Has("project_dir") && !c.t.Has("files") {
			c.needs("files")
		}
	}
	c.only(s.Op == "up", `op = "up"`, "no_build", "scale", "jobs", "ready")
	c.within(c.key("ready").At("stable_for"), "stable_for", "ready.within", s.Ready.StableFor, s.Ready.Within)
}

func (c *checker) systemd() {
	s := c.step.Settings.(*Systemd)
	if s.Op != "daemon_reload" {
		c.needs("units")
	}
	if s.Op == "signal" {
		c.needs("signal")
	}
	c.only(s.Op == "signal", `op = "signal"`, "signal")
	c.only(s.Op == "signal" || s.Op == "reload", `op = "signal" or "reload"`, "proof", "proof_log")
	c.within(c.key("settle").At("alive_for"), "alive_for", "settle.within", s.Settle.AliveFor, s.Settle.Within)
	if sub, ok := c.t.Sub("drain", ""); ok && sub.Has("busy") {
		c.counts(c.key("drain").At("busy"), &s.Drain.Busy)
	}
}

// counts wants a probe to tell a number.
func (c *checker) counts(at config.Path, p *Probe) {
	if p.HTTP != "" && p.Number == "" {
		c.Fault(at, at.String()+" does not say which number counts", `want json = "active_calls", the path of the number in the answer`)
	}
	if p.TCP != "" || p.Log != "" || p.Unit != "" {
		c.Fault(at, at.String()+" tells no number", "want http with json, or argv that prints one")
	}
}

func (c *checker) nginx() {
	n := c.step.Settings.(*Nginx)
	for i := range n.Files {
		f := &n.Files[i]
		at := c.key("files").Item(i)
		set := 0
		for _, there := range []bool{f.Src != "", f.Content != "", len(f.Edits) > 0, f.Absent} {
			if there {
				set++
			}
		}
		if set != 1 {
			c.Fault(at, fmt.Sprintf("%s names %d of src, content, edit and absent", at, set), "want exactly one")
		}
		c.fileRules(at, f)
	}
	c.only(n.WhenBusy == "wait" || n.WhenBusy == "", `when_busy = "wait"`, "busy_wait")
}

func (c *checker) drain() {
	d := c.step.Settings.(*DrainStep)
	c.needs("busy")
	if c.t.Has("busy") {
		c.counts(c.key("busy"), &d.Busy)
	}
	if len(d.Quiet) > 0 && len(d.Restore) == 0 {
		c.Fault(c.key("quiet"), fmt.Sprintf("step %q takes out of work and does not say how to put back", c.step.ID), `want restore = ["…"]`)
	}
}

func (c *checker) gate() {
	g := c.step.Settings.(*Gate)
	c.needs("checks")
	c.only(false, `kind = "verify"`, "manual")
	c.within(c.key("stable_for"), "stable_for", "within", g.StableFor, g.Within)
	c.within(c.key("every"), "every", "within", g.Every, g.Within)
}

func (c *checker) verify() {
	if !c.t.Has("checks") && !c.t.Has("manual") {
		c.needs("checks")
	}
	c.only(false, `kind = "gate"`, "stable_for", "fail_fast")
}

func (c *checker) wait() {
	w := c.step.Settings.(*Wait)
	c.one(false, "for", "until")
	c.only(w.Until != nil, "until", "max")
}

func (c *checker) migrate() {
	m := c.step.Settings.(*Migrate)
	switch m.Variant {
	case "command", "":
		c.needs("command")
		c.only(false, `variant = "on_boot"`, "until")
	case "on_boot":
		c.needs("until")
		c.only(false, `variant = "command"`, "command")
	default:
		c.only(false, `variant = "command" or "on_boot"`, "command", "until")
	}
	c.needs("marker")
	if m.Reversible == "yes" {
		c.needs("down")
	}
}

func (c *checker) approve() {
	if len(c.step.Settings.(*Approve).Show) == 0 && c.t.Has("show") {
		c.Fault(c.key("show"), c.key("show").String()+" is empty", `want "plan", "diff:STEP" or "output:STEP"`)
	}
}

func (c *checker) http() {
	h := c.step.Settings.(*HTTP)
	c.one(true, "body", "json")
	if c.t.Has("bearer") {
		name, ok := strings.CutPrefix(h.Bearer, "secret.")
		if !ok {
			c.Fault(c.key("bearer"), c.key("bearer").String()+" is no secret", `want bearer = "secret.NAME"`)
		} else {
			c.knownSecret(c.key("bearer"), name)
		}
	}
	if h.Poll != nil {
		c.within(c.key("poll").At("every"), "every", "poll.within", h.Poll.Every, h.Poll.Within)
	}
}

func (c *checker) envoy() { c.one(false, "upsert", "cluster") }

func (c *checker) notify() { c.one(false, "argv", "url") }

// probe checks that a probe looks at one thing, and that its other keys go with that.
func (d *decoder) probe(at config.Path, p *Probe) {
	var set []string
	for name, there := range map[string]bool{"http": p.HTTP != "", "tcp": p.TCP != "", "argv": len(p.Argv) > 0, "log": p.Log != "", "unit": p.Unit != ""} {
		if there {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	switch {
	case len(set) == 0:
		d.Missing(at, at.String()+" looks at nothing", "want one of http, tcp, argv, log, unit")
	case len(set) > 1:
		d.Fault(at, fmt.Sprintf("%s looks at %s", at, config.List(set)), "want one; make another probe of the other")
	}
	with := func(kind string, names map[string]bool) {
		for _, name := range []string{"method", "header", "status", "json", "contains", "not_header", "redirect_to", "websocket", "since", "dir"} {
			if names[name] && len(set) == 1 && set[0] != kind {
				d.Fault(at.At(name), fmt.Sprintf("%s goes with %s only", at.At(name), kind), "remove it")
			}
		}
	}
	with("http", map[string]bool{
		"method": p.Method != "", "header": len(p.Header) > 0, "status": p.Status != 0, "json": len(p.JSON) > 0, "contains": p.Contains != "",
		"not_header": len(p.NotHeader) > 0, "redirect_to": p.RedirectTo != "", "websocket": p.WebSocket,
	})
	with("log", map[string]bool{"since": p.Since != ""})
	with("argv", map[string]bool{"dir": p.Dir != ""})
	if p.Since != "" {
		d.sinces = append(d.sinces, since{at.At("since"), p.Since, d.in})
	}
}

// since is a moment that a probe of a log names, looked at when all steps are known.
type since struct {
	at   config.Path
	text string
	step int
}

func (p *parser) checkSinces() {
	for _, s := range p.sinces {
		id, ok := strings.CutPrefix(s.text, "step:")
		if !ok {
			p.Fault(s.at, fmt.Sprintf("%s is %q", s.at, s.text), `want since = "step:ID"`)
		} else if s.step >= 0 {
			p.earlier(s.step, s.at, "looks at a log since", id)
		}
	}
}
