package collect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
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
}

// resumes is how often a batch is sent again without the section it got stuck in.
const resumes = 3

// sudoAgain is how long a refusal of sudo is believed.
const sudoAgain = 10 * time.Minute

// Run reads the sections: one command for those of any user and, at the same time, one for those
// that want root. There is one answer for each section, in an unspecified order. The error is set
// when the host as a whole did not answer; sections that had answered before are returned all the
// same and the others carry the reason.
func (r *Runner) Run(ctx context.Context, sections []Section) ([]Answer, error) {
	var user, root []Section
	denied := !r.noSudo.IsZero() && r.p.Now().Sub(r.noSudo) < sudoAgain
	var out []Answer
	for _, s := range sections {
		switch {
		case s.Root == RootNever, s.Root == RootHelps && denied:
			user = append(user, s)
		case denied:
			out = append(out, r.refused(s))
		default:
			root = append(root, s)
		}
	}
	if len(root) == 0 {
		got, err := r.batches(ctx, user, false)
		return append(out, got...), err
	}
	type result struct {
		answers []Answer
		err     error
	}
	done := make(chan result, 1)
	go func() {
		got, err := r.asRoot(ctx, root)
		done <- result{got, err}
	}()
	got, err := r.batches(ctx, user, false)
	rooted := <-done
	out = append(append(out, got...), rooted.answers...)
	return out, errors.Join(err, rooted.err)
}

// asRoot reads sections with sudo, and those that can do without as an ordinary user where sudo is
// refused.
func (r *Runner) asRoot(ctx context.Context, root []Section) ([]Answer, error) {
	got, err := r.batches(ctx, root, true)
	if !errors.Is(err, hosts.ErrNoSudo) {
		if err == nil {
			r.noSudo = time.Time{}
		}
		return got, err
	}
	r.noSudo = r.p.Now()
	var out []Answer
	var plain []Section
	for _, s := range root {
		if s.Root == RootNeeded {
			out = append(out, r.refused(s))
		} else {
			plain = append(plain, s)
		}
	}
	got, err = r.batches(ctx, plain, false)
	return append(out, got...), err
}

// needsRoot is what a person has to provide for a section that only root can read.
const needsRoot = "root or passwordless sudo"

func (r *Runner) refused(s Section) Answer {
	ev := evidence(r.p.Host, s, r.p.Now(), 0, nil)
	ev.Error, ev.Needs = "not permitted: "+hosts.ErrNoSudo.Error(), needsRoot
	return Answer{Section: s, Evidence: ev, Sick: true}
}

// batches runs the sections, and runs those that are left again when one got the batch stuck.
func (r *Runner) batches(ctx context.Context, sections []Section, sudo bool) ([]Answer, error) {
	var out []Answer
	for try := 0; len(sections) > 0; try++ {
		b := r.once(ctx, sections, sudo)
		out = append(out, b.answers...)
		sections = sections[len(b.answers):]
		if b.err == nil && len(sections) > 0 && try < resumes {
			continue
		}
		err := b.err
		if err == nil && len(sections) > 0 {
			err = errors.New("the answer ended early")
		}
		for _, s := range sections {
			ev := evidence(r.p.Host, s, r.p.Now(), 0, nil)
			ev.Error = oneLine(err.Error())
			out = append(out, Answer{Section: s, Evidence: ev, Sick: true})
		}
		return out, b.err
	}
	return out, nil
}

// once sends one script and reads its answer. The batch has answers for the first sections in
// order, the last of which may be the one it got stuck in; err is set when the host did not answer
// at all.
func (r *Runner) once(ctx context.Context, sections []Section, sudo bool) *reading {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &reading{r: r, sections: sections, cur: -1, cancel: cancel, sent: r.p.Now()}
	nonce := newNonce()
	b.timer = time.AfterFunc(DefaultLimit+r.p.Grace, func() { cancel(errSilent) })
	defer b.timer.Stop()

	stream, err := r.p.Conn.Stream(ctx, hosts.Cmd{
		Argv: []string{"sh", "-s"}, Stdin: strings.NewReader(batch(nonce, sections, timeouts(r.timing.Load()))), Sudo: sudo,
	})
	if err != nil {
		b.err = cause(ctx, err)
		return b
	}
	defer func() { _ = stream.Close() }()
	split := newSplitter(nonce, b.data, b.mark)
	buf := make([]byte, 32<<10)
	for !b.finished {
		n, rerr := stream.Read(buf)
		_, _ = split.Write(buf[:n])
		if rerr != nil {
			err = rerr
			break
		}
	}
	if !b.finished {
		split.Close()
	}
	b.end(ctx, stream, nonce, err)
	return b
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

// oneLine returns the first line of s, cleaned and bounded.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = clean(s)
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

var _ io.Writer = (*splitter)(nil)
