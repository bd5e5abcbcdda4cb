package tui_test

import (
	"context"
	"testing"
	"time"

	"midwatch/tui"
)

// asking starts a console and puts a question to it from a goroutine, as a transport does.
func asking(t *testing.T, ctx context.Context, kind tui.QuestionKind) (*console, <-chan tui.Answer) { //nolint:revive // t comes first in tests
	t.Helper()
	q := tui.NewQuestions()
	c := start(t, func(p *tui.Params) { p.Questions = q })
	answers := make(chan tui.Answer, 1)
	go func() {
		defer close(answers)
		a, err := q.Ask(ctx, tui.Question{Host: "web", Kind: kind, Title: "the host key of web is not known", Body: []string{"SHA256:abc"}})
		if err == nil {
			answers <- a
		}
	}()
	c.send(tui.AwaitQuestion(t.Context(), q))
	c.want("SHA256:abc")
	return c, answers
}

func TestQuestionsWaitForAQuietKeyboard(t *testing.T) {
	t.Parallel()
	c, answers := asking(t, t.Context(), tui.QuestionYesNo)
	c.press("y")
	c.want("SHA256:abc") // it had just opened: the key was meant for something else
	c.now = c.now.Add(300 * time.Millisecond)
	c.press("y")
	c.want("SHA256:abc") // the keyboard is not quiet
	c.now = c.now.Add(time.Second)
	c.press("y")
	if a := <-answers; !a.OK {
		t.Error("yes is not yes")
	}
	c.wantNot("SHA256:abc")
}

func TestQuestionSecret(t *testing.T) {
	t.Parallel()
	c, answers := asking(t, t.Context(), tui.QuestionSecret)
	c.now = c.now.Add(time.Second)
	c.text("hunter2")
	c.wantNot("hunter2")
	c.want("•••••••")
	c.press("enter")
	if a := <-answers; !a.OK || a.Text.Reveal() != "hunter2" {
		t.Errorf("secret: %q", a.Text.Reveal())
	}
}

func TestQuestionRefused(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"esc", "n", "enter"} {
		c, answers := asking(t, t.Context(), tui.QuestionYesNo)
		c.now = c.now.Add(time.Second)
		c.press(key)
		if a, ok := <-answers; !ok || a.OK {
			t.Errorf("%s agrees", key)
		}
	}
}

func TestQuestionGoesWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, answers := asking(t, ctx, tui.QuestionText)
	cancel()
	<-answers
	tui.Tick(c.r)
	c.wantNot("SHA256:abc")
}
