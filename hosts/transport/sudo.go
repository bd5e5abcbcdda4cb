package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"midwatch/hosts"
)

// SudoPolicy says how a command becomes root on a host.
type SudoPolicy int

// The sudo policies. The zero value forbids it.
const (
	SudoNone     SudoPolicy = iota // only where the login already is root
	SudoNoPasswd                   // sudo -n
	SudoPassword                   // sudo, with a password on standard input
	SudoRoot                       // the login is root: run it as it is
)

func (p SudoPolicy) String() string {
	switch p {
	case SudoNoPasswd:
		return "nopasswd"
	case SudoPassword:
		return "password"
	case SudoRoot:
		return "root"
	default:
		return "none"
	}
}

// sudoPlan is what is started for a command, and what its end means.
type sudoPlan struct {
	argv     []string
	input    inputMode
	closes   bool   // its input ends after the password
	sudo     bool   // argv begins with sudo
	prompt   string // what sudo prints when it wants the password; "" when it never may
	ready    string // what is printed when the command itself begins
	onStdout bool   // those two come on standard output, because of a terminal
}

// sudoer knows how to become root on one host. What it learned holds until reset.
type sudoer struct {
	policy   SudoPolicy
	password func(context.Context) (hosts.Secret, error) // nil without one
	look     func(ctx context.Context, script string) (string, error)

	mu     sync.Mutex // guards everything below
	plain  bool       // the host ends commands by itself: no lifeline is needed
	known  *privileges
	denied error // the password was refused: asking again could lock the account
}

// privileges is what the login can do.
type privileges struct {
	root bool
	// wrap: sudo -n may run sh, so that a command can be ended. It may not where the sudoers file
	// names single commands.
	wrap bool
}

// lookScript asks both questions in one round trip.
const (
	lookUID     = `id -u`
	lookUIDSudo = `id -u; sudo -n -- sh -c : >/dev/null 2>&1 && echo wrap`
)

// reset forgets what was learned, when the operator asks for another try.
func (s *sudoer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.denied = nil, nil
}

// connected forgets what was learned on the connection before this one.
func (s *sudoer) connected(plain bool) {
	s.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plain = plain
}

func (s *sudoer) privileges(ctx context.Context) (privileges, error) {
	s.mu.Lock()
	known, plain := s.known, s.plain
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	script := lookUID
	if s.policy == SudoNoPasswd && !plain {
		script = lookUIDSudo
	}
	out, err := s.look(ctx, script)
	if err != nil {
		return privileges{}, fmt.Errorf("look for privileges: %w", err)
	}
	words := strings.Fields(out)
	p := privileges{
		root: len(words) > 0 && words[0] == "0",
		wrap: len(words) > 1 && words[1] == "wrap",
	}
	s.mu.Lock()
	s.known = &p
	s.mu.Unlock()
	return p, nil
}

// plan says how c, whose whole argv is given, is run as root.
func (s *sudoer) plan(ctx context.Context, argv []string, c hosts.Cmd) (sudoPlan, error) {
	direct := planDirect(argv, c)
	if s.policy == SudoRoot {
		return direct, nil
	}
	p, err := s.privileges(ctx)
	switch {
	case err != nil:
		return direct, err
	case p.root:
		return direct, nil
	case s.policy == SudoNone:
		return direct, fmt.Errorf("%w: this needs root and the inventory does not allow sudo; set sudo for this host", hosts.ErrNoSudo)
	}
	if s.policy == SudoPassword {
		return s.passwordPlan(direct, c)
	}
	direct.sudo = true
	if direct.input == inputNone && p.wrap {
		// Inside of sudo, where it may end what root runs.
		argv, direct.input = lifeline(argv), inputHeld
	}
	direct.argv = append([]string{"sudo", "-n", "--"}, argv...)
	return direct, nil
}

// planDirect is a command without sudo.
func planDirect(argv []string, c hosts.Cmd) sudoPlan {
	pl := sudoPlan{argv: argv}
	if c.Stdin != nil || c.Term != nil {
		pl.input = inputGiven
	}
	return pl
}

func (s *sudoer) passwordPlan(pl sudoPlan, c hosts.Cmd) (sudoPlan, error) {
	s.mu.Lock()
	denied, plain := s.denied, s.plain
	s.mu.Unlock()
	if denied != nil {
		return sudoPlan{}, denied
	}
	if s.password == nil {
		return sudoPlan{}, fmt.Errorf("%w: no sudo password is configured; set sudo_password", hosts.ErrNoSudo)
	}
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // never fails
	mark := "midwatch-" + hex.EncodeToString(nonce)
	pl.sudo, pl.onStdout = true, c.Term != nil
	pl.prompt, pl.ready = mark+"-password:", mark+"-begin"
	argv := pl.argv
	switch {
	case pl.input != inputNone:
	case plain:
		pl.input, pl.closes = inputGiven, true
	default:
		argv, pl.input = lifeline(argv), inputHeld
	}
	// In two pieces: a refusal repeats the command, and must not look like its beginning.
	script := `printf %s%s ` + mark + ` -begin >&2; exec "$@"`
	pl.argv = append([]string{"sudo", "-S", "-p", pl.prompt, "--", "sh", "-c", script, "sh"}, argv...)
	return pl, nil
}

// unlock waits until the command began, giving the password when sudo asks for it, and returns what
// was read after the beginning. Nothing is sent before it is asked for: where sudo needs no password
// the command would read it as its input.
func (s *sudoer) unlock(ctx context.Context, p process, pl sudoPlan) ([]byte, error) {
	from := p.Stderr()
	if pl.onStdout {
		from = p.Stdout()
	}
	var seen []byte
	asked := false
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		seen = append(seen, buf[:n]...)
		if i := bytes.Index(seen, []byte(pl.ready)); i >= 0 {
			return seen[i+len(pl.ready):], nil
		}
		if i := bytes.Index(seen, []byte(pl.prompt)); i >= 0 {
			if asked {
				p.Kill()
				return nil, s.deny()
			}
			asked = true
			seen = seen[i+len(pl.prompt):]
			if err := s.send(ctx, p.Stdin()); err != nil {
				p.Kill()
				return nil, err
			}
		}
		if len(seen) > stderrKeep {
			p.Kill()
			return nil, fmt.Errorf("%w: sudo printed %d bytes and neither asked for a password nor began", hosts.ErrNoSudo, len(seen))
		}
		if err != nil {
			return nil, s.refused(ctx, p, seen, asked)
		}
	}
}

func (s *sudoer) send(ctx context.Context, w io.Writer) error {
	secret, err := s.password(ctx)
	if err != nil {
		return fmt.Errorf("%w: get the sudo password: %w", hosts.ErrNoSudo, err)
	}
	if secret.Empty() || strings.ContainsAny(secret.Reveal(), "\n\x00") {
		return fmt.Errorf("%w: the sudo password is empty or has a line break", hosts.ErrNoSudo)
	}
	line := []byte(secret.Reveal() + "\n")
	_, err = w.Write(line)
	clear(line)
	if err != nil {
		return fmt.Errorf("send the sudo password: %w", err)
	}
	return nil
}

// deny remembers that the password is wrong.
func (s *sudoer) deny() error {
	err := fmt.Errorf("%w: sudo did not accept the password; it is not tried again until the next connect", hosts.ErrNoSudo)
	s.mu.Lock()
	s.denied = err
	s.mu.Unlock()
	return err
}

// refused explains a sudo that ended before the command began.
func (s *sudoer) refused(ctx context.Context, p process, seen []byte, asked bool) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	st, err := p.Wait()
	if err != nil && !errors.Is(err, errKilled) {
		return err
	}
	if st.code == 127 {
		return fmt.Errorf("%w: sudo is not installed", hosts.ErrNoSudo)
	}
	if asked && bytes.Contains(seen, []byte("incorrect password")) {
		return s.deny()
	}
	return notAllowed(string(seen), lastLine(seen))
}

// notAllowed is what sudo said, without the command, which is known and long.
func notAllowed(all, last string) error {
	if strings.Contains(all, "is not allowed to execute") {
		return fmt.Errorf("%w: the sudoers file does not allow it for this login; what midwatch runs begins with sh", hosts.ErrNoSudo)
	}
	return fmt.Errorf("%w: %s", hosts.ErrNoSudo, strings.TrimPrefix(last, "sudo: "))
}

// judge tells what sudo said from what the command said. A refusal of sudo -n exits with 1, as many
// commands do, so its words have to be looked at.
func (pl sudoPlan) judge(res hosts.Result) (hosts.Result, error) {
	if !pl.sudo || pl.ready != "" {
		return res, nil
	}
	last := lastLine(res.Stderr)
	switch {
	case res.Exit == 127 && strings.Contains(last, "sudo") && !strings.HasPrefix(last, "sudo:"):
		return res, fmt.Errorf("%w: sudo is not installed", hosts.ErrNoSudo)
	case res.Exit != 1:
		return res, nil
	case strings.HasPrefix(last, "sudo:") && strings.HasSuffix(last, "command not found"):
		res.Exit = 127
		return res, nil
	case strings.Contains(string(res.Stderr), "is not allowed to execute"):
		return res, fmt.Errorf("%w: the sudoers file does not allow it for this login", hosts.ErrNoSudo)
	case strings.HasPrefix(last, "sudo:"), strings.Contains(last, "may not run sudo"):
		return res, fmt.Errorf("%w: %s; allow it without a password in sudoers, or configure the sudo password",
			hosts.ErrNoSudo, strings.TrimPrefix(last, "sudo: "))
	}
	return res, nil
}
