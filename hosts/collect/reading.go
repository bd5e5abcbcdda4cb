package collect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// reading is one run of a batch while its answer comes in.
type reading struct {
	r        *Runner
	sections []Section
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	sent     time.Time

	out      func(Answer)
	done     int           // how many sections are settled
	sick     []Answer      // those that failed: what they wrote to standard error comes at the end
	cur      int           // the section being read, -1 between sections
	began    time.Duration // host uptime at its begin
	begunAt  time.Time     // ours
	buf      []byte
	over     bool // cur printed more than it may
	started  bool
	finished bool
	clock    Clock
}

// data takes a piece of the current section's output.
func (b *reading) data(p []byte) {
	if b.cur < 0 || b.over {
		return // a greeting of the login shell, or the rest of a flood
	}
	room := b.sections[b.cur].bytes() - len(b.buf)
	if len(p) > room {
		p, b.over = p[:room], true
		b.cancel(errFlood)
	}
	b.buf = append(b.buf, p...)
}

// errFlood ends a batch one of whose sections prints without end.
var errFlood = errors.New("too much output")

func (b *reading) mark(m mark) {
	now := b.r.p.Now()
	switch m.kind {
	case "start":
		b.start(m, now)
	case "begin":
		if b.done < len(b.sections) && b.sections[b.done].ID == m.id && b.cur < 0 {
			b.cur, b.began, b.begunAt, b.buf = b.done, m.uptime, now, nil
			b.timer.Reset(b.sections[b.cur].limit() + b.r.p.Grace)
		}
	case "end":
		if b.cur >= 0 && !b.over {
			took := m.uptime - b.began
			if !m.known || took < 0 {
				took = now.Sub(b.begunAt)
			}
			b.close(m.exit, took, now)
		}
	case "done":
		b.finished = b.done == len(b.sections)
	}
}

func (b *reading) start(m mark, now time.Time) {
	b.started = true
	switch m.limits {
	case "yes":
		b.r.timing.Store(int32(timeoutYes))
	case "no":
		b.r.timing.Store(int32(timeoutNo))
	}
	at, grain, ok := stamp(m.date)
	if !ok {
		return
	}
	var meter clockMeter
	meter.after(at, b.sent)
	meter.before(at, now)
	b.clock = meter.clock(grain)
}

// close ends the current section with its exit code.
func (b *reading) close(exit int, took time.Duration, now time.Time) {
	s := b.sections[b.cur]
	a := Answer{Section: s, Evidence: evidence(b.r.p.Host, s, now, took, b.buf)}
	if s.ID == systemID && b.clock.Known {
		a.Evidence.Data = append(a.Evidence.Data, clockLine(b.clock)...)
	}
	switch {
	case exit == 137 || exit == 124:
		a.Sick = true
		a.Evidence.Error = fmt.Sprintf("no answer within %s", s.limit())
	case exit != 0:
		a.Sick = true
		a.Evidence.Error = "exit " + strconv.Itoa(exit) // the complaint is added at the end
	}
	b.settled(a)
}

// settled hands on a good answer at once and keeps a bad one until the end.
func (b *reading) settled(a Answer) {
	b.cur, b.buf = -1, nil
	b.done++
	if redact := a.Section.Redact; redact != nil && len(a.Evidence.Data) > 0 {
		a.Evidence.Data = redact(a.Evidence.Data)
	}
	if a.Sick {
		b.sick = append(b.sick, a)
		return
	}
	b.out(a)
}

// lastWords is how long the end of standard error is waited for after the last boundary. A process
// stuck in the kernel may hold it open for ever.
const lastWords = 500 * time.Millisecond

// broken settles the section that broke the batch off, and returns an error when it was not a
// section's fault.
func (b *reading) broken(ctx context.Context, stream hosts.Stream, why error) error {
	if b.cur >= 0 && (b.over || errors.Is(why, errSilent)) {
		s, now := b.sections[b.cur], b.r.p.Now()
		a := Answer{Section: s, Sick: true, Evidence: evidence(b.r.p.Host, s, now, now.Sub(b.begunAt), b.buf)}
		if b.over {
			a.Evidence.Error = fmt.Sprintf("more than %d bytes of output", s.bytes())
		} else {
			a.Evidence.Error = fmt.Sprintf("no answer within %s", s.limit()+b.r.p.Grace)
		}
		b.settled(a)
		return nil
	}
	if ctx.Err() != nil {
		return why
	}
	res, err := stream.Wait()
	if err != nil {
		return err
	}
	if text := lastLine(string(res.Stderr)); text != "" && !b.started {
		return fmt.Errorf("no POSIX shell answered: %s", text)
	}
	if !b.started {
		return fmt.Errorf("no POSIX shell answered (exit %d): %w", res.Exit, hosts.ErrMissing)
	}
	return fmt.Errorf("the answer ended early (exit %d)", res.Exit)
}

// complain adds to each section that failed what it wrote to standard error.
func (b *reading) complain(stream hosts.Stream, nonce string) {
	if len(b.sick) == 0 {
		return
	}
	b.timer.Reset(lastWords)
	buf := make([]byte, 4<<10)
	for {
		if _, err := stream.Read(buf); err != nil {
			break
		}
	}
	res, _ := stream.Wait()
	words := map[string]string{}
	id := ""
	split := newSplitter(nonce, func(p []byte) {
		if id != "" && len(words[id]) < 64<<10 {
			words[id] += string(p)
		}
	}, func(m mark) { id = m.id })
	_, _ = split.Write(res.Stderr)
	split.Close()
	b.settle(words)
}

// settle hands on the answers of sections that failed, with what they complained of.
func (b *reading) settle(words map[string]string) {
	for _, a := range b.sick {
		blame(&a, lastLine(words[a.Section.ID]))
		b.out(a)
	}
	b.sick = nil
}

// blame puts the last complaint of a failed section into its evidence. What printed an answer and
// still failed is taken for partly read.
func blame(a *Answer, text string) {
	exit, coded := strings.CutPrefix(a.Evidence.Error, "exit ")
	if !coded {
		return
	}
	if text == "" {
		text = a.Section.Source + ": exit " + exit
	}
	if len(strings.TrimSpace(string(a.Evidence.Data))) > 0 {
		a.Evidence.Error, a.Evidence.Needs = "", "partly: "+text
		return
	}
	a.Evidence.Error = text
	a.Evidence.Needs = a.Section.Needs
}

// lastLine returns the last line of s that says something.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return OneLine(s[strings.LastIndexByte(s, '\n')+1:])
}
