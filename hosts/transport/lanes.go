package transport

import (
	"time"
)

// sshLane is a client as a Link sees it.
type sshLane struct {
	*client
	keepalive, deadline time.Duration
}

func (s *sshLane) lostC() <-chan struct{} { return s.dead }
func (s *sshLane) why() error             { return s.err() }
func (s *sshLane) heard() time.Time       { return s.wire.heard() }
func (s *sshLane) shut(err error)         { s.close(err) }
func (s *sshLane) info() Facts {
	f := s.facts
	f.Sessions = s.budget.allowed()
	return f
}

func (s *sshLane) watch(answered func(time.Duration)) {
	s.client.keepalive(s.keepalive, s.deadline, answered)
}

// localLane is this machine.
type localLane struct {
	*machine
	began time.Time
}

func newLocalLane(p Params) *localLane {
	return &localLane{machine: newMachine(p.Environ), began: time.Now()}
}

func (l *localLane) lostC() <-chan struct{}             { return nil }
func (l *localLane) why() error                         { return nil }
func (l *localLane) watch(answered func(time.Duration)) { answered(0) }
func (l *localLane) heard() time.Time                   { return time.Now() }
func (l *localLane) shut(error)                         { l.close() }
func (l *localLane) info() Facts {
	return Facts{Via: "this machine", User: localUser(Params{Getenv: func(string) string { return "" }}), Connected: l.began}
}

var (
	_ lane = (*sshLane)(nil)
	_ lane = (*localLane)(nil)
)
