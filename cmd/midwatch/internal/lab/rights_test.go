//go:build lab

package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// rightsPicture is all that the deploy of rights may touch on a host.
func (l *Lab) rightsPicture(t *testing.T) string {
	t.Helper()
	return l.tree(t, "h1", "/srv/rights") + l.Exec(t, "h1", "sh", "-c", `stat -c '%n %a %U:%G' /etc/rights.conf && cat /etc/rights.conf
find /root/.local /home/*/.local /var/lib/midwatch -name undo.json 2>/dev/null | sort`)
}

// prepareRights puts what is root's onto h1.
func (l *Lab) prepareRights(t *testing.T) {
	t.Helper()
	after(t, l.execArgv(t, "h1", "sh", "-c", `systemctl stop rights; rm -rf /etc/systemd/system/rights.service /etc/rights.conf /srv/rights /home/*/.local/state/midwatch; systemctl daemon-reload`)...)
	l.Exec(t, "h1", "sh", "-ec", `mkdir -p /srv/rights/tree; echo old >/srv/rights/tree/file; echo 'version 0' >/etc/rights.conf; chmod 600 /etc/rights.conf
printf '[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/rights.service; systemctl daemon-reload; systemctl restart rights`)
}

// TestDeployRights deploys what needs root as a login that is not: with a password for sudo it is done, and taken
// back; without rights it is refused in the plan, with what to do, and nothing is changed.
func TestDeployRights(t *testing.T) {
	l := Open(t)
	l.prepareRights(t)
	r := l.rig(t, []string{"h1"}, map[string]string{"VERSION": "1"}, "rights.toml")
	r.source("rights/file", "new\n", 0o644)
	as := func(user, sudo string) {
		t.Helper()
		text := fmt.Sprintf("[defaults]\nssh_config = %q\n[hosts.h1]\naddress = \"h1\"\nuser = %q\nenvironment = \"lab\"\n%s\n[runs]\nyes = [\"lab\"]\n", l.Path("ssh_config"), user, sudo)
		if err := os.WriteFile(r.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := l.rightsPicture(t)
	for _, c := range []struct{ user, sudo string }{
		{"ro", ""},
		{"ro", "sudo = \"nopasswd\""},
		{"ops", "sudo = \"nopasswd\""},
		{"pw", "sudo = \"password\"\nsudo_password = { cmd = [\"echo\", \"wrong\"] }"},
	} {
		as(c.user, c.sudo)
		start := time.Now()
		said := r.fails("rights")
		t.Logf("%s %s, after %s: %s", c.user, c.sudo, time.Since(start).Round(time.Millisecond), lastOf(said))
		if !strings.Contains(said, "conf on h1: ") || !strings.Contains(said, "sudo") {
			t.Errorf("%s %s: said\n%s", c.user, c.sudo, said)
		}
		same(t, c.user, before, l.rightsPicture(t))
	}

	as("pw", fmt.Sprintf("sudo = \"password\"\nsudo_password = { file = %q }", l.Path("pw.password")))
	id := r.deploy("rights")
	picture := l.rightsPicture(t)
	for _, want := range []string{"/etc/rights.conf 640 root:root", "version 1", "./who f 644 0:0", "./tree/file f"} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %q in\n%s", want, picture)
		}
	}
	if got := l.Exec(t, "h1", "cat", "/srv/rights/who", "/srv/rights/tree/file"); got != "0\nnew\n" {
		t.Errorf("on the host: %q", got)
	}
	r.rollback(id)
	l.Exec(t, "h1", "rm", "-f", "/srv/rights/who") // its step says that there is no way back
	drop := func(s string) string {
		var keep []string
		for line := range strings.Lines(s) {
			if !strings.HasSuffix(strings.TrimSpace(line), "/undo.json") {
				keep = append(keep, line)
			}
		}
		return strings.Join(keep, "")
	}
	same(t, "after the way back", drop(before), drop(l.rightsPicture(t)))
}

// lastOf is the last line of what a program said.
func lastOf(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return lines[len(lines)-1]
}

// TestDeployBehindItsBack: what somebody else changes on the host after the plan was shown, and before it is run, is
// not overwritten: the run is not begun, and says what is otherwise. What is changed after the run is shown before it
// is taken back, and has to be agreed to.
func TestDeployBehindItsBack(t *testing.T) {
	l := Open(t)
	l.prepareRights(t)
	r := l.rig(t, []string{"h1"}, map[string]string{"VERSION": "1"}, "rights.toml")
	r.source("rights/file", "new\n", 0o644)
	term := r.Program.Shell(t, 200, 60, "deploy", "rights", "--reason", "behind its back")
	term.Shows(30*time.Second, "run it? (yes/no):")
	l.Exec(t, "h1", "sh", "-c", "echo 'version by hand' >/etc/rights.conf")
	before := l.rightsPicture(t)
	term.Keys("yes", "Enter")
	term.Shows(30*time.Second, "left with")
	if said := term.Screen(); !strings.Contains(said, "changed since the plan: conf on h1") || strings.Contains(said, "left with 0") {
		t.Errorf("said:\n%s", said)
	}
	same(t, "h1", before, l.rightsPicture(t))

	id := r.deploy("rights")
	l.Exec(t, "h1", "sh", "-c", "echo 'version by hand, later' >/etc/rights.conf")
	plan := r.Run(t, "rollback", id, "--plan")
	t.Log(plan.Stdout + plan.Stderr)
	if !strings.Contains(plan.Stdout, "to agree to: conf on h1: ") {
		t.Error("what was changed since is not shown")
	}
	r.rollback(id)
	if got := l.Exec(t, "h1", "cat", "/etc/rights.conf", "/srv/rights/tree/file"); got != "version by hand\nold\n" {
		t.Errorf("after the way back: %q", got)
	}
}
