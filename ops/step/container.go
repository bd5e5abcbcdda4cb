package step

import (
	"context"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// containerKind starts, stops and restarts one container ("container").
type containerKind struct{}

// containerStable is how long a container without a healthcheck has to run, and containerWithin how long is
// waited for it.
const (
	containerStable = 5 * time.Second
	containerWithin = 90 * time.Second
)

func (containerKind) Class(any) Class { return Repeat }

// Late reports that a restart takes up files that other steps put back.
func (containerKind) Late(any) bool { return true }

type box struct {
	comp
	s *deploy.Container
}

func boxOf(e *Env) (box, error) {
	s, err := settings[deploy.Container](e)
	if err != nil {
		return box{}, err
	}
	m := login(e)
	m.sudo = s.Sudo && e.Sudo
	return box{comp{e: e, m: m, s: &deploy.Compose{}}, s}, nil
}

// look reads the container.
func (x box) look(ctx context.Context, name string) (compContainer, error) {
	out, err := x.m.must(ctx, "look at container "+name, "docker", "inspect", "--type", "container", "--", name)
	if err != nil {
		return compContainer{}, x.known(err)
	}
	list, err := parseContainers([]byte(out))
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%s: docker inspect tells of %d containers", x.m.name, len(list))
	}
	if err != nil {
		return compContainer{}, err
	}
	list[0].Service = list[0].Name // for the verdict
	return list[0], nil
}

func (x box) nothing(c compContainer) bool {
	switch x.s.Op {
	case "start":
		return c.State == "running"
	case "stop":
		return c.State == "exited" || c.State == "created"
	}
	return false
}

func (containerKind) Plan(ctx context.Context, e *Env) (Change, error) {
	x, err := boxOf(e)
	if err != nil {
		return Change{}, err
	}
	c, err := x.look(ctx, string(x.s.Name))
	if err != nil {
		return Change{}, err
	}
	out := Change{Back: BackReversible, Saw: fmt.Sprintln(c.Name, c.ID, c.State), BackLines: []string{x.backWord() + " " + c.Name}}
	if x.nothing(c) {
		out.Nothing, out.Back, out.BackLines = true, BackNone, nil
		out.Lines = []string{c.Name + " is " + c.State + " already"}
		return out, nil
	}
	out.Lines = []string{fmt.Sprintf("~ %s %s, which is %s with image %s", x.s.Op, c.Name, c.State, shortID(c.Image))}
	return out, nil
}

func (x box) backWord() string {
	return map[string]string{"start": "stop", "stop": "start", "restart": "restart, after files are back,"}[x.s.Op]
}

func (containerKind) Record(ctx context.Context, e *Env) (Undo, error) {
	x, err := boxOf(e)
	if err != nil {
		return Undo{}, err
	}
	c, err := x.look(ctx, string(x.s.Name))
	if err != nil {
		return Undo{}, err
	}
	return Undo{Kind: "container", Way: BackReversible, Nothing: x.nothing(c), Lines: []string{x.backWord() + " " + c.Name}, Data: data(c)}, nil
}

func (containerKind) Act(ctx context.Context, e *Env, u Undo) error {
	x, err := boxOf(e)
	if err != nil || u.Nothing {
		return err
	}
	was, err := unpack[compContainer](u)
	if err != nil {
		return err
	}
	now, err := x.look(ctx, was.ID)
	if err != nil {
		return err
	}
	if x.s.Op == "restart" && e.Try <= 1 && now.Started.After(was.Started) {
		return nil // before a crash
	}
	return x.order(ctx, x.s.Op, was)
}

// order tells the engine, by a job: docker waits for as long as the container takes to stop, and an order whose end
// nobody saw is found again by its name instead of being given twice.
func (x box) order(ctx context.Context, verb string, c compContainer) error {
	name := jobName(x.e, "docker")
	exit, err := runJob(ctx, x.e, name, Job{Argv: []string{"docker", verb, c.ID}, Sudo: x.m.sudo})
	if err != nil || exit == 0 {
		return err
	}
	log, err := x.e.Jobs.Log(ctx, name, 64<<10)
	if err != nil {
		return err
	}
	return x.known(x.m.explain(&failure{x.m.name, "docker " + verb + " " + c.Name, hosts.Result{Exit: exit, Stderr: log}}))
}

func (containerKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	x, err := boxOf(e)
	if err != nil {
		return Seen{}, err
	}
	was, err := unpack[compContainer](u)
	if err != nil {
		return Seen{}, err
	}
	seen, err := x.became(ctx, was, x.s.Op != "stop", x.s.Op == "restart")
	seen.Changed = !u.Nothing
	return seen, err
}

// became waits until the container runs and goes on running, or has stopped; anew wants it started since.
func (x box) became(ctx context.Context, was compContainer, up, anew bool) (seen Seen, err error) {
	start := time.Now()
	w := upWish{stable: containerStable, restarts: map[string]int{was.ID: was.Restarts}}
	err = again(ctx, x.e, time.Second, func() (bool, error) {
		now, err := hostClock(ctx, x.e)
		if err != nil {
			return false, err
		}
		c, err := x.look(ctx, was.ID)
		if err != nil {
			return false, err
		}
		v := judgeStopped(c)
		if up {
			v = w.judge(c, now)
		}
		if anew && !c.Started.After(was.Started) {
			v = verdictUp{fail: true, line: c.Name + ": runs since before, it was not restarted"}
		}
		late := time.Since(start) > containerWithin
		seen = Seen{OK: v.ok, Line: v.line}
		if v.fail || !v.ok && late {
			x.lastWords(ctx, c.Service, []compContainer{c})
			seen.Line = x.m.name + ": " + v.line + "; its last lines are in the output"
			return true, nil
		}
		note(x.e, "%s", v.line)
		return v.ok, nil
	})
	return seen, err
}

func judgeStopped(c compContainer) verdictUp {
	if c.State == "exited" || c.State == "created" || c.State == "dead" {
		line := fmt.Sprintf("%s: stopped, exit %d", c.Name, c.Exit)
		if c.Exit == 137 && !c.OOM {
			line += ": killed, it did not end within its grace period"
		}
		return verdictUp{ok: true, line: line}
	}
	return verdictUp{line: c.Name + ": still " + c.State}
}

func (containerKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	x, err := boxOf(e)
	if err != nil {
		return Unclear, err
	}
	was, err := unpack[compContainer](u)
	if err != nil {
		return Unclear, err
	}
	now, err := x.look(ctx, was.ID)
	switch {
	case err != nil:
		return Unclear, err
	case x.s.Op == "restart" && now.Started.After(was.Started), x.s.Op != "restart" && x.nothing(now):
		return Ended, nil
	}
	return NotStarted, nil
}

func (containerKind) Undo(ctx context.Context, e *Env, u Undo) error {
	x, err := boxOf(e)
	if err != nil || u.Nothing {
		return err
	}
	was, err := unpack[compContainer](u)
	if err != nil {
		return err
	}
	verb, _, _ := strings.Cut(x.backWord(), ",")
	if was.State != "running" {
		verb = "stop"
	}
	return x.order(ctx, verb, was)
}

func (containerKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	x, err := boxOf(e)
	if err != nil {
		return Seen{}, err
	}
	was, err := unpack[compContainer](u)
	if err != nil {
		return Seen{}, err
	}
	if u.Nothing {
		return Seen{OK: true, Line: "nothing was changed"}, nil
	}
	seen, err := x.became(ctx, was, was.State == "running", false)
	seen.Changed = true
	return seen, err
}

func (containerKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	x, err := boxOf(e)
	if err != nil {
		return nil, err
	}
	was, err := unpack[compContainer](u)
	if err != nil {
		return nil, err
	}
	now, err := x.look(ctx, string(x.s.Name))
	if err != nil {
		return nil, err
	}
	if now.ID != was.ID {
		return []string{fmt.Sprintf("%s: %s was made anew since the step, with image %s", x.m.name, now.Name, shortID(now.Image))}, nil
	}
	return nil, nil
}
