package step

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// drain takes something out of work and waits until nothing is at work in it. Its undo runs the command that
// puts it back; without one, a person must.
type drain struct{}

// drainRecord is how to put it back.
type drainRecord struct {
	Quiet   []string `json:"quiet,omitempty"`
	Restore []string `json:"restore,omitempty"`
}

// drainMax is how long a drain waits that says nothing about it.
const drainMax = 10 * time.Minute

// Class: being quiet twice is being quiet, and the count can be read again.
func (drain) Class(any) Class { return Repeat }

func (drain) Plan(ctx context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.DrainStep](e)
	if err != nil {
		return Change{}, err
	}
	c := Change{Takes: 0}
	if len(s.Quiet) > 0 {
		c.Lines = append(c.Lines, "takes it out: "+brief(strings.Join(texts(s.Quiet), " ")))
	} else {
		c.Nothing = true
	}
	r := runProbe(ctx, e, s.Busy)
	now := "how much is at work is not known: " + r.line
	if r.ok && r.counted {
		now = strconv.FormatFloat(r.number, 'f', -1, 64) + " at work now"
	}
	c.Lines = append(c.Lines, fmt.Sprintf("waits until nothing is at work, at most %s, then: %s; %s", orElse(s.MaxWait, drainMax), orWord(s.Then, "ask"), now))
	c.Back, c.BackLines = drainWay(s)
	return c, nil
}

func drainWay(s *deploy.DrainStep) (Way, []string) {
	switch {
	case len(s.Restore) > 0:
		return BackCompensating, []string{"puts it back: " + brief(strings.Join(texts(s.Restore), " "))}
	case len(s.Quiet) == 0:
		return BackNone, nil
	}
	return BackManual, []string{"a person must put it back: no restore is declared"}
}

func (drain) Record(_ context.Context, e *Env) (Undo, error) {
	s, err := settings[deploy.DrainStep](e)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "drain", Data: data(drainRecord{Quiet: texts(s.Quiet), Restore: texts(s.Restore)})}
	u.Way, u.Lines = drainWay(s)
	u.Nothing = len(s.Quiet) == 0
	return u, nil
}

func (drain) Act(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[drainRecord](u)
	if err != nil || u.Nothing {
		return err
	}
	return mustJob(ctx, e, jobName(e, "quiet"), r.Quiet)
}

// mustJob runs an argv as a job that has to end with exit 0.
func mustJob(ctx context.Context, e *Env, job string, argv []string) error {
	exit, err := runJob(ctx, e, job, Job{Argv: argv})
	if err != nil || exit == 0 {
		return err
	}
	log, err := e.Jobs.Log(ctx, job, 64<<10)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %s: exit %d%s: %s", hostName(e), brief(strings.Join(argv, " ")), exit, exitHelp(exit), lastLine(log))
}

// Verify waits until the count is 0. What happens when it is not in time, the definition or the operator says.
func (drain) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	s, err := settings[deploy.DrainStep](e)
	if err != nil {
		return Seen{}, err
	}
	began, most, busy := time.Now(), orElse(s.MaxWait, drainMax), ""
	err = again(ctx, e, time.Second, func() (bool, error) {
		n, line, err := busyCount(ctx, e, s.Busy)
		if busy = line; err == nil && n == 0 {
			busy = ""
			return true, nil
		}
		note(e, "at work (%s), %s / %s", line, clock(time.Since(began)), clock(most))
		return time.Since(began) >= most, err
	})
	if err != nil {
		return Seen{}, err
	}
	if busy == "" {
		return Seen{OK: true, Changed: !u.Nothing, Line: "nothing is at work"}, nil
	}
	return stillAtWork(ctx, e, s, u, busy+" after "+clock(most))
}

func stillAtWork(ctx context.Context, e *Env, s *deploy.DrainStep, u Undo, busy string) (Seen, error) {
	line, then := hostName(e)+": still at work: "+hosts.CleanLine(busy), s.Then
	if then == "" || then == "ask" {
		a, err := e.Ask(ctx, Question{Kind: "choose", Text: line, Choices: []string{"force", "skip", "fail"}})
		if err != nil {
			return Seen{Line: line}, err
		}
		then = a.Choice
	}
	switch then {
	case "force":
		return Seen{OK: true, Changed: !u.Nothing, Line: line + "; goes on all the same"}, nil
	case "skip":
		return Seen{Line: line + "; left as it is"}, fmt.Errorf("%w: %s", ErrDeclined, line)
	}
	return Seen{Line: line}, nil
}

func (drain) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	if u.Nothing {
		return NotStarted, nil
	}
	p, _, err := e.Jobs.Find(ctx, jobName(e, "quiet"))
	return p, err
}

func (drain) Undo(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[drainRecord](u)
	switch {
	case err != nil || u.Way == BackNone:
		return err
	case len(r.Restore) == 0:
		return refused("%s: no restore is declared for what %s took out: put it back by hand, then mark the step", hostName(e), brief(strings.Join(r.Quiet, " ")))
	}
	return mustJob(ctx, e, jobName(e, "restore"), r.Restore)
}

// Undone: whether it works again, a gate says; here is seen that the command that puts it back has ended well.
func (drain) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[drainRecord](u)
	if err != nil {
		return Seen{}, err
	}
	if u.Way == BackNone {
		return Seen{OK: true, Line: "nothing to take back"}, nil
	}
	name := brief(strings.Join(r.Restore, " "))
	p, exit, err := e.Jobs.Find(ctx, jobName(e, "restore"))
	if err != nil || p != Ended || exit != 0 {
		return Seen{Line: name + " has not ended well"}, err
	}
	return Seen{OK: true, Changed: true, Line: name + ": exit 0"}, nil
}

func (drain) Drift(context.Context, *Env, Undo) ([]string, error) { return nil, nil }
