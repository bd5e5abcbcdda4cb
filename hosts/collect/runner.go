package collect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"midwatch/hosts"
)

// Params is what a Runner is built with; all but Grace must be set.
type Params struct {
	Host string // written into the evidence
	Conn hosts.Conn
	Now  func() time.Time
	// Grace is how much longer than its limit a section may stay silent before the batch is given
	// up and the rest is asked again; 0 means 3 s. It covers the network and a host without
	// timeout(1).
	Grace time.Duration
}

// Runner reads sections from one host. It remembers what the host can do, so it should live as long
// as the connection's host does. One Run at a time.
type Runner struct {
	p      Params
	timing atomic.Int32 // a timeouts; both batches of a Run learn it
	noSudo time.Time    // when sudo was last refused
}

// NewRunner returns a Runner; it panics without a Conn or a clock.
func NewRunner(p Params) *Runner {
	if p.Conn == nil || p.Now == nil {
		panic("collect: a Runner needs a Conn and a clock")
	}
	if p.Grace == 0 {
		p.Grace = 3 * time.Second
	}
	return &Runner{p: p}
}

// Answer is what came of one section.
type Answer struct {
	Section  Section
	Evidence hosts.Evidence
	// Sick means that the section failed or only half worked; it should be asked less often.
	Sick bool
	// Lost means that the host gave no answer, for reasons that are not the section's.
	Lost bool
}

// resumes is how often a batch is sent again without the section it got stuck in.
const resumes = 3

// sudoAgain is how long a refusal of sudo is believed.
const sudoAgain = 10 * time.Minute

// Run reads the sections: one command for those of any user and, at the same time, one for those
// that want root. each gets one answer per section, one at a time, good ones as soon as the host
// gave them. The error is set when the host as a whole did not answer; the sections that were left
// then carry the reason.
func (r *Runner) Run(ctx context.Context, sections []Section, each func(Answer)) error {
	var mu sync.Mutex // one answer at a time
	out := func(a Answer) {
		mu.Lock()
		defer mu.Unlock()
		each(a)
	}
	var user, root []Section
	denied := !r.noSudo.IsZero() && r.p.Now().Sub(r.noSudo) < sudoAgain
	for _, s := range sections {
		switch {
		case s.Root == RootNever, s.Root == RootHelps && denied:
			user = append(user, s)
		case denied:
			out(r.refused(s))
		default:
			root = append(root, s)
		}
	}
	if len(root) == 0 {
		return r.batches(ctx, user, false, partly(out))
	}
	done := make(chan error, 1)
	go func() { done <- r.asRoot(ctx, root, out) }()
	err := r.batches(ctx, user, false, partly(out))
	return errors.Join(err, <-done)
}

// asRoot reads sections with sudo, and those that can do without as an ordinary user where sudo is
// refused.
func (r *Runner) asRoot(ctx context.Context, root []Section, out func(Answer)) error {
	var late []Answer // failures: they do not count when sudo was refused
	err := r.batches(ctx, root, true, func(a Answer) {
		if a.Sick {
			late = append(late, a)
			return
		}
		out(a)
	})
	if !errors.Is(err, hosts.ErrNoSudo) {
		for _, a := range late {
			out(a)
		}
		if err == nil {
			r.noSudo = time.Time{}
		}
		return err
	}
	r.noSudo = r.p.Now()
	var plain []Section
	for _, s := range root {
		if s.Root == RootNeeded {
			out(r.refused(s))
		} else {
			plain = append(plain, s)
		}
	}
	return r.batches(ctx, plain, false, partly(out))
}

// partly marks what an ordinary user read as having gaps where root would have seen more.
func partly(out func(Answer)) func(Answer) {
	return func(a Answer) {
		if a.Section.Root == RootHelps && a.Evidence.Error == "" && a.Evidence.Needs == "" {
			a.Evidence.Needs = needsRoot + " for all of it"
		}
		out(a)
	}
}

// needsRoot is what a person has to provide for a section that only root can read.
const needsRoot = "root or passwordless sudo"

func (r *Runner) refused(s Section) Answer {
	ev := evidence(r.p.Host, s, r.p.Now(), 0, nil)
	ev.Error, ev.Needs = "not permitted: "+hosts.ErrNoSudo.Error(), needsRoot
	return Answer{Section: s, Evidence: ev, Sick: true}
}

// batches runs the sections, and runs those that are left again when one got the batch stuck.
func (r *Runner) batches(ctx context.Context, sections []Section, sudo bool, out func(Answer)) error {
	for try := 0; len(sections) > 0; try++ {
		done, err := r.once(ctx, sections, sudo, out)
		sections = sections[done:]
		if err == nil && len(sections) == 0 {
			return nil
		}
		if err == nil && try < resumes {
			continue
		}
		if err == nil {
			err = errors.New("several sections gave no answer: the rest was not asked")
		}
		for _, s := range sections {
			ev := evidence(r.p.Host, s, r.p.Now(), 0, nil)
			ev.Error = OneLine(err.Error())
			out(Answer{Section: s, Evidence: ev, Sick: true, Lost: true})
		}
		return err
	}
	return nil
}

// once sends one script and reads its answer. It returns how many of the first sections were
// settled, the last of which may be the one it got stuck in; the error is set when the host did
// not answer at all.
func (r *Runner) once(ctx context.Context, sections []Section, sudo bool, out func(Answer)) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &reading{r: r, sections: sections, out: out, cur: -1, cancel: cancel, sent: r.p.Now()}
	nonce := newNonce()
	b.timer = time.AfterFunc(DefaultLimit+r.p.Grace, func() { cancel(errSilent) })
	defer b.timer.Stop()

	stream, err := r.p.Conn.Stream(ctx, hosts.Cmd{
		Argv: []string{"sh", "-s"}, Stdin: strings.NewReader(batch(nonce, sections, timeouts(r.timing.Load()))), Sudo: sudo,
	})
	if err != nil {
		return 0, cause(ctx, err)
	}
	defer func() { _ = stream.Close() }()
	split := newSplitter(nonce, b.data, b.mark)
	buf := make([]byte, 32<<10)
	for !b.finished && err == nil {
		var n int
		n, err = stream.Read(buf)
		_, _ = split.Write(buf[:n])
	}
	if b.finished {
		b.complain(stream, nonce)
		return b.done, nil
	}
	split.Close()
	err = b.broken(ctx, stream, cause(ctx, err))
	b.settle(nil)
	return b.done, err
}

// errSilent ends a batch whose host or section said nothing for too long.
var errSilent = fmt.Errorf("%w", hosts.ErrTimeout)

// cause prefers why the context ended over that it did.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// OneLine returns the first line of s, cleaned and bounded.
func OneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = hosts.CleanLine(s)
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

var _ io.Writer = (*splitter)(nil)
