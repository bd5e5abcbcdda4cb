package probe_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"midwatch/hosts"
	"midwatch/hosts/pipe"
	"midwatch/hosts/probe"
	"midwatch/hosts/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a host that answers by a function.
type script struct {
	run  func(c hosts.Cmd) (hosts.Result, error)
	dial func() (net.Conn, error)
}

func (s script) Run(_ context.Context, c hosts.Cmd) (hosts.Result, error) { return s.run(c) }
func (s script) Stream(context.Context, hosts.Cmd) (hosts.Stream, error) {
	return nil, errors.New("no stream here")
}

func (s script) Dial(context.Context, string, string) (net.Conn, error) {
	if s.dial == nil {
		return nil, fmt.Errorf("dial: %w", hosts.ErrMissing)
	}
	return s.dial()
}
func (script) Upload(context.Context, string, uint32, io.Reader) error { return nil }
func (script) Close() error                                            { return nil }

// engine answers GET /version once.
func engine() (net.Conn, error) {
	near, far := pipe.New(pipe.Options{})
	go func() {
		defer far.Close()
		if _, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
			_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"Version\":\"27.1\",\"ApiVersion\":\"1.46\"}")
		}
	}()
	return near, nil
}

const looks = "user ops\nuid 1000\ngroups ops docker\nsystemd systemd 252 (252.30)\nstate running\njournalctl yes\njournal readable\nnginx nginx version: nginx/1.22.1\nnginx_config readable\ndocker_cli yes\ndocker_socket yes\n"

func without(text string, lines ...string) string {
	for _, l := range lines {
		text = strings.ReplaceAll(text, l+"\n", "")
	}
	return text
}

// host answers the questions of Examine: look is what the first script prints, root what becomes of
// commands that need root.
func host(look string, root func(c hosts.Cmd) (hosts.Result, error), dial func() (net.Conn, error)) script {
	return script{dial: dial, run: func(c hosts.Cmd) (hosts.Result, error) {
		switch {
		case c.Sudo:
			return root(c)
		case c.Argv[0] == "sudo":
			if strings.Contains(look, "some_sudo") {
				return hosts.Result{Stdout: []byte("    (root) NOPASSWD: /usr/bin/id\n")}, nil
			}
			return hosts.Result{Exit: 1, Stderr: []byte("sudo: a password is required\n")}, nil
		case strings.Contains(strings.Join(c.Argv, " "), "id -un"):
			return hosts.Result{Stdout: []byte(look)}, nil
		default: // why the socket could not be dialled
			if strings.Contains(look, "docker_socket") {
				return hosts.Result{Stdout: []byte("denied\ncli\n")}, nil
			}
			return hosts.Result{Stdout: []byte("missing\n")}, nil
		}
	}}
}

func isRoot(c hosts.Cmd) (hosts.Result, error) {
	if c.Argv[0] == "id" {
		return hosts.Result{Stdout: []byte("0\n")}, nil
	}
	return hosts.Result{Stdout: []byte("a line\n")}, nil
}

func noRoot(hosts.Cmd) (hosts.Result, error) {
	return hosts.Result{}, fmt.Errorf("web1: id -u: %w: a password is required", hosts.ErrNoSudo)
}

func refusedDial() (net.Conn, error) { return nil, errors.New("open failed") }

func clock() func() time.Time {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time { at = at.Add(time.Second); return at }
}

func statuses(r probe.Report) string {
	var out []string
	for _, c := range r.Checks {
		out = append(out, c.ID+"="+c.Status.String())
	}
	return strings.Join(out, " ")
}

func TestExamine(t *testing.T) {
	t.Parallel()
	facts := func() transport.Facts {
		return transport.Facts{Auth: "agent key SHA256:abc", HostKey: "ssh-ed25519 SHA256:def", HostKeyStatus: transport.HostKeyOnRecord, Sessions: 8}
	}
	for name, tc := range map[string]struct {
		host script
		sudo transport.SudoPolicy
		want string
		text map[string]string // by check: part of detail, reason or remedy
	}{
		"all is well": {
			host(looks, isRoot, engine), transport.SudoNoPasswd,
			"reach=ok host_key=ok login=ok root=ok sessions=ok docker=ok systemd=ok journal=ok nginx=ok",
			map[string]string{
				"login": "ops (uid 1000) by agent key SHA256:abc", "root": "sudo, policy nopasswd", "docker": "engine 27.1 (API 1.46), by socket",
				"host_key": "on record", "nginx": "nginx/1.22.1",
			},
		},
		"no root": {
			host(without(looks, "journal readable", "nginx_config readable"), noRoot, refusedDial), transport.SudoNoPasswd,
			"reach=ok host_key=ok login=ok root=failed sessions=ok docker=failed systemd=ok journal=failed nginx=failed",
			map[string]string{
				"root": "sudo not available: a password is required", "docker": "usermod -aG docker ops", "journal": "systemd-journal", "nginx": "allow sudo",
			},
		},
		"a little sudo": {
			host(looks+"some_sudo yes\n", noRoot, engine), transport.SudoNoPasswd,
			"reach=ok host_key=ok login=ok root=limited sessions=ok docker=ok systemd=ok journal=ok nginx=ok",
			map[string]string{"root": "sudo without a password for: /usr/bin/id"},
		},
		"root is not wanted": {
			host(looks, noRoot, engine), transport.SudoNone,
			"reach=ok host_key=ok login=ok root=limited sessions=ok docker=ok systemd=ok journal=ok nginx=ok",
			map[string]string{"root": `set sudo = "nopasswd"`},
		},
		"readable as root only": {
			host(without(looks, "journal readable", "nginx_config readable"), isRoot, engine), transport.SudoPassword,
			"reach=ok host_key=ok login=ok root=ok sessions=ok docker=ok systemd=ok journal=ok nginx=ok",
			map[string]string{"journal": "as root", "nginx": "as root"},
		},
		"a bare machine": {
			host("user ops\nuid 1000\ngroups ops\n", noRoot, refusedDial), transport.SudoNone,
			"reach=ok host_key=ok login=ok root=limited sessions=ok docker=absent systemd=absent journal=absent nginx=absent",
			nil,
		},
		"no shell": {
			script{run: func(hosts.Cmd) (hosts.Result, error) {
				return hosts.Result{Stdout: []byte("This account is \x1b[31mnot available.\n"), Exit: 1}, nil
			}},
			transport.SudoNone,
			"reach=failed host_key=unknown login=unknown root=unknown sessions=unknown docker=unknown systemd=unknown journal=unknown nginx=unknown",
			map[string]string{"reach": "This account is not available."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe.Examine(t.Context(), probe.Host{
				Name: "web1", Kind: hosts.KindSSH, Conn: tc.host, Facts: facts, Sudo: tc.sudo,
				State: func() hosts.Link { return hosts.Link{Via: "ssh ops@web1", RTT: 12 * time.Millisecond} },
			}, clock())
			if got := statuses(r); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			for id, want := range tc.text {
				c := r.Check(id)
				if all := c.Detail + "|" + c.Reason + "|" + c.Remedy; !strings.Contains(all, want) {
					t.Errorf("%s says %q, want %q", id, all, want)
				}
			}
			for _, c := range r.Checks {
				if (c.Status == probe.Failed || c.Status == probe.Limited) && (c.Reason == "" || c.Remedy == "") {
					t.Errorf("%s is %s without a reason or a remedy: %+v", c.ID, c.Status, c)
				}
				if c.Title == "" {
					t.Errorf("%s has no title", c.ID)
				}
			}
			if r.Took <= 0 || r.At.IsZero() {
				t.Errorf("at %s took %s", r.At, r.Took)
			}
		})
	}
}

func TestExamineUnreached(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err       error
		id        string
		want      string
		reachable bool
	}{
		"no answer":   {fmt.Errorf("web1: not connected: %w", hosts.ErrUnreached), "reach", "firewall", false},
		"auth":        {fmt.Errorf("web1: %w", hosts.ErrAuth), "login", "ssh -v web1", true},
		"unknown key": {fmt.Errorf("web1: %w", &hosts.HostKeyError{Host: "10.0.0.1:22", Kind: hosts.HostKeyUnknown}), "host_key", "midwatch hosts trust web1", true},
		"changed key": {fmt.Errorf("web1: %w", &hosts.HostKeyError{Host: "10.0.0.1:22", Kind: hosts.HostKeyChanged}), "host_key", "before anything else", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := probe.Examine(t.Context(), probe.Host{
				Name: "web1", Conn: script{run: func(hosts.Cmd) (hosts.Result, error) { return hosts.Result{}, tc.err }},
			}, clock())
			c := r.Check(tc.id)
			if c.Status != probe.Failed || !strings.Contains(c.Remedy, tc.want) || strings.HasPrefix(c.Reason, "web1:") {
				t.Errorf("%+v", c)
			}
			if r.Reached() != tc.reachable || !r.Failed() {
				t.Errorf("reached %v, failed %v", r.Reached(), r.Failed())
			}
			if r.Check("docker").Status != probe.Unknown {
				t.Error("docker was judged on a host that was not reached")
			}
		})
	}
}

// On this machine the report is complete, whatever it says.
func TestExamineThisMachine(t *testing.T) {
	t.Parallel()
	l := transport.Open(t.Context(), transport.Target{Name: "here", Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
	defer l.Close()
	r := probe.Examine(t.Context(), probe.Host{
		Name: "here", Kind: hosts.KindLocal, Conn: l, Facts: l.Facts, State: l.State, DockerSocket: "/no/such/docker.sock",
	}, time.Now)
	if !r.Reached() || r.Check("login").Status != probe.OK {
		t.Errorf("%+v", r)
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"id":"reach","title":"reachable","status":"ok"`) {
		t.Errorf("%s, %v", text, err)
	}
}
