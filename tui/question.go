package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// QuestionKind says what an answer is.
type QuestionKind int

// The kinds of questions.
const (
	QuestionYesNo  QuestionKind = iota // a host key
	QuestionSecret                     // a password or passphrase, shown as dots
	QuestionText                       // a line of a keyboard-interactive exchange
)

// Question is asked by a transport while it connects.
type Question struct {
	Host  string
	Kind  QuestionKind
	Title string   // "the host key of web-1 is not known"
	Body  []string // algorithm, fingerprint, what was compared
}

// Answer is what the person said. OK is false when the question was dismissed, or answered with no.
type Answer struct {
	OK   bool
	Text hosts.Secret
}

// Questions carries questions from transports to the console, one at a time.
type Questions struct {
	waiting chan *asking
}

type asking struct {
	q      Question
	ctx    context.Context //nolint:containedctx // tells the dialog that nobody waits any more
	opened time.Time
	answer chan Answer // of one: an answer is never waited for
}

// NewQuestions returns an empty queue.
func NewQuestions() *Questions { return &Questions{waiting: make(chan *asking)} }

// Ask shows the question and waits for the answer. It may be called from any goroutine. When ctx
// ends first the dialog goes away and the error is that of the context.
func (q *Questions) Ask(ctx context.Context, question Question) (Answer, error) {
	a := &asking{q: question, ctx: ctx, answer: make(chan Answer, 1)}
	select {
	case q.waiting <- a:
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
	select {
	case ans := <-a.answer:
		return ans, nil
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	}
}

type questionMsg struct{ a *asking }

func waitQuestion(ctx context.Context, q *Questions) tea.Cmd {
	return func() tea.Msg {
		select {
		case a := <-q.waiting:
			return questionMsg{a}
		case <-ctx.Done():
			return questionMsg{}
		}
	}
}

// asked opens the dialog of a question behind those that wait already, and listens for the next.
func (r *Root) asked(m questionMsg) tea.Cmd {
	if m.a == nil {
		return nil
	}
	m.a.opened = r.p.Deps.Now()
	o := newAsk(m.a)
	at := len(r.over)
	for i, x := range r.over {
		if _, ok := x.(*ask); ok {
			at = i
			break
		}
	}
	r.over = append(r.over[:at:at], append([]overlay{o}, r.over[at:]...)...)
	return waitQuestion(r.p.Deps.Context, r.p.Questions)
}

// dropAnswered closes the dialogs nobody waits for any more.
func (r *Root) dropAnswered() {
	for _, o := range append([]overlay(nil), r.over...) {
		if a, ok := o.(*ask); ok && a.a.ctx.Err() != nil {
			r.drop(o)
		}
	}
}

// ask is the dialog of a question. It opens by itself, so it takes no key until the keyboard has
// been quiet for a moment.
type ask struct {
	a     *asking
	yes   bool
	input *ui.Input
	armed bool
}

func newAsk(a *asking) *ask {
	o := &ask{a: a}
	switch a.q.Kind {
	case QuestionSecret:
		o.input = ui.NewSecretInput("> ")
	case QuestionText:
		o.input = ui.NewInput("> ", "")
	}
	return o
}

// ready reports whether a key at now was meant for the dialog.
func (o *ask) ready(now time.Time, quiet bool) bool {
	if o.armed {
		return true
	}
	o.armed = quiet && now.Sub(o.a.opened) >= grace
	return o.armed
}

func (o *ask) key(r *Root, m tea.KeyMsg) tea.Cmd {
	if m.Type == tea.KeyEsc {
		return o.reply(r, Answer{})
	}
	if o.input != nil {
		if m.Type == tea.KeyEnter {
			return o.reply(r, Answer{OK: true, Text: hosts.NewSecret(o.input.Value())})
		}
		o.input.Update(m)
		return nil
	}
	if m.Paste {
		return nil
	}
	switch m.String() {
	case "y":
		return o.reply(r, Answer{OK: true})
	case "n":
		return o.reply(r, Answer{})
	case "tab", "shift+tab", "left", "right", "h", "l":
		o.yes = !o.yes
	case "enter":
		return o.reply(r, Answer{OK: o.yes})
	}
	return nil
}

// reply hands the answer over; the channel has room for it, so this never waits.
func (o *ask) reply(r *Root, a Answer) tea.Cmd {
	r.drop(o)
	if o.input != nil {
		o.input.SetValue("")
	}
	ch := o.a.answer
	return func() tea.Msg {
		select {
		case ch <- a:
		default:
		}
		return nil
	}
}

func (o *ask) mouse(*Root, tea.MouseMsg) tea.Cmd { return nil }

func (o *ask) hint() string {
	if o.input != nil {
		return "enter answer  esc refuse"
	}
	return "y yes  n no  esc refuse"
}

func (o *ask) box(st *themes.Styles, w, h int) []string {
	inner := max(1, min(dialogWidth+10, w-6))
	var lines []string
	for _, l := range ui.Wrap(st.Glyphs.Warn+" "+ui.Clean(o.a.q.Title), inner) {
		lines = append(lines, st.Normal.Render(themes.Warn, l))
	}
	for _, b := range o.a.q.Body {
		lines = append(lines, ui.Wrap(ui.Clean(b), inner)...)
	}
	lines = append(lines, "")
	if o.input != nil {
		lines = append(lines, o.input.Line(st, inner))
	} else {
		lines = append(lines, choice(st, !o.yes, "No")+"  "+choice(st, o.yes, "Yes"))
	}
	return padded(st, ui.Frame{Title: ui.Clean(o.a.q.Host) + " asks"}, lines, w, h)
}
