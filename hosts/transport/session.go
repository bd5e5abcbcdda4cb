package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
)

// sessionTries is how often a session is asked for when the server refuses although it has allowed as
// many: one of ours may still be ending there. With the pauses between them they take two seconds.
const sessionTries = 8

// spawn starts a command in a session channel of its own, in its turn.
func (c *client) spawn(ctx context.Context, s spec) (process, error) {
	pause := 15 * time.Millisecond
	for try := 1; ; {
		place, err := c.budget.acquire(ctx, s.stream)
		if err != nil {
			return nil, err
		}
		s.begun()
		ch, reqs, err := c.open(ctx, "session", nil, place.release)
		if err == nil {
			place.opened()
			return c.start(ctx, s, place, ch, reqs)
		}
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) {
			if ctx.Err() == nil {
				place.release()
			}
			return nil, err
		}
		switch place.refused(try == sessionTries) {
		case refusedOver:
			continue
		case refusedAlone:
			if try == sessionTries {
				err := fmt.Errorf("the ssh server opens no session (%s)", cleanLine(refused.Message))
				c.fail(err) // a new connection may do better
				return nil, fmt.Errorf("%w: %w", hosts.ErrUnreached, err)
			}
		case refusedForNow:
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		try++
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// sleep waits unless the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sshProcess is a command on a session channel.
type sshProcess struct {
	client *client
	ch     ssh.Channel
	stdout *pump
	stderr *pump

	killOnce sync.Once
	killed   chan struct{}
	done     chan struct{} // closed when the server closed the channel, or the connection ended
	status   exitStatus    // read it after done
	ended    bool          // the server sent a status
	lifeline bool          // the command ends when its input does
}

// start asks for the terminal and the command on an open channel.
func (c *client) start(ctx context.Context, s spec, place *slot, ch ssh.Channel, reqs <-chan *ssh.Request) (process, error) {
	p := &sshProcess{
		client: c, ch: ch, killed: make(chan struct{}), done: make(chan struct{}),
		lifeline: s.input == inputHeld || s.input == inputNone && !c.endsCommands(),
	}
	p.stdout, p.stderr = newPump(p.killed), newPump(p.killed)
	asked := make(chan error, 1)
	started := c.background(func() {
		c.wg.Go(func() { asked <- p.ask(s) })
		p.follow(reqs)
		place.release()
	})
	if !started {
		return nil, c.lost()
	}
	select {
	case err := <-asked:
		if err != nil {
			p.Kill()
			if errors.Is(err, io.EOF) && c.cutSoon() {
				return nil, fmt.Errorf("%w; %w", c.lost(), errMaybeRan)
			}
			return nil, fmt.Errorf("start the command: %w", err)
		}
	case <-ctx.Done():
		p.Kill()
		return nil, context.Cause(ctx)
	}
	started = c.background(func() {
		c.wg.Go(func() { p.stderr.fill(ch.Stderr(), c) })
		p.stdout.fill(ch, c)
	})
	if !started {
		return nil, c.lost()
	}
	return p, nil
}

// ask sends the requests that start the command.
func (p *sshProcess) ask(s spec) error {
	if t := s.term; t != nil {
		ok, err := p.ch.SendRequest("pty-req", true, ssh.Marshal(struct {
			Term                      string
			Cols, Rows, Width, Height uint32
			Modes                     string
		}{Term: t.Name, Cols: cells(t.Cols), Rows: cells(t.Rows), Modes: "\x00"}))
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("the ssh server gives no terminal (PermitTTY no)")
		}
	}
	argv := s.argv
	if s.input == inputNone && p.lifeline {
		argv = lifeline(argv)
	}
	ok, err := p.ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{remoteLine(argv)}))
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the ssh server runs no commands for this login")
	}
	if s.input == inputNone && !p.lifeline {
		_ = p.ch.CloseWrite() // fails only where the command has ended already
	}
	return nil
}

// endsCommands reports whether the server sees to the end of commands by itself.
func (c *client) endsCommands() bool { return strings.Contains(c.facts.Server, endsCommands) }

func cells(n int) uint32 { return uint32(max(0, min(n, 1<<14))) }

// follow reads how the command ends.
func (p *sshProcess) follow(reqs <-chan *ssh.Request) {
	for r := range reqs {
		switch r.Type {
		case "exit-status":
			if len(r.Payload) >= 4 {
				p.status, p.ended = exitStatus{code: int(binary.BigEndian.Uint32(r.Payload))}, true
			}
		case "exit-signal":
			var m struct {
				Signal     string
				CoreDumped bool
				Message    string
				Lang       string
			}
			if ssh.Unmarshal(r.Payload, &m) == nil {
				name := cleanLine(strings.TrimPrefix(m.Signal, "SIG"))
				p.status, p.ended = exitStatus{code: signalExit(name), signal: name}, true
			}
		}
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
	close(p.done)
}

func (p *sshProcess) Stdin() io.WriteCloser { return channelStdin{p} }
func (p *sshProcess) Stdout() io.Reader     { return p.stdout }
func (p *sshProcess) Stderr() io.Reader     { return p.stderr }

// channelStdin makes Close the end of the input.
type channelStdin struct{ p *sshProcess }

func (s channelStdin) Write(b []byte) (int, error) { return s.p.ch.Write(b) }
func (s channelStdin) Close() error {
	s.p.client.background(func() { _ = s.p.ch.CloseWrite() })
	return nil
}

// Wait waits for the server's word, unless the command was killed.
func (p *sshProcess) Wait() (exitStatus, error) {
	select {
	case <-p.done:
	case <-p.killed:
		select {
		case <-p.done:
		default:
			return exitStatus{code: signalExit("KILL"), signal: "KILL"}, errKilled
		}
	}
	switch {
	case p.ended:
		return p.status, nil
	case p.wasKilled():
		return exitStatus{code: signalExit("KILL"), signal: "KILL"}, errKilled
	case p.client.cutSoon():
		return exitStatus{code: -1}, p.client.lost()
	}
	return exitStatus{code: -1}, fmt.Errorf("%w: the host ended the command without an exit status", hosts.ErrClosed)
}

func (p *sshProcess) wasKilled() bool {
	select {
	case <-p.killed:
		return true
	default:
		return false
	}
}

// Kill ends the command: by its lifeline, which closing the channel cuts, or by a signal, which sshd
// passes on where it can. It happens in the background, because the host may not be listening.
func (p *sshProcess) Kill() {
	p.killOnce.Do(func() {
		close(p.killed)
		select {
		case <-p.done:
			return
		default:
		}
		p.client.background(func() {
			if !p.lifeline { // the signal would reach the lifeline and not what hangs on it
				_, _ = p.ch.SendRequest("signal", false, ssh.Marshal(struct{ Name string }{"KILL"}))
			}
			_ = p.ch.Close()
		})
	})
}

// Resize tells the host the size of the terminal.
func (p *sshProcess) Resize(s hosts.Size) error {
	_, err := p.ch.SendRequest("window-change", false, ssh.Marshal(struct{ Cols, Rows, Width, Height uint32 }{
		Cols: cells(s.Cols), Rows: cells(s.Rows),
	}))
	return err
}

// pumpSize is how much a pump reads at once; two of them are in flight.
const pumpSize = 32 << 10

// pump moves a channel's output to its reader through a goroutine, so that a reader does not have to
// wait for the host when the command was killed.
type pump struct {
	full   chan []byte
	empty  chan []byte
	killed <-chan struct{}
	rest   []byte // what the reader has not taken
	whole  []byte // the buffer rest is part of
	err    error  // why there is no more, after full was closed
}

func newPump(killed <-chan struct{}) *pump {
	return &pump{full: make(chan []byte), empty: make(chan []byte, 2), killed: killed}
}

// fill reads r until it ends.
func (p *pump) fill(r io.Reader, c *client) {
	defer close(p.full)
	for made := 0; ; {
		var buf []byte
		select {
		case buf = <-p.empty:
		default:
			if made < 2 {
				made++
				buf = make([]byte, pumpSize)
				break
			}
			select {
			case buf = <-p.empty:
			case <-p.killed:
				return
			}
		}
		n, err := r.Read(buf)
		if n > 0 {
			select {
			case p.full <- buf[:n]:
			case <-p.killed:
				return
			}
		} else {
			p.empty <- buf
		}
		if err != nil {
			if c.cut() {
				p.err = c.lost()
			}
			return
		}
	}
}

// Read implements io.Reader; after Kill it gives io.EOF at once.
func (p *pump) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if p.whole != nil {
			p.empty <- p.whole[:cap(p.whole)]
			p.whole = nil
		}
		select {
		case buf, ok := <-p.full:
			if !ok {
				if p.err != nil {
					return 0, p.err
				}
				return 0, io.EOF
			}
			p.rest, p.whole = buf, buf
		case <-p.killed:
			return 0, io.EOF
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

var _ process = (*sshProcess)(nil)
