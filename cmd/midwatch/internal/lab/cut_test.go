//go:build lab

package lab

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cutFor is how long the network is gone.
const cutFor = 30 * time.Second

// cutRun is a deploy that is on its way.
type cutRun struct {
	cutKind
	id    string
	lines []string // records of its journal
	ended time.Duration
}

// TestNetworkCutInEachKind cuts the way to the hosts for 30 s in the middle of the act of every kind of step, as seen
// on the host. While it is cut no step is green and every run says that it lost the link; then it goes on by itself:
// the effect is there, and what must not happen twice has happened once.
func TestNetworkCutInEachKind(t *testing.T) {
	l := Open(t)
	hosts := []string{"h1", "h2", "h3"}
	l.NeedCompose(t, "h1")
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("rsync is not installed here: nothing of a transfer can be cut")
	}
	r := l.rig(t, hosts, nil)
	r.prepareCuts(hosts)
	t.Run("the work ends while the link is cut", func(t *testing.T) { r.cutRound(t, hosts, "one", false) })
	t.Run("its sessions are killed, and it ends afterwards", func(t *testing.T) { r.cutRound(t, hosts, "two", true) })
}

// prepareCuts puts what holds the acts onto the hosts.
func (r *rig) prepareCuts(hosts []string) {
	t := r.t
	t.Helper()
	clean := `touch /srv/cut/go 2>/dev/null; for p in mv rm nginx docker rsync; do /usr/bin/rm -f /usr/local/bin/$p; done
systemctl stop cut-serve cutunit 2>/dev/null; systemctl reset-failed cut-serve cutunit 2>/dev/null; rm -f /etc/systemd/system/cutunit.service /etc/nginx/conf.d/cut.conf /usr/local/bin/cut-*; systemctl daemon-reload; nginx -s reload
docker ps -aq --filter name=cutcompose --filter name=cutbox --filter name=cut-snapshot | xargs -r docker rm -f >/dev/null; docker network rm cutcompose_default >/dev/null 2>&1
docker images --format '{{.Repository}}:{{.Tag}}' | grep midwatch-undo | xargs -r docker rmi >/dev/null 2>&1; rm -rf /srv/cut; true`
	for _, h := range hosts {
		r.lab.Exec(t, h, "sh", "-c", clean)
		after(t, r.lab.execArgv(t, h, "sh", "-c", clean)...)
		for _, name := range []string{"hold", "wrap", "slow", "serve"} {
			r.lab.write(t, h, "/usr/local/bin/cut-"+name, fixture(t, "cut/"+name))
		}
		r.lab.write(t, h, "/usr/local/bin/cut-tool", "#!/bin/sh\ncut-hold check\necho cut-tool 1.2\n")
		r.lab.Exec(t, h, "sh", "-ec", `chmod 755 /usr/local/bin/cut-*; for p in mv rm nginx docker rsync; do ln -s cut-wrap /usr/local/bin/$p; done
systemd-run -q --collect --unit=cut-serve perl /usr/local/bin/cut-serve 8099`)
	}
}

// cutRound starts all deploys, cuts the hosts off when all of their acts stand still, and judges how they end.
func (r *rig) cutRound(t *testing.T, hosts []string, round string, kill bool) {
	l, all := r.lab, cutKinds()
	big := make([]byte, 3<<20)
	_, _ = rand.Read(big) // never fails
	r.source("cut-tree/big", string(big), 0o644)
	sum := sha256.Sum256(big)
	for _, h := range hosts {
		l.Exec(t, h, "sh", "-c", "mkdir -p /srv/cut; touch /srv/cut/go; systemctl stop cutunit 2>/dev/null; rm -rf /srv/cut && mkdir -p /srv/cut")
	}
	runs := make([]*cutRun, len(all))
	for i, k := range all {
		fill := strings.NewReplacer("@ROUND@", round, "@SUM@", fmt.Sprintf("%x", sum), "@ADDRESS@", l.Host(t, k.host).Address, "NAME", k.name)
		k.body, k.prepare, k.seen, k.times = fill.Replace(k.body), fill.Replace(k.prepare), fill.Replace(k.seen), fill.Replace(k.times)
		r.source(k.deploy(round)+".toml", k.definition(round), 0o644)
		if k.prepare != "" {
			l.Exec(t, k.host, "sh", "-c", k.prepare)
		}
		runs[i] = &cutRun{cutKind: k}
	}
	progs := make([]*Running, len(runs))
	// Requests have 30 s for their answer: they are sent when everything else stands still.
	for _, asks := range []bool{false, true} {
		for i, c := range runs {
			if c.asks == asks {
				progs[i] = r.Start(t, "deploy", c.deploy(round), "--yes", "--reason", "the network is cut", "--json")
			}
		}
		for _, h := range hosts {
			Poll(t, 2*time.Minute, "all acts stand still on "+h, func() (bool, string) { return l.standing(t, h, runs, progs) })
		}
	}
	cut := time.Now()
	mends := make([]func(), len(hosts))
	for i, h := range hosts {
		mends[i] = l.Cut(t, h)
	}
	after := func(d time.Duration) {
		select {
		case <-time.After(time.Until(cut.Add(d))):
		case <-t.Context().Done():
		}
	}
	letGo := func() {
		for _, h := range hosts {
			l.Exec(t, h, "touch", "/srv/cut/go")
		}
	}
	if kill {
		for _, h := range hosts {
			l.Exec(t, h, "sh", "-c", "pkill -9 -f '[s]shd: .*@' || true")
		}
	} else {
		after(10 * time.Second)
		letGo()
	}
	after(18 * time.Second)
	for i, c := range runs {
		c.take(t, progs[i])
		if c.green("it") {
			t.Errorf("%s is said to be done while nobody sees %s", c.name, c.host)
		}
	}
	after(cutFor)
	for i, c := range runs {
		c.take(t, progs[i])
		if said := strings.Join(c.lines, "\n"); !strings.Contains(said, "link lost: ") && !(c.asks && strings.Contains(said, `"k":"run.close"`)) {
			t.Errorf("%s does not say that the link is lost", c.name)
		}
	}
	for _, mend := range mends {
		mend()
	}
	mended := time.Now()
	t.Logf("cut for %s", time.Since(cut).Round(time.Second))
	if kill {
		after(cutFor + 5*time.Second)
		letGo()
	}
	for i, c := range runs {
		c.finish(t, progs[i])
		c.ended = c.last().Sub(mended)
	}
	for _, c := range runs {
		r.judgeCut(t, c)
	}
}

// standing reports that the acts of a host stand still.
func (l *Lab) standing(t *testing.T, host string, runs []*cutRun, progs []*Running) (bool, string) {
	t.Helper()
	began := l.Exec(t, host, "sh", "-c", "cd /srv/cut && ls *.began 2>/dev/null || true")
	var missing []string
	for i, c := range runs {
		if c.host != host || progs[i] == nil || strings.Contains("\n"+began, "\n"+c.marker()+".began\n") {
			continue
		}
		if c.take(t, progs[i]) {
			t.Fatalf("%s ended before its act stood still: %s\n%s", c.name, progs[i].Stderr(), strings.Join(c.lines, "\n"))
		}
		missing = append(missing, c.name+": "+progs[i].Stderr())
	}
	return len(missing) == 0, strings.Join(missing, "\n")
}

// take reads the records that came; true when there will be no more.
func (c *cutRun) take(t *testing.T, p *Running) bool {
	t.Helper()
	for {
		select {
		case line, open := <-p.Lines:
			if !open {
				return true
			}
			c.lines = append(c.lines, line.Text)
			var rec struct{ Run string }
			if json.Unmarshal([]byte(line.Text), &rec) == nil && rec.Run != "" {
				c.id = rec.Run
			}
		default:
			return false
		}
	}
}

// green reports a result of a step that says that it is done.
func (c *cutRun) green(step string) bool {
	for _, line := range c.lines {
		var rec struct {
			K, Step string
			D       struct{ State string }
		}
		if json.Unmarshal([]byte(line), &rec) == nil && rec.K == "result" && rec.Step == step && strings.HasPrefix(rec.D.State, "ok") {
			return true
		}
	}
	return false
}

// finish waits for the end of a run.
func (c *cutRun) finish(t *testing.T, p *Running) {
	t.Helper()
	Poll(t, 3*time.Minute, c.name+" ends", func() (bool, string) {
		done := c.take(t, p)
		return done, strings.Join(c.lines[max(0, len(c.lines)-3):], "\n") + p.Stderr()
	})
}

// last is when the last record was written.
func (c *cutRun) last() time.Time {
	var rec struct{ T time.Time }
	if n := len(c.lines); n > 0 {
		_ = json.Unmarshal([]byte(c.lines[n-1]), &rec) // a line that is none has the zero time
	}
	return rec.T
}

// judgeCut holds what a run says against its host.
func (r *rig) judgeCut(t *testing.T, c *cutRun) {
	t.Helper()
	out := r.Run(t, "runs", "show", c.id, "--json")
	var doc struct {
		State, Note string
		Steps       []struct{ ID, State, Line string }
	}
	if err := json.Unmarshal([]byte(out.Stdout), &doc); err != nil || len(doc.Steps) < 3 {
		t.Errorf("%s: runs show %s: %v\n%s%s", c.name, c.id, err, out.Stdout, out.Stderr)
		return
	}
	its := ""
	for _, s := range doc.Steps {
		if s.ID == "it" {
			its = s.State + ": " + s.Line
		}
	}
	host := func(script string) (string, error) {
		text, err := try(t.Context(), r.lab.execArgv(t, c.host, "sh", "-c", script)...)
		return strings.TrimSpace(text), err
	}
	_, there := host(c.seen)
	began, _ := host("cat /srv/cut/" + c.marker() + ".began | wc -l")
	t.Logf("%-10s %s %s; begun %s times; %s after the network: %s", c.name, c.host, doc.State, began, c.ended.Round(time.Second), its)
	switch {
	case doc.State == "success" && there != nil:
		t.Errorf("%s is said to be done, and its effect is not there: %v", c.name, there)
	case doc.State == "success":
	case c.asks && strings.Contains(doc.Note, "nobody can tell how it ended"):
	default:
		t.Errorf("%s: %s: %s\n%s", c.name, doc.State, doc.Note, strings.Join(c.lines[min(len(c.lines), 8):], "\n"))
	}
	if c.times == "" {
		return
	}
	got, err := host(c.times)
	if n, _ := strconv.Atoi(got); err != nil || n != 1 {
		t.Errorf("%s happened %s times, %v", c.name, got, err)
	}
}
