package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

func (nginxKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	x, err := ngxOf(e)
	if err != nil {
		return Seen{}, err
	}
	rec, err := unpack[nginxRecord](u)
	if err != nil {
		return Seen{}, err
	}
	out := Seen{Changed: !u.Nothing}
	for _, f := range rec.Files {
		seen, err := verifyFile(ctx, x.m, f, !u.Nothing)
		if err != nil {
			return Seen{}, err
		}
		if !seen.OK {
			return seen, nil
		}
		out.Lines = append(out.Lines, seen.Line)
	}
	conf, err := x.conf(ctx)
	if errors.Is(err, ErrRefused) {
		return Seen{Line: err.Error(), Lines: out.Lines}, nil
	}
	if err != nil {
		return Seen{}, err
	}
	for _, want := range x.s.Require {
		if !strings.Contains(conf.text, want) {
			return Seen{Line: fmt.Sprintf("%s: the configuration does not hold %q", x.m.name, want), Lines: out.Lines}, nil
		}
	}
	if out.Line, err = x.standing(ctx, conf, u.Nothing); err != nil {
		if errors.Is(err, ErrNotDone) {
			return Seen{Line: err.Error(), Lines: out.Lines}, nil
		}
		return Seen{}, err
	}
	seen, err := hold{probes: x.s.Probe, within: orElse(x.s.Within, 5*time.Second)}.wait(ctx, e)
	if err != nil {
		return Seen{}, err
	}
	if !seen.OK {
		return Seen{Line: x.m.name + ": nginx has the new configuration, but " + seen.Line, Lines: append(out.Lines, seen.Lines...)}, nil
	}
	out.OK, out.Lines = true, append(out.Lines, seen.Lines...)
	return out, nil
}

// standing says how nginx stands after the step.
func (x ngx) standing(ctx context.Context, conf ngxConf, nothing bool) (string, error) {
	now, err := x.procs(ctx, conf)
	switch {
	case err != nil:
		return "", err
	case now.Master == 0:
		return "", fmt.Errorf("%w: %s: nginx does not run", ErrNotDone, x.m.name)
	case nothing:
		return "unchanged, not reloaded", nil
	}
	m := x.mark(ctx, blobTaken)
	if m == nil {
		return "", fmt.Errorf("%w: %s: nobody has seen nginx take the configuration", ErrNotDone, x.m.name)
	}
	line := fmt.Sprintf("%d files in place, nginx reloaded: %s", len(x.s.Files), m.Line)
	if len(now.Ending) > 0 && conf.shutdown == "" {
		line += fmt.Sprintf("; %d workers before still serve their last connections, without an end set (worker_shutdown_timeout)", len(now.Ending))
	}
	return line, nil
}

func (nginxKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	x, err := ngxOf(e)
	if err != nil {
		return Unclear, err
	}
	if u.Nothing || x.mark(ctx, blobTaken) != nil {
		return Ended, nil
	}
	return NotStarted, nil // files are compared and a reload that was ordered is looked at first
}

func (nginxKind) Undo(ctx context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	x, err := ngxOf(e)
	if err != nil {
		return err
	}
	rec, err := unpack[nginxRecord](u)
	if err != nil {
		return err
	}
	old, confErr := x.conf(ctx)
	if confErr == nil {
		if err := x.idle(ctx, old); err != nil {
			return err
		}
	}
	for i := len(rec.Files) - 1; i >= 0; i-- {
		if err := undoFile(ctx, e, rec.Files[i]); err != nil {
			return err
		}
	}
	conf, err := x.conf(ctx)
	if err != nil {
		return err
	}
	if x.mark(ctx, blobTaken) != nil || !x.told(ctx) {
		return nil // before a crash; or it runs with what is back on the disk now
	}
	return x.reload(ctx, conf)
}

// told reports whether the way forward has told nginx to take other files.
func (x ngx) told(ctx context.Context) bool {
	told := false
	readBlob(ctx, x.e, blobTold, &told)
	return told
}

func (nginxKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	x, err := ngxOf(e)
	if err != nil {
		return Seen{}, err
	}
	rec, err := unpack[nginxRecord](u)
	if err != nil {
		return Seen{}, err
	}
	if u.Nothing {
		return Seen{OK: true, Line: "nothing was changed"}, nil
	}
	out := Seen{Changed: true}
	for _, f := range rec.Files {
		seen, err := undoneFile(ctx, x.m, f)
		if err != nil || !seen.OK {
			return seen, err
		}
		out.Lines = append(out.Lines, seen.Line)
	}
	conf, err := x.conf(ctx)
	if err != nil {
		return Seen{}, err
	}
	if out.Line, err = x.standing(ctx, conf, !x.told(ctx)); err == nil && !x.told(ctx) {
		out.Line = "files are back; nginx was not reloaded, it runs with them"
	}
	if errors.Is(err, ErrNotDone) {
		return Seen{Line: err.Error(), Lines: out.Lines}, nil
	}
	if err == nil && rec.Dump != digest(nil) && digest([]byte(conf.text)) != rec.Dump {
		out.Lines = append(out.Lines, "other files of the configuration are not what they were before the step")
	}
	out.OK = err == nil
	return out, err
}

func (nginxKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	x, err := ngxOf(e)
	if err != nil {
		return nil, err
	}
	rec, err := unpack[nginxRecord](u)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range rec.Files {
		now, err := x.m.lookFile(ctx, f.Dst)
		if err != nil {
			return nil, err
		}
		if f.Before.same(now) {
			continue // the step put it back itself, as it does when nginx does not take it
		}
		d, err := driftFile(ctx, x.m, f)
		if err != nil {
			return nil, err
		}
		out = append(out, d...)
	}
	return out, nil
}
