package step

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"midwatch/hosts"
)

// Undoing removes what the sync made: files first, then directories, the deepest first, and those only when
// nothing else is in them. Lists come on standard input.
const (
	scriptUnfile = `cd -- "$1" 2>/dev/null || exit 0
find . -type d -name .~tmp~ -prune -exec rm -rf -- {} + 
xargs -0 -r rm -f -- `
	scriptUndir = `cd -- "$1" 2>/dev/null || exit 0; xargs -0 -r rmdir -- 2>/dev/null; exit 0`
)

func (r syncRecord) undoTree(ctx context.Context, e *Env) error {
	m := r.machine(e)
	paths, before, err := r.touched(ctx, e)
	if err != nil {
		return err
	}
	v, err := vault(ctx, e, m)
	if err != nil {
		return err
	}
	saved, err := v.lookPaths(ctx, r.Saved, before.names())
	if err != nil {
		return err
	}
	if d := before.differs(saved, before.names()); len(d) > 0 {
		return refused("%s: the saved copy is not what was recorded (%s): bring %s back by hand", m.name, d[0], hosts.CleanLine(r.To))
	}
	if err := r.uncreate(ctx, m, paths, before); err != nil {
		return err
	}
	if len(before) > 0 {
		if err := v.copyTree(ctx, r.Saved, r.To, path.Join(e.Store.Dir(), blobExisting), false); err != nil {
			return err
		}
	}
	if r.Stage == "" {
		return nil
	}
	_, err = v.script(ctx, "remove the stage", nil, `rm -rf -- "$1"`, r.Stage) // one that a crash has left
	return err
}

// uncreate removes what was not there before.
func (r syncRecord) uncreate(ctx context.Context, m machine, paths []string, before manifest) error {
	now, err := m.lookPaths(ctx, r.To, paths)
	if err != nil {
		return err
	}
	var files, dirs []string
	for p, s := range now {
		was := before.at(p)
		switch {
		case was.Type == s.Type:
		case s.Type == "dir":
			dirs = append(dirs, p)
		default:
			files = append(files, p)
		}
	}
	slices.Sort(dirs)
	slices.Reverse(dirs)
	if _, err := m.script(ctx, "remove new files of "+r.To, nulls(files), scriptUnfile, r.To); err != nil {
		return err
	}
	top := len(dirs) > 0 && dirs[len(dirs)-1] == "."
	if top {
		dirs = dirs[:len(dirs)-1]
	}
	if _, err := m.script(ctx, "remove new directories of "+r.To, nulls(dirs), scriptUndir, r.To); err != nil || !top {
		return err
	}
	_, err = m.script(ctx, "remove "+r.To, nil, `rmdir -- "$1" 2>/dev/null; exit 0`, r.To)
	return err
}

func (r syncRecord) undoneTree(ctx context.Context, e *Env) (Seen, error) {
	paths, before, err := r.touched(ctx, e)
	if err != nil {
		return Seen{}, err
	}
	now, err := r.machine(e).lookPaths(ctx, r.To, paths)
	if err != nil {
		return Seen{}, err
	}
	if d := before.differs(now, paths); len(d) > 0 {
		return Seen{Line: fmt.Sprintf("%s: %d paths are not as they were: %s", hosts.CleanLine(r.To), len(d), d[0]), Lines: d}, nil
	}
	return Seen{OK: true, Changed: true, Line: fmt.Sprintf("%s: all %d touched paths are as they were", hosts.CleanLine(r.To), len(paths))}, nil
}

func (r syncRecord) driftTree(ctx context.Context, e *Env) ([]string, error) {
	paths, before, err := r.touched(ctx, e)
	if err != nil {
		return nil, err
	}
	now, err := r.machine(e).lookPaths(ctx, r.To, paths)
	if err != nil {
		return nil, err
	}
	j, err := e.Store.Get(ctx, blobAfter)
	if err != nil {
		return r.driftHalf(ctx, e, paths, before, now) // Verify writes the blob
	}
	var after manifest
	if err := json.Unmarshal(j, &after); err != nil {
		return nil, fmt.Errorf("%s: the states of files after the sync cannot be read: %w", hostName(e), err)
	}
	return after.differs(now, paths), nil
}

// driftHalf is the drift of a sync that failed or was cut off: each path is as it was before, or as the source has
// it. What is neither, somebody else has made.
func (r syncRecord) driftHalf(ctx context.Context, e *Env, paths []string, before, now manifest) ([]string, error) {
	if r.SumWanted == "" {
		return []string{hosts.CleanLine(r.To) + ": the sync was not verified, so what others have changed cannot be told"}, nil
	}
	wanted, err := readManifest(ctx, e, blobWanted, r.SumWanted)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range paths {
		was, is := before.at(p), now.at(p)
		if was.Type == "dir" && is.Type == "dir" || sameContent(wanted.at(p), is) || was.same(is) {
			continue
		}
		out = append(out, fmt.Sprintf("%s %s, and is not what this run puts there either", hosts.CleanLine(key(p)), was.differs(is)))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// sameContent reports that two states are the same file, whoever may read it.
func sameContent(a, b fileState) bool {
	return a.Type == b.Type && a.SHA256 == b.SHA256 && a.Link == b.Link
}

// wanted are the states of what the sync will write, as the source has them; what it deletes is absent.
func (t *transfer) wanted(ctx context.Context, e *Env, items listing) (manifest, error) {
	var paths []string
	for _, i := range items {
		if !i.Deleted {
			paths = append(paths, i.Path)
		}
	}
	m, err := here(e).lookPaths(ctx, t.from, paths)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if !m.at(p).exists() {
			return nil, refused("this machine: %s of %s is not there any more: the source changes right now; plan again", hosts.CleanLine(p), hosts.CleanLine(t.from))
		}
	}
	return m, nil
}

// sourceAsRecorded refuses to send something else than what the record was made for: the way back of a sync that
// fails half way knows its own files by it.
func (t *transfer) sourceAsRecorded(ctx context.Context, e *Env, r syncRecord, paths []string) error {
	if r.SumWanted == "" {
		return nil
	}
	wanted, err := readManifest(ctx, e, blobWanted, r.SumWanted)
	if err != nil {
		return err
	}
	now, err := here(e).lookPaths(ctx, t.from, wanted.names())
	if err != nil {
		return err
	}
	for _, p := range paths {
		if a, b := wanted.at(p), now.at(p); a.exists() && !sameContent(a, b) {
			return refused("this machine: %s of %s has changed since the plan: plan again", hosts.CleanLine(p), hosts.CleanLine(t.from))
		}
	}
	return nil
}
