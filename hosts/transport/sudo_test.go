package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
	"midwatch/hosts/transport/conformance"
)

// fakeSudo speaks like sudo 1.9: -n, and -S with -p. It reads a password byte by byte up to the end
// of the line, as sudo does, and takes MW_RULE from its environment: password, nopasswd, only-id or
// forbidden.
const fakeSudo = `#!/bin/sh
mode= prompt='[sudo] password: '
while [ $# -gt 0 ]; do
  case "$1" in
  -n) mode=n; shift ;;
  -S) mode=S; shift ;;
  -p) prompt=$2; shift 2 ;;
  --) shift; break ;;
  *) break ;;
  esac
done
case "$MW_RULE" in
forbidden) echo "Sorry, user ops is not allowed to execute '$*' as root on web1." >&2; exit 1 ;;
nopasswd) need= ;;
only-id) if [ "$1" = id ]; then need=; else need=1; fi ;;
*) need=1 ;;
esac
if [ -n "$need" ]; then
  [ "$mode" = S ] || { echo "sudo: a password is required" >&2; exit 1; }
  tries=0
  while :; do
    printf '%s' "$prompt" >&2
    IFS= read -r pw || { echo >&2; echo "sudo: no password was provided" >&2; exit 1; }
    [ "$pw" = "$MW_PASSWORD" ] && break
    tries=$((tries+1))
    [ -n "$MW_TRIES" ] && echo try >>"$MW_TRIES"
    if [ $tries -ge 3 ]; then echo "sudo: 3 incorrect password attempts" >&2; exit 1; fi
    echo "Sorry, try again." >&2
  done
fi
command -v "$1" >/dev/null 2>&1 || { echo "sudo: $1: command not found" >&2; exit 1; }
MW_ROOT=1 exec "$@"
`

// fakeID makes "id -u" say what it would as that user.
const fakeID = `#!/bin/sh
if [ -n "$MW_ROOT" ]; then echo 0; else echo 1000; fi
`

// sudoHost serves a host whose sudo follows rule; as OpenSSH, or ending commands with their channel.
func (f *farm) sudoHost(t *testing.T, address, rule string, conf sshd.Config) (Target, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"sudo": fakeSudo, "id": fakeID} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil { //nolint:gosec // it is a program
			t.Fatal(err)
		}
	}
	tries := filepath.Join(dir, "tries")
	target := f.plain(address, conf)
	key := newSigner(t)
	conf.HostKeys, conf.NoAuth = append(conf.HostKeys, key), true
	f.serve(address, conf, conformance.Machine{Env: []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "MW_RULE=" + rule, "MW_PASSWORD=s3cret pass'$x", "MW_TRIES=" + tries,
	}})
	target.KnownHostsFiles = []string{knownFile(t, key.PublicKey(), address)}
	return target, tries
}

func asRoot(argv ...string) hosts.Cmd { return hosts.Cmd{Argv: argv, Sudo: true} }

func TestSudoPolicies(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]sshd.Config{"as OpenSSH": {LeaveRunning: true}, "ends commands": {}} {
		for _, tc := range []struct {
			rule, want string
			policy     SudoPolicy
			password   string
		}{
			{"nopasswd", "0", SudoNoPasswd, ""},
			{"only-id", "0", SudoNoPasswd, ""},
			{"password", "0", SudoPassword, "s3cret pass'$x"},
			{"nopasswd", "0", SudoPassword, "s3cret pass'$x"}, // configured and not needed
			{"password", "a password is required", SudoNoPasswd, ""},
			{"forbidden", "does not allow it", SudoNoPasswd, ""},
			{"forbidden", "does not allow it", SudoPassword, "s3cret pass'$x"},
			{"password", "did not accept the password", SudoPassword, "wrong"},
			{"password", "no sudo password is configured", SudoPassword, ""},
			{"nopasswd", "the inventory does not allow sudo", SudoNone, ""},
			{"nopasswd", "1000", SudoRoot, ""}, // the inventory says it is root: it is run as it is
		} {
			t.Run(name+"/"+tc.rule+" "+tc.policy.String()+" "+tc.want, func(t *testing.T) {
				t.Parallel()
				f := newFarm(t)
				target, _ := f.sudoHost(t, "10.0.0.1:22", tc.rule, conf)
				target.Sudo = tc.policy
				if tc.password != "" {
					target.SudoPassword = FixedSecret(hosts.NewSecret(tc.password))
				}
				l := open(t, target, f.params())
				res, err := l.Run(within(t), asRoot("id", "-u"))
				if err == nil {
					if got := strings.TrimSpace(string(res.Stdout)); got != tc.want || len(res.Stderr) != 0 {
						t.Errorf("id -u: %q, stderr %q; want %q", got, res.Stderr, tc.want)
					}
					return
				}
				if !errors.Is(err, hosts.ErrNoSudo) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "wrong") {
					t.Errorf("%v, want %q", err, tc.want)
				}
			})
		}
	}
}

// What sudo does with standard input must not be seen by the command, whichever way it goes.
func TestSudoLeavesInputAndOutputAlone(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"password", "nopasswd"} {
		for name, conf := range map[string]sshd.Config{"as OpenSSH": {LeaveRunning: true}, "ends commands": {}} {
			t.Run(rule+" "+name, func(t *testing.T) {
				t.Parallel()
				f := newFarm(t)
				target, _ := f.sudoHost(t, "10.0.0.1:22", rule, conf)
				target.Sudo, target.SudoPassword = SudoPassword, FixedSecret(hosts.NewSecret("s3cret pass'$x"))
				l := open(t, target, f.params())
				in := bytes.Repeat([]byte("line of input\n"), 20000)
				res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"cat"}, Sudo: true, Stdin: bytes.NewReader(in)})
				if err != nil || !bytes.Equal(res.Stdout, in) || len(res.Stderr) != 0 {
					t.Errorf("cat: %d of %d bytes, stderr %q, %v", len(res.Stdout), len(in), res.Stderr, err)
				}
				res, err = l.Run(within(t), asRoot("cat")) // without input it ends
				if err != nil || len(res.Stdout) != 0 {
					t.Errorf("cat without input: %q, %v", res.Stdout, err)
				}
				res, err = l.Run(within(t), asRoot("sh", "-c", "echo out; echo err >&2; exit 9"))
				if err != nil || string(res.Stdout) != "out\n" || string(res.Stderr) != "err\n" || res.Exit != 9 {
					t.Errorf("%q %q %d %v", res.Stdout, res.Stderr, res.Exit, err)
				}
				res, err = l.Run(within(t), asRoot("no-such-command"))
				if err != nil || res.Exit != 127 && !strings.Contains(string(res.Stderr), "not found") {
					t.Errorf("a missing command: exit %d, %q, %v", res.Exit, res.Stderr, err)
				}
			})
		}
	}
}

// A wrong password costs one try, however many commands want it, until somebody asks for another.
func TestSudoWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	target, tries := f.sudoHost(t, "10.0.0.1:22", "password", sshd.Config{LeaveRunning: true})
	var asked atomic.Int32
	target.Sudo = SudoPassword
	target.SudoPassword = func(context.Context) (hosts.Secret, error) {
		if asked.Add(1) == 1 {
			return hosts.NewSecret("wrong"), nil
		}
		return hosts.NewSecret("s3cret pass'$x"), nil
	}
	l := open(t, target, f.params())
	for range 5 {
		if _, err := l.Run(within(t), asRoot("id", "-u")); !errors.Is(err, hosts.ErrNoSudo) {
			t.Fatalf("wrong password: %v", err)
		}
	}
	if text, _ := os.ReadFile(tries); strings.Count(string(text), "try") != 1 {
		t.Errorf("the password was tried %d times", strings.Count(string(text), "try"))
	}
	l.Kick()
	eventually(t, "the right password works after a kick", func() bool {
		res, err := l.Run(within(t), asRoot("id", "-u"))
		return err == nil && string(res.Stdout) == "0\n"
	})
}

func TestSudoAsks(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	target, _ := f.sudoHost(t, "10.0.0.1:22", "password", sshd.Config{LeaveRunning: true})
	target.Sudo = SudoPassword
	var asked atomic.Int32
	p := f.params()
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		asked.Add(1)
		if q.Kind != AskSudoPassword || q.Echo {
			t.Errorf("asked %+v", q)
		}
		return hosts.NewSecret("s3cret pass'$x"), nil
	}
	l := open(t, target, p)
	for range 3 {
		if _, err := l.Run(within(t), asRoot("id")); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// The password goes over standard input only.
func TestSudoPasswordIsNowhere(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	target, _ := f.sudoHost(t, "10.0.0.1:22", "password", sshd.Config{LeaveRunning: true})
	target.Sudo, target.SudoPassword = SudoPassword, FixedSecret(hosts.NewSecret("s3cret pass'$x"))
	l := open(t, target, f.params())
	_, _ = l.Run(within(t), asRoot("id"))
	pl, err := l.run.sudo.plan(within(t), []string{"id"}, hosts.Cmd{})
	if err != nil {
		t.Fatal(err)
	}
	if text := remoteLine(pl.argv); strings.Contains(text, "s3cret") {
		t.Errorf("the command line is %s", text)
	}
}

func TestSudoInATerminal(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	target, _ := f.sudoHost(t, "10.0.0.1:22", "password", sshd.Config{LeaveRunning: true})
	target.Sudo, target.SudoPassword = SudoPassword, FixedSecret(hosts.NewSecret("s3cret pass'$x"))
	l := open(t, target, f.params())
	keys, typed := io.Pipe()
	defer typed.Close()
	st, err := l.Stream(within(t), hosts.Cmd{
		Argv: []string{"sh", "-c", "echo ready; read x; echo got $x"}, Sudo: true, Stdin: keys, Term: &hosts.Term{Name: "xterm", Cols: 80, Rows: 24},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	_, _ = typed.Write([]byte("hello\r"))
	out, err := io.ReadAll(st)
	if err != nil || !strings.Contains(string(out), "got hello") || strings.Contains(string(out), "midwatch-") {
		t.Errorf("terminal: %q, %v", out, err)
	}
}
