package probe

import (
	"strings"
	"testing"
)

func TestReadFindings(t *testing.T) {
	t.Parallel()
	f := readFindings("Welcome to web1!\nuser ops\nuid 1000\ngroups ops adm docker\nsystemd systemd 252\nstate degraded\njournalctl yes\n")
	if f.user != "ops" || f.uid != 1000 || len(f.groups) != 3 || f.state != "degraded" || !f.journalctl || f.journal || f.nginx != "" {
		t.Errorf("%+v", f)
	}
	if f := readFindings("user ops\nuid x\n"); f.user != "" {
		t.Errorf("no uid and a user: %+v", f)
	}
}

func FuzzReadFindings(f *testing.F) {
	f.Add("user ops\nuid 0\nstate \x1b[31mred\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := readFindings(s)
		for _, v := range []string{got.user, got.systemd, got.state, got.nginx} {
			if strings.ContainsAny(v, "\x1b\n\x00") || len([]rune(v)) > 201 {
				t.Fatalf("kept %q", v)
			}
		}
	})
}

func TestReadSudoList(t *testing.T) {
	t.Parallel()
	out := `Matching Defaults entries for ops on h1:
    env_reset, use_pty

User ops may run the following commands on h1:
    (ALL : ALL) ALL
    (root) NOPASSWD: /usr/bin/systemctl restart nginx, /usr/sbin/nginx -T
    (root) NOPASSWD: /usr/bin/journalctl
`
	if got := readSudoList(out); got != "/usr/bin/systemctl restart nginx, /usr/sbin/nginx -T, /usr/bin/journalctl" {
		t.Errorf("%q", got)
	}
	if got := readSudoList("sudo: a password is required"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	for s, want := range map[Status]string{Unknown: "unknown", OK: "ok", Limited: "limited", Absent: "absent", Failed: "failed"} {
		if text, _ := s.MarshalText(); string(text) != want {
			t.Errorf("%d is %q", s, text)
		}
	}
	if c := (Report{}).Check("x"); c.Status != Unknown {
		t.Errorf("%+v", c)
	}
}
