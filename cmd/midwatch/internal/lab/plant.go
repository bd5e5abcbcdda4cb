//go:build lab

package lab

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// standing is how a fault stands on a host.
type standing int

const (
	sound  standing = iota // as it was before
	faulty                 // the fault is planted
	mended                 // the fault is taken away as the finding says
)

func (s standing) String() string { return [...]string{"sound", "planted", "mended"}[s] }

// fault is something that goes wrong on a host of the lab, and what midwatch has to say about it.
type fault struct {
	name  string
	host  string
	check string
	// marks are texts of which a finding about this fault has one in its object, file or title; a finding of
	// the check without any is about something else.
	marks []string
	// line is the text at the place that the finding names; "" where it names an object only.
	line string
	// says are words that the finding has, in its title or its evidence.
	says []string
	// can skips the fault where the lab lacks what it needs.
	can func(t *testing.T, l *Lab)
	// set makes the host as the stage wants it, from whatever it was.
	set func(t *testing.T, g *ground, s standing)
	// real looks whether the trouble is there, behind midwatch's back; nil where set has waited for it.
	real func(t *testing.T, g *ground, s standing)
}

// ground is where the faults are planted.
type ground struct {
	l       *Lab
	mu      sync.Mutex // guards what is below
	touched []string   // hosts whose nginx has to read its files again
}

// everywhere does something for every fault: the hosts at the same time, the faults of one in order.
func (g *ground) everywhere(t *testing.T, name string, faults []*fault, do func(*testing.T, *fault)) {
	t.Helper()
	by := map[string][]*fault{}
	for _, x := range faults {
		by[x.host] = append(by[x.host], x)
	}
	t.Run(name, func(t *testing.T) {
		for host, list := range by {
			t.Run(host, func(t *testing.T) {
				t.Parallel()
				for _, x := range list {
					do(t, x)
				}
			})
		}
	})
}

// Write puts a text into a file of a host.
func (l *Lab) Write(t *testing.T, host, file, text string) {
	t.Helper()
	l.Exec(t, host, "mkdir", "-p", path.Dir(file))
	argv := append([]string{"docker", "exec", "-i"}, l.execArgv(t, host, "sh", "-c", `cat >"$1"`, "sh", file)[2:]...)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write %s on %s: %v: %s", file, host, err, out)
	}
}

// nginx puts a configuration beside the host's own; it is read by reload.
func (g *ground) nginx(t *testing.T, host, name, text string) {
	t.Helper()
	g.l.Write(t, host, "/etc/nginx/conf.d/plant-"+name+".conf", text)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.touched, host) {
		g.touched = append(g.touched, host)
	}
}

// reload lets every nginx whose files changed read them.
func (g *ground) reload(t *testing.T) {
	t.Helper()
	for _, h := range g.touched {
		g.l.Exec(t, h, "sh", "-ec", "nginx -t 2>&1; systemctl reload nginx")
	}
	g.touched = nil
}

// clearPlants removes everything that faults may have left on a host.
const clearPlants = `
ids=$(docker ps -aq --filter label=midwatch.plant); [ -z "$ids" ] || docker rm -f -v $ids >/dev/null
for f in /srv/plant/*/compose.yml; do [ ! -e "$f" ] || docker compose -f "$f" down -v -t 0 >/dev/null 2>&1 || true; done
docker volume rm -f plant-nfs plant-local >/dev/null
systemctl stop 'plant-*' 'plantcore@*' 2>/dev/null || true
for m in $(awk '$2 ~ "^/srv/plant/" {print $2}' /proc/mounts); do umount -l "$m"; done
rm -rf /srv/plant /etc/plant /run/plant /etc/systemd/system/plant* /etc/systemd/system/*.wants/plant* /etc/nginx/conf.d/plant-*
systemctl daemon-reload; systemctl reset-failed 'plant*' 2>/dev/null || true
systemctl restart nginx`

// ground makes hosts ready to have faults planted; they are as before when the test ends.
func (l *Lab) ground(t *testing.T, hosts ...string) *ground {
	t.Helper()
	for _, h := range hosts {
		l.Exec(t, h, "sh", "-ec", clearPlants)
		after(t, l.execArgv(t, h, "sh", "-ec", clearPlants)...)
	}
	return &ground{l: l}
}

// Finding is what the tests read of a finding.
type Finding struct {
	Check, Severity, Title, Host, Object, File, Fix, Status string
	Line                                                    int
	Evidence                                                []struct{ Source, Text string }
}

// words are all that a finding says.
func (f *Finding) words() string {
	out := []string{f.Severity, f.Title, f.Object, f.File + ":" + strconv.Itoa(f.Line)}
	for _, e := range f.Evidence {
		out = append(out, e.Source+" | "+e.Text)
	}
	return strings.Join(out, "\n  ")
}

// Check runs "midwatch check" and returns what it found and what it could not tell.
func (p *Program) Check(t *testing.T, args ...string) (found, unknown []Finding) {
	t.Helper()
	r := p.Run(t, append([]string{"check", "--json", "--timeout", "60s"}, args...)...)
	var doc struct{ Findings []Finding }
	if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil {
		t.Fatalf("check --json: exit %d: %v\n%s%s", r.Exit, err, r.Stdout, r.Stderr)
	}
	for _, f := range doc.Findings {
		if f.Status == "unknown" {
			unknown = append(unknown, f)
		} else {
			found = append(found, f)
		}
	}
	return found, unknown
}

// of are the findings that are about a fault.
func (x *fault) of(list []Finding) []Finding {
	var out []Finding
	for _, f := range list {
		if f.Check == x.check && f.Host == x.host && slices.ContainsFunc(x.marks, func(m string) bool {
			return strings.Contains(f.Object, m) || strings.Contains(f.File, m) || strings.Contains(f.Title, m)
		}) {
			out = append(out, f)
		}
	}
	return out
}

// judge compares what midwatch says with how the fault stands.
func (x *fault) judge(t *testing.T, g *ground, s standing, found, unknown []Finding) {
	t.Helper()
	for _, u := range unknown {
		if u.Check == x.check && u.Host == x.host {
			t.Errorf("%s: %s cannot tell: %s", s, x.check, u.words())
		}
	}
	about := x.of(found)
	if s != faulty {
		for _, f := range about {
			t.Errorf("%s, and %s says\n  %s", s, x.check, f.words())
		}
		return
	}
	if len(about) == 0 {
		t.Errorf("planted, and %s is silent", x.check)
		for _, f := range found {
			if f.Host == x.host && f.Severity != "info" {
				t.Logf("what is said of %s: %s %s", x.host, f.Check, f.words())
			}
		}
		return
	}
	f := about[0]
	if x.line != "" {
		text := strings.TrimSpace(g.l.Exec(t, x.host, "sed", "-n", strconv.Itoa(f.Line)+"p", f.File))
		if text != x.line {
			t.Errorf("%s names %s:%d, where stands\n  %s\nwant\n  %s", x.check, f.File, f.Line, text, x.line)
		}
	}
	for _, w := range x.says {
		if !strings.Contains(f.words(), w) {
			t.Errorf("%s does not say %q:\n  %s", x.check, w, f.words())
		}
	}
	t.Logf("%s", f.words())
}

// plants are the chosen faults: all, or those named in MIDWATCH_PLANT, separated by commas.
func plants(t *testing.T, l *Lab, all []*fault) []*fault {
	t.Helper()
	names := os.Getenv("MIDWATCH_PLANT")
	var out []*fault
	for _, x := range all {
		if names == "" || slices.Contains(strings.Split(names, ","), x.name) {
			t.Run("can/"+x.name, func(t *testing.T) {
				if x.can != nil {
					x.can(t, l)
				}
				out = append(out, x)
			})
		}
	}
	return out
}

// sh runs a script on a host; what it prints is returned, whether it failed or not.
func (g *ground) sh(host, script string) string {
	for _, h := range g.l.Hosts {
		if h.Name == host {
			out, err := try(context.Background(), "docker", "exec", h.Container, "sh", "-c", script+" 2>&1")
			if err != nil {
				out += err.Error()
			}
			return out
		}
	}
	return "no host " + host
}
