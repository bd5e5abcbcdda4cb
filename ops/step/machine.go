package step

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"midwatch/hosts"
)

// scriptTime bounds a small script on a host; the step's own time may end it sooner.
const scriptTime = 5 * time.Minute

// machine runs small scripts on a host, or here.
type machine struct {
	conn hosts.Conn
	name string // for people
	sudo bool
	soft bool // without root where root is not to be had: for looks, which may work without
}

// target is the machine the step works on.
func target(e *Env) machine { return machine{conn: e.Conn, name: hostName(e), sudo: e.Sudo} }

// watcher is target for looks.
func watcher(e *Env) machine {
	m := target(e)
	m.soft = true
	return m
}

// vault is the machine that may read and write the step's directory of blobs as well as what m may: the
// directory is root's on hosts where sudo works.
func vault(ctx context.Context, e *Env, m machine) (machine, error) {
	if m.sudo || !e.Sudo {
		return m, nil
	}
	out, err := login(e).script(ctx, "look at the directory of records", nil, `[ -w "$1" ] && [ -x "$1" ] && echo login || echo root`, e.Store.Dir())
	m.sudo = strings.TrimSpace(out) == "root"
	return m, err
}

// login is target without root.
func login(e *Env) machine { return machine{conn: e.Conn, name: hostName(e)} }

// here is the operator's machine.
func here(e *Env) machine { return machine{conn: e.Local, name: "this machine"} }

const scriptRights = `me=$(id -u); d=$(dirname -- "$1")
[ -d "$d" ] && [ -w "$d" ] && [ -x "$d" ] || { echo root; exit 0; }
if [ -e "$1" ] || [ -L "$1" ]; then [ "$(stat -c %u -- "$1")" = "$me" ] || { echo root; exit 0; }; fi
echo login`

// rights is the machine with the least rights that can replace a path and bring it back as it was: the login
// where the path and its directory are the login's, else root where that is allowed.
func rights(ctx context.Context, e *Env, p string) (machine, error) {
	if !e.Sudo {
		return login(e), nil
	}
	out, err := login(e).script(ctx, "look at the rights of "+p, nil, scriptRights, p)
	if err != nil || strings.TrimSpace(out) == "login" {
		return login(e), err
	}
	return target(e), nil
}

// hostName is the step's host for people.
func hostName(e *Env) string {
	if e.Host == "" {
		return "this machine"
	}
	return hosts.CleanLine(e.Host)
}

// sameMachine reports that the step works on the operator's machine.
func sameMachine(e *Env) bool { return e.Host == "" || e.Conn == e.Local }

// refusal is a step that will not start as things are. It matches ErrRefused, and what caused it.
type refusal struct {
	text  string
	cause error
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() []error {
	if r.cause == nil {
		return []error{ErrRefused}
	}
	return []error{ErrRefused, r.cause}
}

// refused makes a refusal: where, what, what to do.
func refused(format string, a ...any) error {
	return &refusal{text: fmt.Sprintf(format, a...)}
}

// failure is a script or program that ended with another exit status than 0.
type failure struct {
	host, what string
	res        hosts.Result
}

func (f *failure) Error() string {
	why := lastLine(f.res.Stderr)
	if why == "" {
		why = fmt.Sprintf("exit %d", f.res.Exit)
	}
	if f.res.Signal != "" {
		why = "killed by SIG" + f.res.Signal
	}
	return f.host + ": " + f.what + ": " + why
}

// lastLine is the last line of text from a host that says anything, made safe to show.
func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimRight(string(b), "\r\n \t"), "\n")
	const most = 300
	s := hosts.CleanLine(strings.TrimSpace(lines[len(lines)-1]))
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// run starts an argv; another exit status than 0 is no error.
func (m machine) run(ctx context.Context, stdin io.Reader, argv ...string) (hosts.Result, error) {
	return m.exec(ctx, hosts.Cmd{Argv: argv, Stdin: stdin, Timeout: scriptTime, Limit: 64 << 20})
}

// exec runs a command with the machine's rights.
func (m machine) exec(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	c.Sudo = m.sudo
	res, err := m.conn.Run(ctx, c)
	if m.soft && m.sudo && c.Stdin == nil && errors.Is(err, hosts.ErrNoSudo) {
		c.Sudo = false
		res, err = m.conn.Run(ctx, c)
	}
	if err != nil {
		return res, m.unable(err)
	}
	return res, nil
}

// script runs a POSIX shell script with args as $1 and on, and returns what it printed. what says for people
// what it does, "read /etc/hosts". Nothing but constants goes into text.
func (m machine) script(ctx context.Context, what string, stdin io.Reader, text string, args ...string) (string, error) {
	res, err := m.run(ctx, stdin, append([]string{"sh", "-c", text, "sh"}, args...)...)
	switch {
	case err != nil:
		return "", err
	case res.Truncated:
		return "", fmt.Errorf("%s: %s: more output than can be kept", m.name, what)
	case res.Exit != 0:
		return string(res.Stdout), m.explain(&failure{m.name, what, res})
	}
	return string(res.Stdout), nil
}

// inDir runs an argv in a directory; "" is the login's.
func (m machine) inDir(ctx context.Context, dir string, stdin io.Reader, argv ...string) (hosts.Result, error) {
	if dir != "" {
		argv = append([]string{"sh", "-c", `cd -- "$1" && shift && exec "$@"`, "sh", dir}, argv...)
	}
	return m.run(ctx, stdin, argv...)
}

// unable explains why nothing could be run at all.
func (m machine) unable(err error) error {
	if errors.Is(err, hosts.ErrNoSudo) {
		why := strings.TrimPrefix(err.Error(), m.name+": ")
		if i := strings.Index(why, hosts.ErrNoSudo.Error()); i > 0 {
			why = why[i:] // without the text of the script that was to be run
		}
		return &refusal{m.name + ": root is needed: " + why, err}
	}
	return err
}

// troubles are the words of the kernel that have one clear answer each.
var troubles = []struct{ words, say string }{
	{"No space left on device", "disk full: free some space, then try again"},
	{"Disk quota exceeded", "over quota: free some space, then try again"},
	{"Read-only file system", "the file system is read-only: mount it writable, then try again"},
	{"Permission denied", "not permitted: allow sudo for this host, or use another login"},
	{"Operation not permitted", "not permitted: allow sudo for this host, or use another login"},
}

// explain makes a refusal of a failure that has one of the known troubles in its words.
func (m machine) explain(f *failure) error {
	for _, t := range troubles {
		if strings.Contains(string(f.res.Stderr), t.words) {
			return &refusal{f.host + ": " + f.what + ": " + t.say, f}
		}
	}
	return f
}

// exitOf is the exit status behind an error of script, -1 when it has none.
func exitOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.res.Exit
	}
	return -1
}

// pause waits, or returns what ended the context.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// orElse is d, or otherwise when d says nothing.
func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// note says what the step does now.
func note(e *Env, format string, a ...any) {
	if e.Emit != nil {
		e.Emit(Output{Note: fmt.Sprintf(format, a...)})
	}
}

// say puts a line into the step's output.
func say(e *Env, line string, stderr bool) {
	if e.Emit != nil {
		e.Emit(Output{Line: line, Stderr: stderr})
	}
}
