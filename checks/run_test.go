package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func hostNamed(name string) *hosts.HostFacts {
	return &hosts.HostFacts{
		Host:       hosts.Host{Name: name},
		Containers: hosts.Read([]hosts.Container{{Name: "api", State: "exited"}}, "docker ps", noon),
		Disks:      hosts.Read([]hosts.Disk{}, "df", noon),
	}
}

func snapshotOf(fs ...*hosts.HostFacts) *World {
	return FromSnapshot(&hosts.Snapshot{At: noon, Hosts: fs})
}

// rule makes a check about hosts from a function.
func rule(id string, eval func(h *Host) []Finding, change ...func(c *Check)) Check {
	c := Check{ID: id, Title: id + " title", Severity: Warning, Why: "why", Fix: "fix", Verify: "verify", Eval: OnHost(eval)}
	for _, f := range change {
		f(&c)
	}
	return c
}

func exited(h *Host) []Finding {
	var out []Finding
	for _, c := range h.Containers.Value {
		if c.State == "exited" {
			out = append(out, h.Find("container "+c.Name, NeedContainers, c.State))
		}
	}
	return out
}

func statuses(r *Report) string {
	var out []string
	for _, a := range r.Answers {
		out = append(out, a.Check.ID+" "+a.Host+" "+a.Status.String())
	}
	return strings.Join(out, "; ")
}

// The five answers.
func TestAnswers(t *testing.T) {
	t.Parallel()
	away := hostNamed("b")
	away.Containers = hosts.Part[[]hosts.Container]{Reason: "no route to host", Needs: "a way to it", Tried: noon}
	w := snapshotOf(hostNamed("a"), away)
	needs := func(c *Check) { c.Needs = []Need{NeedContainers} }
	list := []Check{
		rule("finds", exited, needs),
		rule("fine", func(*Host) []Finding { return nil }),
		rule("unsure", func(*Host) []Finding { return []Finding{Unsure("disk /mnt", "df hangs")} }),
		rule("elsewhere", func(*Host) []Finding { return NotHere("no swarm") }),
		{ID: "proxies", Eval: OnNginx(func(*Nginx) []Finding { t.Error("asked about no nginx"); return nil })},
	}
	w.Hosts[1].Nginx = hosts.Part[[]hosts.Nginx]{Reason: "not allowed", Tried: noon}
	w.Hosts[0].Nginx = hosts.Read([]hosts.Nginx{}, "nginx -T", noon)
	r := Run(w, list, Options{Mutes: []Mute{{Check: "fine", Reason: "x", Until: noon.Add(time.Hour)}}})
	want := "finds a finding; finds b unknown; fine a ok; fine b ok; unsure a unknown; unsure b unknown; elsewhere a skipped; elsewhere b skipped; proxies b unknown"
	if got := statuses(r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	shown := r.Shown()
	if len(shown) != 1 || shown[0].Why != "why" || shown[0].Title != "finds title" || shown[0].Evidence[0].Host != "a" || shown[0].Evidence[0].Source != "docker ps" {
		t.Errorf("shown %+v", shown)
	}
	unknown := r.Unknowns()
	if len(unknown) != 4 || unknown[0].Title != "containers: no route to host; needs a way to it" {
		t.Errorf("unknown %+v", unknown)
	}
	if r := Run(w, list[4:], Options{Hosts: []string{"a"}}); statuses(r) != "proxies  skipped" {
		t.Errorf("no nginx on a: %s", statuses(r))
	}
}

// A rule with a fault is unknown, and the others are asked.
func TestRuleThatFails(t *testing.T) {
	t.Parallel()
	broken := rule("broken", func(h *Host) []Finding { return []Finding{h.Find(h.Containers.Value[7].Name, NeedContainers, "")} })
	r := Run(snapshotOf(hostNamed("a")), []Check{broken, rule("finds", exited)}, Options{})
	if got := statuses(r); got != "broken a unknown; finds a finding" {
		t.Error(got)
	}
	if u := r.Unknowns(); len(u) != 1 || !strings.Contains(u[0].Title, "index out of range") {
		t.Errorf("unknown %+v", u)
	}
}

func TestMute(t *testing.T) {
	t.Parallel()
	w := snapshotOf(hostNamed("a"), hostNamed("b"))
	mutes := []Mute{{Check: "finds", Host: "a", Object: "container api", Reason: "known until the move", Until: noon.Add(time.Hour)}}
	r := Run(w, []Check{rule("finds", exited)}, Options{Mutes: mutes})
	if got := statuses(r); got != "finds a muted; finds b finding" {
		t.Error(got)
	}
	if s := r.Shown(); len(s) != 1 || s[0].Host != "b" {
		t.Errorf("shown %+v", s)
	}
	mutes[0].Until = noon
	if got := statuses(Run(w, []Check{rule("finds", exited)}, Options{Mutes: mutes})); got != "finds a finding; finds b finding" {
		t.Errorf("a mute that ended still counts: %s", got)
	}
	if err := (Mute{}).Validate(); err == nil || !strings.Contains(err.Error(), "reason is missing") || !strings.Contains(err.Error(), "until is missing") {
		t.Errorf("validate: %v", err)
	}
}

// A consequence is hidden under its cause when both are about the same thing, and only then.
func TestConsequences(t *testing.T) {
	t.Parallel()
	cause := func(f Finding) Check {
		return rule("cause", func(h *Host) []Finding {
			if h.Name == "a" {
				return []Finding{f}
			}
			return nil
		})
	}
	effect := rule("effect", exited, func(c *Check) { c.After = []string{"cause"} })
	for name, k := range map[string]struct {
		f      Finding
		hidden bool
	}{
		"same object":    {Finding{Object: "container api"}, true},
		"whole host":     {Finding{}, true},
		"covers it":      {Finding{Object: "disk /", Covers: []string{"container api"}}, true},
		"another object": {Finding{Object: "container db"}, false},
		"another host":   {Finding{Object: "container api", Host: "c"}, false},
		"only unknown":   {Finding{Object: "container api", Status: Unknown, Title: "?"}, false},
	} {
		r := Run(snapshotOf(hostNamed("a"), hostNamed("b")), []Check{effect, cause(k.f)}, Options{})
		under := map[string]string{}
		for _, a := range r.Answers {
			for _, f := range a.Findings {
				under[f.Check+" "+f.Host] = f.Under
			}
		}
		if (under["effect a"] != "") != k.hidden || under["effect b"] != "" {
			t.Errorf("%s: under %v", name, under)
		}
	}
}

// Findings with everything alike are still told apart, in the same way run after run.
func TestTwins(t *testing.T) {
	t.Parallel()
	twins := rule("twins", func(h *Host) []Finding { return []Finding{h.Find("x", NeedDisks, "1"), h.Find("x", NeedDisks, "2")} })
	r := Run(snapshotOf(hostNamed("a")), []Check{twins}, Options{})
	s := r.Shown()
	if s[0].ID() == s[1].ID() {
		t.Error("two findings share an ID")
	}
	if d := Compare(r, Run(snapshotOf(hostNamed("a")), []Check{twins}, Options{})); len(d.New) != 0 || len(d.Gone) != 0 || len(d.Still) != 2 {
		t.Errorf("delta %+v", d)
	}
}

// Two projects that share a file find its fault once; two containers with one path are two.
func TestOnce(t *testing.T) {
	t.Parallel()
	f := hostNamed("a")
	file := hosts.ComposeFile{Path: "/srv/c.yml", Text: "services:\n  a:\n    image: a\n"}
	f.Compose = hosts.Read([]hosts.ComposeProject{{Name: "one", Files: []hosts.ComposeFile{file}}, {Name: "two", Files: []hosts.ComposeFile{file}}}, "cat", noon)
	conf := &nginx.Config{Root: []*nginx.Directive{{Name: "daemon", Args: []string{"off"}, File: "/etc/nginx/nginx.conf", Line: 1}}}
	f.Nginx = hosts.Read([]hosts.Nginx{{Container: "x", Config: conf, HTTP: nginx.NewHTTP(conf)}, {Container: "y", Config: conf, HTTP: nginx.NewHTTP(conf)}}, "nginx -T", noon)
	services := Check{ID: "services", Severity: Info, Eval: OnCompose(func(c *Compose) []Finding {
		return []Finding{c.At(c.Project.Services[0].Pos, "service a")}
	})}
	daemon := Check{ID: "daemon", Severity: Info, Eval: OnNginx(func(n *Nginx) []Finding { return []Finding{n.At(n.Config.Root[0], "main")} })}
	var got []string
	for _, f := range Run(snapshotOf(f), []Check{services, daemon}, Options{}).Shown() {
		got = append(got, f.Check+" "+f.Subject)
	}
	if want := "daemon nginx[x]; daemon nginx[y]; services project one"; strings.Join(got, "; ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestTracker(t *testing.T) {
	t.Parallel()
	holds := func(c *Check) { c.Holds, c.Needs = time.Minute, []Need{NeedContainers} }
	list := []Check{rule("finds", exited, holds)}
	at := noon
	tr := NewTracker()
	run := func(after time.Duration, change func(f *hosts.HostFacts)) Delta {
		at = at.Add(after)
		f := hostNamed("a")
		if change != nil {
			change(f)
		}
		return tr.Add(Run(FromSnapshot(&hosts.Snapshot{At: at, Hosts: []*hosts.HostFacts{f}}), list, Options{}))
	}
	well := func(f *hosts.HostFacts) { f.Containers.Value[0].State = "running" }
	away := func(f *hosts.HostFacts) { f.Containers = hosts.Part[[]hosts.Container]{Reason: "away", Tried: noon} }
	for i, step := range []struct {
		after                  time.Duration
		change                 func(f *hosts.HostFacts)
		new, still, gone, held int
	}{
		{0, nil, 0, 0, 0, 1},
		{30 * time.Second, well, 0, 0, 0, 0}, // a flap: never shown, never gone
		{30 * time.Second, nil, 0, 0, 0, 1},
		{59 * time.Second, nil, 0, 0, 0, 1},
		{time.Second, nil, 1, 0, 0, 0},
		{time.Second, nil, 0, 1, 0, 0},
		{time.Second, away, 0, 1, 0, 0}, // not known to be well
		{time.Second, well, 0, 0, 1, 0},
		{time.Second, well, 0, 0, 0, 0},
	} {
		d := run(step.after, step.change)
		if len(d.New) != step.new || len(d.Still) != step.still || len(d.Gone) != step.gone || len(d.Held) != step.held {
			t.Errorf("step %d: new %d, still %d, gone %d, held %d", i, len(d.New), len(d.Still), len(d.Gone), len(d.Held))
		}
	}
}

// A check of several subjects wants the parts of each, however they were put together.
func TestReads(t *testing.T) {
	t.Parallel()
	none := func(*Host) []Finding { return nil }
	compose := OnCompose(func(*Compose) []Finding { return nil })
	for _, e := range []Eval{AnyOf(compose, OnHost(none)), Join(compose, OnHost(none))} {
		c := Check{Needs: []Need{NeedDisks}, Also: []Need{NeedProbes}, Eval: e}
		if got := c.Reads(); !slices.Equal(got, []Need{NeedDisks, NeedProbes, NeedCompose}) {
			t.Errorf("%s: %v", e.On(), got)
		}
	}
}
