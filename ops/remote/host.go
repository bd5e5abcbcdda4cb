package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// DefaultRoot is where things lie on a host where we are root, by login or by sudo.
const DefaultRoot = "/var/lib/midwatch"

// scriptTime bounds one script; those that wait say how long themselves.
const scriptTime = 30 * time.Second

// Exit statuses of the scripts.
const (
	exitFenced = 10 // the lock is not ours any more
	exitOffset = 11 // the file is not as long as expected
	exitShort  = 12 // the input was cut off
	exitTmpfs  = 13 // no memory file system for secrets
	exitHeld   = 14 // the lock is held
)

// Errors that decisions are made on.
var (
	// ErrFenced is a lock that somebody else holds now: nothing may be done any more.
	ErrFenced = errors.New("the lock was taken over")
	// ErrHeld is a lock that somebody else holds.
	ErrHeld = errors.New("locked")
	// ErrNoTmpfs is a host without a file system in memory: no secret is left there.
	ErrNoTmpfs = errors.New("no tmpfs at /run or /dev/shm: secrets are not written to a disk")
	// ErrLost is a job that ended without an exit status: the host was restarted, or the job's runner killed.
	ErrLost = errors.New("ended without an exit status")
	// ErrMissing is a file that is not there.
	ErrMissing = errors.New("no such file")
)

// Host is a host on which midwatch keeps things.
type Host struct {
	Name string
	Conn hosts.Conn
	Root string
	Sudo bool // scripts run as root
	UID  string
	// Wait is asked when the host cannot be reached: nil to try again, or the error to end with. A nil Wait ends
	// with the error as it is.
	Wait func(ctx context.Context, err error) error
	// Now is the clock that the host's is compared with; nil is this machine's.
	Now func() time.Time
}

func (h *Host) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// Open finds out where things lie on a host. root "" is DefaultRoot for root and where sudo is allowed and works,
// otherwise .local/state/midwatch in the login's home.
func Open(ctx context.Context, name string, c hosts.Conn, root string, sudo bool) (*Host, error) {
	h := &Host{Name: name, Conn: c, Root: root}
	out, err := h.script(ctx, `id -u && echo "${HOME:-/}"`, nil)
	if err != nil {
		return nil, err
	}
	uid, home, _ := strings.Cut(strings.TrimSpace(out), "\n")
	h.UID = uid
	if root != "" {
		return h, nil
	}
	h.Root = DefaultRoot
	if uid == "0" {
		return h, nil
	}
	if sudo {
		res, err := c.Run(ctx, hosts.Cmd{Argv: []string{"true"}, Sudo: true, Timeout: scriptTime})
		if err == nil && res.Exit == 0 {
			h.Sudo = true
			return h, nil
		}
		if Unreached(err) {
			return nil, err
		}
	}
	if !path.IsAbs(home) {
		return nil, fmt.Errorf("%s: the login has no home directory: set a directory for midwatch", name)
	}
	h.Root = path.Join(home, ".local/state/midwatch")
	return h, nil
}

// Unreached reports an error of the way to a host: what was ordered may or may not have happened there.
func Unreached(err error) bool {
	return errors.Is(err, hosts.ErrUnreached) || errors.Is(err, hosts.ErrClosed) || errors.Is(err, hosts.ErrTimeout) ||
		errors.Is(err, hosts.ErrAuth) || errors.Is(err, hosts.ErrHostKey)
}

// exitError is a script that said no.
type exitError struct {
	code int
	text string
	out  string
}

func (e *exitError) Error() string {
	if e.text == "" {
		return "exit " + strconv.Itoa(e.code)
	}
	return e.text
}

func (e *exitError) Is(target error) bool {
	switch e.code {
	case exitFenced:
		return target == ErrFenced
	case exitTmpfs:
		return target == ErrNoTmpfs
	case exitHeld:
		return target == ErrHeld
	}
	return false
}

// script runs a script on the host, again and again while the host cannot be reached and Wait says so.
func (h *Host) script(ctx context.Context, text string, input []byte, args ...string) (string, error) {
	return h.scriptAs(ctx, h.Sudo, text, input, scriptTime, args...)
}

func (h *Host) scriptAs(ctx context.Context, sudo bool, text string, input []byte, limit time.Duration, args ...string) (string, error) {
	for {
		out, err := h.once(ctx, sudo, text, input, limit, args...)
		if err == nil || h.Wait == nil || !(Unreached(err) || isExit(err, exitShort)) || ctx.Err() != nil {
			return out, err
		}
		if err := h.Wait(ctx, err); err != nil {
			return "", err
		}
	}
}

func (h *Host) once(ctx context.Context, sudo bool, text string, input []byte, limit time.Duration, args ...string) (string, error) {
	var in io.Reader
	if input != nil {
		in = bytes.NewReader(input)
	}
	res, err := h.Conn.Run(ctx, hosts.Cmd{
		Argv: append([]string{"sh", "-c", text, "midwatch"}, args...), Stdin: in, Sudo: sudo, Timeout: limit, Limit: 64 << 20,
	})
	if err != nil {
		return "", err
	}
	if res.Signal != "" {
		return "", fmt.Errorf("%s: %w: ended by signal %s", h.Name, hosts.ErrClosed, res.Signal)
	}
	if res.Exit != 0 {
		return string(res.Stdout), fmt.Errorf("%s: %w", h.Name, &exitError{code: res.Exit, text: lastLine(res.Stderr), out: string(res.Stdout)})
	}
	return string(res.Stdout), nil
}

// isExit reports a script that ended with this status.
func isExit(err error, code int) bool {
	var e *exitError
	return errors.As(err, &e) && e.code == code
}

func lastLine(b []byte) string {
	s := strings.TrimSpace(string(b))
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return hosts.CleanLine(s)
}

// safeName makes a name of a file of any text: other letters become _, and a leading dot too.
func safeName(s string) string {
	out := []byte(s)
	for i, c := range out {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '@', c == '+', c == '.' && i > 0:
		default:
			out[i] = '_'
		}
	}
	if len(out) == 0 {
		return "_"
	}
	return string(out[:min(len(out), 120)])
}

func (h *Host) runDir(run string) string { return path.Join(h.Root, "runs", safeName(run)) }
