package step

import (
	"context"
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// check is the looks before anything happens. It changes nothing.
type check struct{ lookOnly }

// verdict is what one look says.
type verdict struct {
	ok   bool
	line string
	lost error // the way to the host is cut: nothing was seen, neither good nor bad
}

func pass(format string, a ...any) verdict { return verdict{ok: true, line: fmt.Sprintf(format, a...)} }
func fail(format string, a ...any) verdict { return verdict{line: fmt.Sprintf(format, a...)} }

// failErr is a look that could not be made: what is not known is not good.
func failErr(what string, err error) verdict {
	v := fail("%s: not known: %s", what, hosts.CleanLine(err.Error()))
	if linkLost(err) {
		v.lost = err
	}
	return v
}

// unseenLook is why the looks say nothing about the host: the way to it is cut. nil when they do.
func unseenLook(all []verdict) error {
	for _, v := range all {
		if v.lost != nil {
			return v.lost
		}
	}
	return nil
}

func (check) Record(ctx context.Context, e *Env) (Undo, error) {
	return lookOnly{"check"}.Record(ctx, e)
}

// Plan makes the looks too: what fails now is worth knowing before anybody says yes.
func (check) Plan(ctx context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Check](e)
	if err != nil {
		return Change{}, err
	}
	line, lines, _ := sum(looks(ctx, e, s))
	if err := ctx.Err(); err != nil {
		return Change{}, context.Cause(ctx)
	}
	return Change{Nothing: true, Back: BackNone, Lines: []string{line}, Detail: []Detail{{Title: "checks", Text: strings.Join(lines, "\n")}}}, nil
}

func (check) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	s, err := settings[deploy.Check](e)
	if err != nil {
		return Seen{}, err
	}
	all := looks(ctx, e, s)
	line, lines, ok := sum(all)
	if err := ctx.Err(); err != nil {
		return Seen{}, context.Cause(ctx)
	}
	if err := unseenLook(all); err != nil { // no verdict is made on what nobody saw
		return Seen{}, err
	}
	return Seen{OK: ok, Line: line, Lines: lines}, nil
}

// sum makes one line of all looks: the first that fails, and how many do.
func sum(vs []verdict) (line string, lines []string, ok bool) {
	failed, first := 0, ""
	for _, v := range vs {
		mark := "ok    "
		if !v.ok {
			mark = "FAILS "
			if failed++; first == "" {
				first = v.line
			}
		}
		lines = append(lines, mark+v.line)
	}
	if failed > 0 {
		return fmt.Sprintf("%d of %d checks fail: %s", failed, len(vs), first), lines, false
	}
	return fmt.Sprintf("%d of %d checks pass", len(vs), len(vs)), lines, true
}

// looks makes all looks of the settings.
func looks(ctx context.Context, e *Env, s *deploy.Check) (out []verdict) {
	for _, t := range s.Tools {
		out = append(out, lookTool(ctx, e, string(t)))
	}
	for _, d := range s.DiskFree {
		out = append(out, lookDisk(ctx, e, d)...)
	}
	if s.Sudo {
		out = append(out, lookSudo(ctx, e))
	}
	if s.ClockOffset > 0 {
		out = append(out, lookClock(ctx, e, s.ClockOffset))
	}
	for _, p := range s.PortOwner {
		out = append(out, lookPort(ctx, e, p))
	}
	for _, p := range s.NotOnNFS {
		out = append(out, lookNFS(ctx, e, string(p)))
	}
	for _, f := range s.FileMatches {
		out = append(out, lookMatches(ctx, e, f)...)
	}
	for _, u := range s.Units {
		out = append(out, lookUnit(ctx, e, string(u)))
	}
	for _, i := range s.Images {
		out = append(out, lookImage(ctx, e, string(i)))
	}
	if len(s.Checks) > 0 {
		out = append(out, lookChecks(ctx, e, texts(s.Checks))...)
	}
	return out
}

func lookChecks(ctx context.Context, e *Env, ids []string) []verdict {
	if e.Checks == nil {
		return []verdict{fail("checks %s: not known: nobody can be asked here", strings.Join(ids, ", "))}
	}
	found, err := e.Checks(ctx, e.Host, ids)
	if err != nil {
		return []verdict{failErr("checks "+strings.Join(ids, ", "), err)}
	}
	var out []verdict
	for _, f := range found {
		out = append(out, fail("%s", hosts.CleanLine(f)))
	}
	if len(out) == 0 {
		out = append(out, pass("checks %s find nothing", strings.Join(ids, ", ")))
	}
	return out
}
