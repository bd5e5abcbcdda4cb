package step

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// file puts one file in place, or takes one away. Its undo brings back content, mode, owner, times and
// extended attributes; a file that was not there is removed.
type file struct{}

// fileRecord is what was there, and what will be.
type fileRecord struct {
	Dst     string    `json:"dst"`
	Before  fileState `json:"before"`
	After   fileState `json:"after"` // UID and GID are -1 where only the host knows them
	Saved   string    `json:"saved,omitempty"`
	InPlace bool      `json:"in_place,omitempty"`
	Sudo    bool      `json:"sudo,omitempty"`
}

// fileRights is the machine a file step works with: root where an owner is to be given.
func fileRights(ctx context.Context, e *Env, s *deploy.File) (machine, error) {
	m, err := rights(ctx, e, string(s.Dst))
	if err != nil || m.sudo || s.Owner == "" || !e.Sudo {
		return m, err
	}
	self, err := m.isSelf(ctx, string(s.Owner))
	if err != nil || self {
		return m, err
	}
	return target(e), nil
}

// machine is the one the record was made with.
func (r fileRecord) machine(e *Env) machine {
	return machine{conn: e.Conn, name: hostName(e), sudo: r.Sudo}
}

func (file) Class(any) Class { return Repeat }

func (file) Plan(ctx context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.File](e)
	if err != nil {
		return Change{}, err
	}
	m, err := fileRights(ctx, e, s)
	if err != nil {
		return Change{}, err
	}
	w, err := wishFile(ctx, e, m, s)
	if err != nil {
		return Change{}, err
	}
	return w.change(), nil
}

func (file) Record(ctx context.Context, e *Env) (Undo, error) {
	s, err := settings[deploy.File](e)
	if err != nil {
		return Undo{}, err
	}
	m, err := fileRights(ctx, e, s)
	if err != nil {
		return Undo{}, err
	}
	w, err := wishFile(ctx, e, m, s)
	if err != nil {
		return Undo{}, err
	}
	return w.record(ctx, e, m, "file", "before")
}

func (file) Act(ctx context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	s, err := settings[deploy.File](e)
	if err != nil {
		return err
	}
	r, err := unpack[fileRecord](u)
	if err != nil {
		return err
	}
	return actFile(ctx, e, r.machine(e), s, r)
}

// actFile puts a file in place. When it lies there already, from before a crash, nothing is done.
func actFile(ctx context.Context, e *Env, m machine, s *deploy.File, r fileRecord) error {
	now, err := m.lookFile(ctx, r.Dst)
	if err != nil {
		return err
	}
	if r.reached(now) {
		return nil
	}
	if why := r.Before.differs(now); why != "" && !r.halfway(now) {
		return refused("%s: %s %s: changed by someone else since the plan; look at it and plan again", m.name, hosts.CleanLine(r.Dst), why)
	}
	if s.Absent {
		return m.removeFile(ctx, r.Dst)
	}
	was := *s
	was.Was = "" // Before has been compared; after a crash in the middle of writing in place it cannot hold
	w := wish{s: &was, before: r.Before}
	if r.Saved != "" && len(s.Edits) > 0 {
		v, err := vault(ctx, e, m)
		if err != nil {
			return err
		}
		old, err := v.readFile(ctx, r.Saved, maxLocal)
		if err != nil {
			return err
		}
		w.old = string(old)
	}
	if err := w.fill(ctx, e); err != nil {
		return err
	}
	if digest(w.content) != r.After.SHA256 {
		return refused("%s: what is to be put into %s has changed since the record was made: plan again", m.name, hosts.CleanLine(r.Dst))
	}
	return putFile(ctx, m, s, r, w.content, now, e.Run)
}

// putFile stages, validates and places.
func putFile(ctx context.Context, m machine, s *deploy.File, r fileRecord, content []byte, now fileState, run string) error {
	f := newFile{Path: r.Dst, Content: content, Mode: r.After.Mode, Owner: string(s.Owner), InPlace: r.InPlace, Was: now.SHA256}
	if !now.exists() {
		f.Was = "absent"
	}
	tmp, err := m.stageFile(ctx, f, run)
	if err != nil {
		return err
	}
	if err := m.validate(ctx, s, tmp); err != nil {
		return errors.Join(err, m.removeFile(ctx, tmp))
	}
	return m.placeFile(ctx, f, tmp)
}

// validate runs the definition's check of a candidate.
func (m machine) validate(ctx context.Context, s *deploy.File, tmp string) error {
	if len(s.Validate) == 0 {
		return nil
	}
	argv := texts(s.Validate)
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], "%s", tmp)
	}
	res, err := m.run(ctx, nil, argv...)
	switch {
	case err != nil:
		return err
	case res.Exit != 0:
		why := lastLine(res.Stderr)
		if why == "" {
			why = lastLine(res.Stdout)
		}
		return refused("%s: %s does not pass %s (exit %d: %s); the file was left as it is: correct it", m.name, hosts.CleanLine(string(s.Dst)), brief(argv[0]), res.Exit, why)
	}
	return nil
}

// want is the state the file should be in, given how it is: what is not said is as it is.
func (r fileRecord) want(now fileState) fileState {
	a := r.After
	if a.UID == -1 {
		a.UID = now.UID
	}
	if a.GID == -1 {
		a.GID = now.GID
	}
	a.Attrs = now.Attrs
	return a
}

// reached reports that the file is what the step wants.
func (r fileRecord) reached(now fileState) bool { return r.want(now).same(now) }

// halfway reports a file whose content is already the new one, but not its mode or owner.
func (r fileRecord) halfway(now fileState) bool {
	return now.Type == r.After.Type && now.SHA256 == r.After.SHA256
}

func (file) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[fileRecord](u)
	if err != nil {
		return Seen{}, err
	}
	return verifyFile(ctx, r.machine(e), r, !u.Nothing)
}

func verifyFile(ctx context.Context, m machine, r fileRecord, changed bool) (Seen, error) {
	now, err := m.lookFile(ctx, r.Dst)
	if err != nil {
		return Seen{}, err
	}
	p := hosts.CleanLine(r.Dst)
	if why := r.want(now).differs(now); why != "" {
		return Seen{Line: p + " " + why}, nil
	}
	line := p + " is removed"
	if now.exists() {
		line = fmt.Sprintf("%s: sha256 %s, mode %04o, owner %d:%d", p, now.SHA256[:12], now.Mode, now.UID, now.GID)
	}
	return Seen{OK: true, Changed: changed, Line: line}, nil
}

func (file) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	r, err := unpack[fileRecord](u)
	if err != nil {
		return Unclear, err
	}
	now, err := r.machine(e).lookFile(ctx, r.Dst)
	switch {
	case err != nil:
		return Unclear, err
	case r.reached(now):
		return Ended, nil
	case r.Before.same(now), r.halfway(now):
		return NotStarted, nil
	}
	return Unclear, nil
}

func (file) Undo(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[fileRecord](u)
	if err != nil || u.Nothing {
		return err
	}
	return undoFile(ctx, e, r)
}

func undoFile(ctx context.Context, e *Env, r fileRecord) error {
	m := r.machine(e)
	if !r.Before.exists() {
		return m.removeFile(ctx, r.Dst)
	}
	v, err := vault(ctx, e, m)
	if err != nil {
		return err
	}
	if err := v.unchanged(ctx, r.Before, r.Saved); err != nil {
		return fmt.Errorf("the saved copy is not what was recorded: %w", err)
	}
	return v.restoreFile(ctx, r.Dst, r.Saved, e.Run, r.InPlace)
}

func (file) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[fileRecord](u)
	if err != nil {
		return Seen{}, err
	}
	return undoneFile(ctx, r.machine(e), r)
}

func undoneFile(ctx context.Context, m machine, r fileRecord) (Seen, error) {
	now, err := m.lookFile(ctx, r.Dst)
	if err != nil {
		return Seen{}, err
	}
	if why := r.Before.differs(now); why != "" {
		return Seen{Line: hosts.CleanLine(r.Dst) + " " + why}, nil
	}
	return Seen{OK: true, Changed: true, Line: hosts.CleanLine(r.Dst) + " is as it was"}, nil
}

func (file) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	r, err := unpack[fileRecord](u)
	if err != nil {
		return nil, err
	}
	return driftFile(ctx, r.machine(e), r)
}

func driftFile(ctx context.Context, m machine, r fileRecord) ([]string, error) {
	now, err := m.lookFile(ctx, r.Dst)
	if err != nil || r.reached(now) {
		return nil, err
	}
	return []string{hosts.CleanLine(r.Dst) + " " + r.want(now).differs(now)}, nil
}
