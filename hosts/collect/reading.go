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

	answers  []Answer
	cur      int           // the section being read, -1 between sections
	began    time.Duration // host uptime at its begin
	begunAt  time.Time     // ours
	buf      []byte
	over     bool // cur printed more than it may
	started  bool
	finished bool
	err      error

	meter   clockMeter
	grain   time.Duration // how exact the host's stamp is
	stamped time.Time     // the host's clock at start
	startUp time.Duration // the host's uptime then
	system  int           // index of the system section's answer, plus one
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
		if i := len(b.answers); i < len(b.sections) && b.sections[i].ID == m.id {
			b.cur, b.began, b.begunAt, b.buf = i, m.uptime, now, nil
			b.timer.Reset(b.sections[i].limit() + b.r.p.Grace)
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
		b.finished = true
		if b.started && m.known && !b.stamped.IsZero() {
			b.meter.before(b.stamped.Add(m.uptime-b.startUp), now)
			b.grain += 10 * time.Millisecond // uptime's
		}
		b.clock()
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
	b.stamped, b.startUp, b.grain = at, m.uptime, grain
	b.meter.after(at, b.sent)
	b.meter.before(at, now)
}

// clock adds what was measured to the system section's evidence.
func (b *reading) clock() {
	c := b.meter.clock(b.grain)
	if b.system == 0 || !c.Known {
		return
	}
	ev := &b.answers[b.system-1].Evidence
	ev.Data = append(ev.Data, clockLine(c)...)
}

// close ends the current section with its exit code.
func (b *reading) close(exit int, took time.Duration, now time.Time) {
	s := b.sections[b.cur]
	a := Answer{Section: s, Evidence: evidence(b.r.p.Host, s, now, took, b.buf)}
	switch {
	case exit == 137 || exit == 124:
		a.Sick = true
		a.Evidence.Error = fmt.Sprintf("no answer within %s", s.limit())
	case exit != 0:
		a.Sick = true
		a.Evidence.Error = "exit " + strconv.Itoa(exit) // the complaint is added at the end
	}
	if s.ID == "system" {
		b.system = len(b.answers) + 1
	}
	b.answers = append(b.answers, a)
	b.cur, b.buf = -1, nil
}

// lastWords is how long the end of standard error is waited for after the last boundary. A process
// stuck in the kernel may hold it open for ever.
const lastWords = 500 * time.Millisecond

// end settles what the batch came to after reading stopped with err.
func (b *reading) end(ctx context.Context, stream hosts.Stream, nonce string, err error) {
	why := cause(ctx, err)
	switch {
	case b.finished:
		b.complain(stream, nonce)
		return
	case b.cur >= 0 && (b.over || errors.Is(why, errSilent)):
		s := b.sections[b.cur]
		b.close(0, b.r.p.Now().Sub(b.begunAt), b.r.p.Now())
		a := &b.answers[len(b.answers)-1]
		a.Sick = true
		if b.over {
			a.Evidence.Error = fmt.Sprintf("more than %d bytes of output", s.bytes())
		} else {
			a.Evidence.Error = fmt.Sprintf("no answer within %s", s.limit()+b.r.p.Grace)
		}
		return
	}
	b.err = b.ended(ctx, stream, why)
}

// ended says why a batch broke off outside of a section's fault.
func (b *reading) ended(ctx context.Context, stream hosts.Stream, why error) error {
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
	failed := false
	for _, a := range b.answers {
		failed = failed || a.Sick
	}
	if !failed {
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
	for i := range b.answers {
		b.blame(&b.answers[i], lastLine(words[b.answers[i].Section.ID]))
	}
}

// blame puts the last complaint of a failed section into its evidence. What printed an answer and
// still failed is taken for partly read.
func (b *reading) blame(a *Answer, text string) {
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
	return oneLine(s[strings.LastIndexByte(s, '\n')+1:])
}
