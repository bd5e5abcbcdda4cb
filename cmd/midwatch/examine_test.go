package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseWho(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		out     string
		who     *account
		systemd string
	}{
		"usual":      {"ops\n1000\nops docker\nsystemd 252 (252.30-1~deb12u2)\n", &account{"ops", 1000, []string{"ops", "docker"}}, "252"},
		"no systemd": {"root\n0\nroot\n", &account{"root", 0, []string{"root"}}, ""},
		"a banner":   {"Welcome\nto\nthe\nhost\n", nil, ""},
		"nothing":    {"", nil, ""},
	}
	for name, tc := range tests {
		who, systemd := parseWho(tc.out)
		if diff := cmp.Diff(tc.who, who); diff != "" || systemd != tc.systemd {
			t.Errorf("%s: %q %s", name, systemd, diff)
		}
	}
}

func TestTestText(t *testing.T) {
	t.Parallel()
	got := testText([]hostTest{
		{Name: "gone", Reason: "connection refused"},
		{Name: "paused", Skipped: "new disk"},
		{
			Name: "web", Reached: true, Seconds: 0.0421, Via: "ssh ops@10.0.0.1:22",
			Login:   &login{"key ~/.ssh/id_ed25519", "ssh-ed25519 SHA256:x", "on record", "SSH-2.0-OpenSSH_9.2"},
			User:    &account{"ops", 1000, []string{"ops", "adm"}},
			Sudo:    &ability{Promised: true, Detail: "sudo not available: a password is required"},
			Docker:  &ability{Detail: "permission denied", Needs: "group docker"},
			Journal: &ability{Works: true, Detail: "all messages"},
			Systemd: "252", Notes: []string{"host key not verified (insecure_host_key)"},
		},
	})
	want := `gone: NOT reached: connection refused
paused: in maintenance: new disk
web: reached in 42 ms
  way       ssh ops@10.0.0.1:22
  login     key ~/.ssh/id_ed25519
  host key  ssh-ed25519 SHA256:x, on record
  user      ops, uid 1000, groups ops adm
  sudo      no: sudo not available: a password is required
  docker    no: permission denied; needs group docker
  journal   yes: all messages
  systemd   252
  note      host key not verified (insecure_host_key)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
