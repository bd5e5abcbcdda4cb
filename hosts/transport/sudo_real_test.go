package transport

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"midwatch/hosts"
)

// sudoLogin is a real login with a real sudo: MIDWATCH_SUDO_LOGIN names a file that holds user:password
// of an account of this machine that may use sudo with that password. The test starts its own sshd for
// it, so it needs root.
func sudoLogin(t *testing.T) (target Target, password string) {
	t.Helper()
	data, err := os.ReadFile(os.Getenv("MIDWATCH_SUDO_LOGIN"))
	if err != nil {
		t.Skip("MIDWATCH_SUDO_LOGIN does not name a file")
	}
	login, password, _ := strings.Cut(strings.TrimSpace(string(data)), ":")
	s := startOpenSSH(t, "LogLevel VERBOSE")
	s.target.User = login
	// sshd reads authorized_keys as the user.
	for dir := s.dir; dir != "/tmp" && dir != "/"; dir = dir[:strings.LastIndexByte(dir, '/')] {
		_ = os.Chmod(dir, 0o755)
	}
	_ = os.Chmod(s.dir+"/authorized_keys", 0o644)
	return s.target, password
}

func TestRealSudoPassword(t *testing.T) {
	target, password := sudoLogin(t)
	target.Sudo = SudoPassword
	target.SudoPassword = FixedSecret(hosts.NewSecret(password))
	l := open(t, target, realParams(t))

	res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"id", "-u"}, Sudo: true})
	if err != nil || string(res.Stdout) != "0\n" || len(res.Stderr) != 0 {
		t.Fatalf("id -u: %q, stderr %q, %v", res.Stdout, res.Stderr, err)
	}
	in := bytes.Repeat([]byte("input\n"), 100000)
	res, err = l.Run(within(t), hosts.Cmd{Argv: []string{"cat"}, Sudo: true, Stdin: bytes.NewReader(in)})
	if err != nil || !bytes.Equal(res.Stdout, in) {
		t.Fatalf("cat as root: %d bytes, %v", len(res.Stdout), err)
	}
	res, err = l.Run(within(t), hosts.Cmd{Argv: []string{"sh", "-c", "echo out; echo err >&2; exit 9"}, Sudo: true})
	if err != nil || string(res.Stdout) != "out\n" || string(res.Stderr) != "err\n" || res.Exit != 9 {
		t.Fatalf("exit 9: %q %q %d %v", res.Stdout, res.Stderr, res.Exit, err)
	}
	res, err = l.Run(within(t), hosts.Cmd{Argv: []string{"sh", "-c", "ps -eo args; ls -la /proc/self/fd; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'"}, Sudo: true})
	if err != nil || bytes.Contains(res.Stdout, []byte(password)) {
		t.Fatalf("the password is on the host's process list, %v", err)
	}
	t.Logf("ps: %s", grepLines(res.Stdout, "midwatch"))
	endsWithItsStream(t, l)

	target.SudoPassword = FixedSecret(hosts.NewSecret("wrong"))
	l = open(t, target, realParams(t))
	if _, err := l.Run(within(t), hosts.Cmd{Argv: []string{"id"}, Sudo: true}); !errors.Is(err, hosts.ErrNoSudo) || strings.Contains(err.Error(), "wrong") {
		t.Fatalf("wrong password: %v", err)
	} else {
		t.Log(err)
	}
	if _, err := l.Run(within(t), hosts.Cmd{Argv: []string{"cat"}, Sudo: true, Stdin: strings.NewReader("x")}); !errors.Is(err, hosts.ErrNoSudo) {
		t.Fatalf("wrong password again: %v", err)
	}
}

func grepLines(b []byte, word string) string {
	var out []string
	for _, l := range strings.Split(string(b), "\n") {
		if strings.Contains(l, word) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// endsWithItsStream follows something as root and sees it gone from the host after Close.
func endsWithItsStream(t *testing.T, l *Link) {
	t.Helper()
	st, err := l.Stream(within(t), hosts.Cmd{Argv: []string{"sh", "-c", "echo $$; sleep 7777 | cat"}, Sudo: true})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 32)
	n, err := st.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(b[:n]))
	_ = st.Close()
	eventually(t, "root's command is gone", func() bool {
		res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"sh", "-c", "ps -p $1 >/dev/null && echo there; ps -eo args | grep '[s]leep 7777'; true", "sh", pid}})
		return err == nil && len(res.Stdout) == 0
	})
}

func TestRealSudoNoPassword(t *testing.T) {
	target, _ := sudoLogin(t)
	target.Sudo = SudoNoPasswd
	l := open(t, target, realParams(t))
	res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"id", "-u"}, Sudo: true})
	t.Logf("%q %q %v", res.Stdout, res.Stderr, err)
	if os.Getenv("MIDWATCH_SUDO_NOPASSWD") == "" {
		if !errors.Is(err, hosts.ErrNoSudo) {
			t.Fatalf("a password is needed and %v", err)
		}
		return
	}
	if err != nil || string(res.Stdout) != "0\n" {
		t.Fatal(err)
	}
	res, err = l.Run(within(t), hosts.Cmd{Argv: []string{"/no/such"}, Sudo: true})
	t.Logf("missing: %d %q %v", res.Exit, res.Stderr, err)
	endsWithItsStream(t, l)
}
