package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"midwatch/hosts"
)

// partMark is the file in a release directory while it is being filled.
const partMark = ".midwatch-part"

// badMark is the file that marks a release that was taken back, so that it is not offered again.
const badMark = ".midwatch-bad"

// currentRelease is the release that the link "current" points at, "" when there is none.
func (t *transfer) currentRelease(ctx context.Context) (string, error) {
	out, err := t.m.script(ctx, "look for the current release of "+t.to, nil, `d=$(cd -- "$1/current" 2>/dev/null && pwd -P) && printf '%s' "$d"; exit 0`, t.to)
	return out, err
}

// sharedThere wants everything that releases share to be there.
func (t *transfer) sharedThere(ctx context.Context) error {
	for _, x := range t.s.Shared {
		p := path.Join(t.to, "shared", strings.Trim(string(x), "/"))
		s, err := t.m.lookFile(ctx, p)
		if err != nil {
			return err
		}
		if !s.exists() {
			return refused("%s: %s is shared by all releases and is missing: put it there first", t.m.name, hosts.CleanLine(p))
		}
	}
	return nil
}

func (t *transfer) planRelease(ctx context.Context, e *Env, noRsync string) (Change, error) {
	if err := t.sharedThere(ctx); err != nil {
		return Change{}, err
	}
	run := e.Run
	if run == "" {
		run = "‹this run›"
	}
	c := Change{Back: BackReversible, BackLines: []string{"nothing live has changed: the release is left, marked bad"}}
	current, err := t.currentRelease(ctx)
	if err != nil {
		return c, err
	}
	c.Lines = []string{"+ release " + hosts.CleanLine(run)}
	if len(t.s.After) > 0 {
		c.Lines = append(c.Lines, fmt.Sprintf("then %d commands in it, whose effect is unknown", len(t.s.After)))
	}
	if noRsync != "" {
		c.Lines = append(c.Lines, "sent whole by tar: "+noRsync)
		c.Saw = t.to + " " + current
		return c, nil
	}
	against, name := current, "the current release"
	if current == "" {
		against, name = path.Join(t.to, "releases", ".midwatch-none"), "nothing"
	}
	items, err := t.diff(ctx, e, against, "--delete")
	if err != nil {
		return c, err
	}
	c.Lines[0] += ", against " + name + ": " + items.line()
	c.Detail = []Detail{items.detail("files, against " + name)}
	c.Saw = t.to + " " + current + " " + items.digest()
	return c, nil
}

const scriptRelease = `d=$1/releases
for p in "$1" "$d"; do [ -d "$p" ] || printf '%s\n' "$p"; done
[ -d "$2" ] || exit 0
[ -e "$2/$3" ] && echo whole || echo part`

func (t *transfer) recordRelease(ctx context.Context, e *Env, tar bool) (Undo, error) {
	if err := t.sharedThere(ctx); err != nil {
		return Undo{}, err
	}
	r := syncRecord{Mode: modeRelease, To: t.to, Sudo: t.m.sudo, Dir: releaseDir(t.to, e.Run), Tar: tar}
	out, err := t.m.script(ctx, "look at "+r.Dir, nil, scriptRelease, t.to, r.Dir, releaseMark)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "sync", Way: BackReversible, Lines: []string{"the release " + path.Base(r.Dir) + " is left, marked bad; nothing live has changed"}}
	for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		switch {
		case line == "whole":
			u.Nothing = true
		case strings.HasPrefix(line, "/"):
			r.Made = append(r.Made, line)
		}
	}
	if r.Before, err = t.currentRelease(ctx); err != nil {
		return u, err
	}
	if r.Before == r.Dir && !u.Nothing {
		return u, refused("%s: %s is current and not complete: swap back first", t.m.name, hosts.CleanLine(r.Dir))
	}
	u.Data = data(r)
	return u, nil
}

func (t *transfer) actRelease(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[syncRecord](u)
	if err != nil {
		return err
	}
	t.m.sudo = r.Sudo
	if whole, err := r.whole(ctx, e); err != nil || whole {
		return err
	}
	if _, err := t.m.script(ctx, "make "+r.Dir, nil, `mkdir -p -- "$1" && : >"$1/$2"`, r.Dir, partMark); err != nil {
		return err
	}
	note(e, "sends the release")
	if err := t.fill(ctx, e, r); err != nil {
		return err
	}
	if err := t.linkShared(ctx, r); err != nil {
		return err
	}
	if t.root {
		if _, err := t.m.script(ctx, "give "+r.Dir+" to its owner", nil, `chown -R -h -- "$1" "$2"`, fmt.Sprintf("%d:%d", t.uid, t.gid), r.Dir); err != nil {
			return err
		}
	}
	if err := t.after(ctx, e, r); err != nil {
		return err
	}
	if err := r.mark(ctx, e, releaseMark); err != nil {
		return err
	}
	return t.m.removeFile(ctx, path.Join(r.Dir, partMark))
}

// fill sends the release and looks a second time that all of it is there.
func (t *transfer) fill(ctx context.Context, e *Env, r syncRecord) error {
	if r.Tar {
		return t.fillByTar(ctx, e, r)
	}
	send := rsync{from: t.from, to: r.Dir, flags: append(t.flags(), "--delete"), sudo: r.Sudo && !sameMachine(e)}
	if r.Before != "" {
		send.flags = append(send.flags, "--link-dest="+r.Before)
	}
	if _, err := send.run(ctx, e); err != nil {
		return err
	}
	left, err := t.left(ctx, e, r.Dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%s: %s: a second look still finds %s%s: %w", t.m.name, hosts.CleanLine(r.Dir), left.line(), t.overlooked(), ErrNotDone)
	}
	return nil
}

const scriptShared = `[ -L "$2" ] && [ "$(readlink -- "$2")" = "$1" ] && exit 0
mkdir -p -- "$(dirname -- "$2")" && rm -f -- "$2.midwatch~" && ln -s -- "$1" "$2.midwatch~" && mv -T -f -- "$2.midwatch~" "$2"`

// linkShared links what all releases share into the new one.
func (t *transfer) linkShared(ctx context.Context, r syncRecord) error {
	for _, x := range t.s.Shared {
		rel := strings.Trim(string(x), "/")
		if _, err := t.m.script(ctx, "link "+rel+" into "+r.Dir, nil, scriptShared, path.Join(t.to, "shared", rel), path.Join(r.Dir, rel)); err != nil {
			return err
		}
	}
	return nil
}

// after runs the commands of the release inside it, one after the other, each as a job.
func (t *transfer) after(ctx context.Context, e *Env, r syncRecord) error {
	for i, a := range t.s.After {
		argv := texts(a)
		name := brief(strings.Join(argv, " "))
		note(e, "runs %s", name)
		job := jobName(e, fmt.Sprintf("after%d", i+1))
		exit, err := runJob(ctx, e, job, Job{Argv: argv, Dir: r.Dir, Sudo: r.Sudo})
		if err != nil {
			return err
		}
		if exit != 0 {
			log, err := e.Jobs.Log(ctx, job, 64<<10)
			if err != nil {
				return err
			}
			return fmt.Errorf("%s: %s in %s: exit %d%s: %s; nothing live has changed", t.m.name, name, hosts.CleanLine(r.Dir), exit, exitHelp(exit), lastLine(log))
		}
	}
	return nil
}

// mark writes one of the marks of a release.
func (r syncRecord) mark(ctx context.Context, e *Env, name string) error {
	j, err := json.Marshal(map[string]string{"run": e.Run, "step": e.Step, "at": e.Now().UTC().Format("2006-01-02T15:04:05Z")})
	if err != nil {
		return err
	}
	m := r.machine(e)
	p := path.Join(r.Dir, name)
	_, err = m.script(ctx, "mark "+r.Dir, bytes.NewReader(append(j, '\n')), `cat >"$1~" && { sync "$1~" 2>/dev/null || sync; } && mv -f -- "$1~" "$1" && { sync "$(dirname -- "$1")" 2>/dev/null || sync; }`, p)
	return err
}

// whole reports that the release is complete.
func (r syncRecord) whole(ctx context.Context, e *Env) (bool, error) {
	s, err := r.machine(e).lookFile(ctx, path.Join(r.Dir, releaseMark))
	return s.exists(), err
}

func (t *transfer) verifyRelease(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[syncRecord](u)
	if err != nil {
		return Seen{}, err
	}
	t.m.sudo = r.Sudo
	dir := hosts.CleanLine(r.Dir)
	if whole, err := r.whole(ctx, e); err != nil || !whole {
		return Seen{Line: dir + " is not complete"}, err
	}
	// Commands that ran inside may have changed what was sent: then the look before them counts.
	if len(t.s.After) == 0 {
		if line, err := t.lookAgain(ctx, e, r); err != nil || line != "" {
			return Seen{Line: line}, err
		}
	}
	if err := writeBlob(ctx, e, blobAfter, "whole"); err != nil {
		return Seen{}, err
	}
	if e.Output != nil {
		e.Output("release", r.Dir)
		if r.Before != "" {
			e.Output("previous", r.Before)
		}
	}
	return Seen{OK: true, Changed: !u.Nothing, Line: dir + " is complete"}, nil
}

// lookAgain says what is not in the release as the source has it.
func (t *transfer) lookAgain(ctx context.Context, e *Env, r syncRecord) (string, error) {
	if r.Tar {
		paths, err := t.list(ctx, e)
		if err == nil {
			err = t.sameSums(ctx, e, r, paths)
		}
		if errors.Is(err, ErrNotDone) {
			return err.Error(), nil
		}
		return "", err
	}
	left, err := t.left(ctx, e, r.Dir)
	if err != nil || len(left) == 0 {
		return "", err
	}
	return fmt.Sprintf("%s: a second look still finds %s%s", hosts.CleanLine(r.Dir), left.line(), t.overlooked()), nil
}

func (r syncRecord) probeRelease(ctx context.Context, e *Env) (Progress, error) {
	whole, err := r.whole(ctx, e)
	switch {
	case err != nil:
		return Unclear, err
	case whole:
		return Ended, nil
	}
	return NotStarted, nil
}

const scriptUnrelease = `cur=$(cd -- "$1/current" 2>/dev/null && pwd -P)
me=$(cd -- "$2" 2>/dev/null && pwd -P) || exit 0
[ "$cur" = "$me" ] && exit 41
[ -e "$2/$3" ] && exit 42
rm -rf -- "$2"`

// undoRelease removes a release that never got complete, and marks one that did as bad: it is evidence, and
// retain removes it in its time.
func (r syncRecord) undoRelease(ctx context.Context, e *Env) error {
	m := r.machine(e)
	_, err := m.script(ctx, "take back "+r.Dir, nil, scriptUnrelease, r.To, r.Dir, releaseMark)
	switch exitOf(err) {
	case 41:
		return refused("%s: %s is current: swap back first", m.name, hosts.CleanLine(r.Dir))
	case 42:
		return r.mark(ctx, e, badMark)
	}
	if err != nil {
		return err
	}
	for i := len(r.Made) - 1; i >= 0; i-- {
		if _, err := m.script(ctx, "remove "+r.Made[i], nil, `rmdir -- "$1" 2>/dev/null; exit 0`, r.Made[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r syncRecord) undoneRelease(ctx context.Context, e *Env) (Seen, error) {
	dir := hosts.CleanLine(r.Dir)
	s, err := r.machine(e).lookFile(ctx, r.Dir)
	if err != nil {
		return Seen{}, err
	}
	if !s.exists() {
		return Seen{OK: true, Changed: true, Line: dir + " is removed"}, nil
	}
	s, err = r.machine(e).lookFile(ctx, path.Join(r.Dir, badMark))
	if err != nil || !s.exists() {
		return Seen{Line: dir + " is there and not marked bad"}, err
	}
	return Seen{OK: true, Changed: true, Line: dir + " is marked bad; nothing live has changed"}, nil
}

func (r syncRecord) driftRelease(ctx context.Context, e *Env) ([]string, error) {
	whole, err := r.whole(ctx, e)
	if err != nil || whole {
		return nil, err
	}
	var seen string
	if readBlob(ctx, e, blobAfter, &seen); seen == "" {
		return nil, nil // it never was complete: what there is of it is ours
	}
	return []string{hosts.CleanLine(r.Dir) + " is gone or not complete any more"}, nil
}
