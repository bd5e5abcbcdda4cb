package sshd

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"
)

// signalBacklog is how many undelivered signals a session keeps.
const signalBacklog = 8

// session is one session channel: requests that set it up, then one command.
type session struct {
	conn    *conn
	ch      ssh.Channel
	env     map[string]string
	term    *Term
	resize  chan Size
	signals chan string
	started bool
	command *string // accepted and not yet started
	free    func()  // gives the place among MaxSessions back, once
	wg      sync.WaitGroup
}

func newSession(c *conn, ch ssh.Channel) *session {
	return &session{
		conn: c, ch: ch, env: map[string]string{}, free: sync.OnceFunc(c.freeSession),
		resize: make(chan Size, 1), signals: make(chan string, signalBacklog),
	}
}

// run answers the requests of the channel until the client closes it.
func (s *session) run(ctx context.Context, reqs <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for r := range reqs {
		ok := s.request(cancel, r)
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		// After the reply: a quick command could close the channel before it.
		if s.command != nil {
			s.start(ctx)
		}
	}
	if !s.conn.server.conf.LeaveRunning {
		cancel()
	}
	// A command that is stuck in a write is freed by this.
	_ = s.ch.Close()
	s.wg.Wait()
}

func (s *session) request(kill context.CancelFunc, r *ssh.Request) bool {
	switch r.Type {
	case "env":
		var m struct{ Name, Value string }
		if s.conn.server.conf.RefuseEnv || s.started || ssh.Unmarshal(r.Payload, &m) != nil {
			return false
		}
		s.env[m.Name] = m.Value
		return true
	case "pty-req":
		return s.ptyRequest(r.Payload)
	case "window-change":
		return s.windowChange(r.Payload)
	case "signal":
		return s.signal(kill, r.Payload)
	case "shell":
		return s.accept("")
	case "exec":
		var m struct{ Command string }
		if ssh.Unmarshal(r.Payload, &m) != nil || m.Command == "" {
			return false
		}
		return s.accept(m.Command)
	default:
		return false
	}
}

func (s *session) ptyRequest(payload []byte) bool {
	var m struct {
		Term                      string
		Cols, Rows, Width, Height uint32
		Modes                     string
	}
	if s.conn.server.conf.RefusePTY || s.started || ssh.Unmarshal(payload, &m) != nil {
		return false
	}
	s.term = &Term{Name: m.Term, Size: size(m.Cols, m.Rows)}
	return true
}

func (s *session) windowChange(payload []byte) bool {
	var m struct{ Cols, Rows, Width, Height uint32 }
	if ssh.Unmarshal(payload, &m) != nil || s.term == nil {
		return false
	}
	select { // only the newest size matters
	case <-s.resize:
	default:
	}
	s.resize <- size(m.Cols, m.Rows)
	return true
}

// size keeps what a client sends within what a terminal can be.
func size(cols, rows uint32) Size {
	const most = 1 << 14
	return Size{Cols: int(min(cols, most)), Rows: int(min(rows, most))}
}

func (s *session) signal(kill context.CancelFunc, payload []byte) bool {
	var m struct{ Name string }
	if ssh.Unmarshal(payload, &m) != nil {
		return false
	}
	select {
	case s.signals <- m.Name:
	default:
	}
	if m.Name == "KILL" {
		kill()
	}
	return true
}

// accept notes the command that is to be started; a session has one.
func (s *session) accept(command string) bool {
	if s.started {
		return false
	}
	s.started, s.command = true, &command
	return true
}

// start runs the command beside the request loop, which goes on for signals and sizes.
func (s *session) start(ctx context.Context) {
	req := &Request{
		User: s.conn.user, Command: *s.command, Env: s.env,
		Stdin: s.ch, Stdout: s.ch, Stderr: s.ch.Stderr(),
		Term: s.term, Resize: s.resize, Signals: s.signals,
	}
	s.command = nil
	s.wg.Go(func() {
		status := s.exec(ctx, req)
		if ctx.Err() != nil && req.ExitSignal == "" {
			req.ExitSignal = "KILL"
		}
		_ = s.ch.CloseWrite()
		if req.ExitSignal != "" {
			_, _ = s.ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
				Signal     string
				CoreDumped bool
				Message    string
				Lang       string
			}{Signal: req.ExitSignal}))
		} else {
			_, _ = s.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		}
		// The place is free before the client can know that the channel is closed.
		s.free()
		_ = s.ch.Close()
	})
}

// exec keeps a panic of the backend inside its command: the process also holds a terminal.
func (s *session) exec(ctx context.Context, req *Request) (status int) {
	defer func() {
		if p := recover(); p != nil {
			_, _ = fmt.Fprintf(req.Stderr, "panic: %v\n", p)
			req.ExitSignal = "ABRT"
		}
	}()
	return s.conn.server.backend.Exec(ctx, req)
}
