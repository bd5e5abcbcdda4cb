package step

import (
	"context"
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// approve pauses for a person. It changes nothing; what was answered, the engine records.
type approve struct{ lookOnly }

func (approve) Record(ctx context.Context, e *Env) (Undo, error) {
	return lookOnly{"approve"}.Record(ctx, e)
}

func (approve) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Approve](e)
	if err != nil {
		return Change{}, err
	}
	return Change{Nothing: true, Back: BackNone, Lines: []string{"waits for a person: " + approveText(s)}}, nil
}

func approveText(s *deploy.Approve) string {
	return hosts.CleanLine(orWord(string(s.Ask), "go on?"))
}

// Verify asks. A no ends the step with ErrDeclined.
func (approve) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	s, err := settings[deploy.Approve](e)
	if err != nil {
		return Seen{}, err
	}
	q := Question{Kind: "approve", Text: approveText(s), Lines: s.Show, Comment: s.Comment}
	for {
		a, err := e.Ask(ctx, q)
		switch {
		case err != nil:
			return Seen{}, err
		case !a.Yes:
			return Seen{Line: "declined by " + by(a)}, fmt.Errorf("%w by %s", ErrDeclined, by(a))
		case s.Comment && strings.TrimSpace(a.Comment) == "":
			q.Text = approveText(s) + " (say why: a comment is required)"
			continue
		}
		return Seen{OK: true, Line: "approved by " + by(a)}, nil
	}
}
