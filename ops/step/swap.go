package step

import (
	"context"
	"fmt"
	"path"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// swap points a symlink at a release, in one rename: whoever follows it sees the old or the new, never none.
// Processes that run and mounts that were made keep what the link was when they began.
type swap struct{}

// swapRecord is where the link pointed and where it will.
type swapRecord struct {
	Link   string    `json:"link"`
	To     string    `json:"to"`
	Before fileState `json:"before"`
	Ours   bool      `json:"ours,omitempty"` // To is a release that a sync has made, and marked when it was whole
	Sudo   bool      `json:"sudo,omitempty"`
}

// machine is the one the record was made with.
func (r swapRecord) machine(e *Env) machine {
	return machine{conn: e.Conn, name: hostName(e), sudo: r.Sudo}
}

func (swap) Class(any) Class { return Repeat }

// releaseMark is the file in a release directory that says that all of it is there. It is written last.
const releaseMark = ".midwatch-release"

// releaseDir is where a run's release of a release sync to a directory lies.
func releaseDir(to, run string) string { return path.Join(to, "releases", plainName(run)) }

// swapTo is where the link will point.
func swapTo(e *Env, s *deploy.Swap) string {
	if s.To != "" {
		return path.Clean(string(s.To))
	}
	return releaseDir(path.Dir(path.Clean(string(s.Link))), e.Run)
}

func lookSwap(ctx context.Context, e *Env) (swapRecord, error) {
	s, err := settings[deploy.Swap](e)
	if err != nil {
		return swapRecord{}, err
	}
	r := swapRecord{Link: path.Clean(string(s.Link)), To: swapTo(e, s), Ours: s.To == ""}
	if !path.IsAbs(r.Link) || !path.IsAbs(r.To) {
		return r, refused("%s: link %q and to %q must be absolute paths", hostName(e), hosts.CleanLine(r.Link), hosts.CleanLine(r.To))
	}
	m, err := rights(ctx, e, r.Link)
	if err != nil {
		return r, err
	}
	r.Sudo = m.sudo
	if r.Before, err = m.lookFile(ctx, r.Link); err != nil {
		return r, err
	}
	switch r.Before.Type {
	case "link", "absent":
	default:
		return r, refused("%s: %s is %s, not a symlink: move it out of the way first", m.name, hosts.CleanLine(r.Link), orWord(word(r.Before), "a device or socket"))
	}
	return r, nil
}

// parent wants the directory of the link to be there. While planning it need not when the release will lie in it:
// of a first deploy, the sync before makes it.
func (r swapRecord) parent(m machine, planning bool) error {
	if !r.Before.NoParent || planning && under(r.To, path.Dir(r.Link)) {
		return nil
	}
	return refused("%s: the directory of %s does not exist: make it first", m.name, hosts.CleanLine(r.Link))
}

// there reports that the link points where the step wants it.
func (r swapRecord) there(now fileState) bool {
	return now.Type == "link" && resolve(r.Link, now.Link) == r.To
}

// resolve is where a link points, as a path.
func resolve(link, to string) string {
	if path.IsAbs(to) {
		return path.Clean(to)
	}
	return path.Join(path.Dir(link), to)
}

func (swap) Plan(ctx context.Context, e *Env) (Change, error) {
	r, err := lookSwap(ctx, e)
	if err != nil {
		return Change{}, err
	}
	if err := r.parent(r.machine(e), true); err != nil {
		return Change{}, err
	}
	from := "absent"
	if r.Before.exists() {
		from = r.Before.Link
	}
	c := Change{Back: BackReversible, Saw: r.Link + " -> " + from}
	if r.there(r.Before) {
		c.Nothing, c.Back = true, BackNone
		c.Lines = []string{hosts.CleanLine(r.Link + " points at " + from)}
		return c, nil
	}
	to := r.To
	if e.Run == "" && r.Ours {
		to = path.Join(path.Dir(r.Link), "releases", "‹this run›")
	}
	c.Lines = []string{hosts.CleanLine(fmt.Sprintf("%s: %s → %s", path.Base(r.Link), shortRelease(r.Link, from), shortRelease(r.Link, to)))}
	c.BackLines = []string{r.backLine()}
	return c, nil
}

// shortRelease is a release as it is named beside its link.
func shortRelease(link, to string) string { return strings.TrimPrefix(to, path.Dir(link)+"/") }

func (r swapRecord) backLine() string {
	if !r.Before.exists() {
		return hosts.CleanLine(r.Link + " is removed")
	}
	return hosts.CleanLine(fmt.Sprintf("%s points at %s again", path.Base(r.Link), shortRelease(r.Link, r.Before.Link)))
}

func (swap) Record(ctx context.Context, e *Env) (Undo, error) {
	r, err := lookSwap(ctx, e)
	if err != nil {
		return Undo{}, err
	}
	if err := r.parent(r.machine(e), false); err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "swap", Way: BackReversible, Lines: []string{r.backLine()}}
	if r.there(r.Before) {
		u.Nothing, u.Way, u.Lines = true, BackNone, nil
	} else if err := r.machine(e).release(ctx, r.To, r.Ours); err != nil {
		return u, err
	}
	u.Data = data(r)
	return u, nil
}

// release wants a directory to be there, and all of it when it is a release of ours. A link that was there
// before may point at one that somebody else has made.
func (m machine) release(ctx context.Context, dir string, ours bool) error {
	out, err := m.script(ctx, "look at "+dir, nil, `[ -d "$1" ] || { echo absent; exit 0; }
[ -e "$1/$2" ] && echo whole || echo part`, dir, releaseMark)
	p := hosts.CleanLine(dir)
	switch state := strings.TrimSpace(out); {
	case err != nil:
		return err
	case state == "absent":
		return refused("%s: there is no directory %s to point at: sync the release first", m.name, p)
	case state == "part" && ours:
		return refused("%s: %s is not complete: sync it again", m.name, p)
	}
	return nil
}

const scriptSwap = `rm -f -- "$2.midwatch~"
ln -s -- "$1" "$2.midwatch~" || exit 1
if [ "$3" -ge 0 ]; then chown -h -- "$3:$4" "$2.midwatch~" 2>/dev/null || true; fi
mv -T -f -- "$2.midwatch~" "$2" || { rm -f -- "$2.midwatch~"; exit 1; }
sync "$(dirname -- "$2")" 2>/dev/null || sync`

// point swaps the link; the owner is the old link's, or nobody's in particular.
func (m machine) point(ctx context.Context, link, to string, uid, gid int) error {
	_, err := m.script(ctx, "point "+link+" at "+to, nil, scriptSwap, to, link, fmt.Sprint(uid), fmt.Sprint(gid))
	return err
}

func (swap) Act(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[swapRecord](u)
	if err != nil || u.Nothing {
		return err
	}
	m := r.machine(e)
	now, err := m.lookFile(ctx, r.Link)
	if err != nil {
		return err
	}
	if r.there(now) {
		return nil
	}
	if why := r.Before.differs(now); why != "" {
		return refused("%s: %s %s: changed by someone else since the plan; look at it and plan again", m.name, hosts.CleanLine(r.Link), why)
	}
	if err := m.release(ctx, r.To, r.Ours); err != nil {
		return err
	}
	uid, gid := -1, -1
	if now.exists() {
		uid, gid = now.UID, now.GID
	}
	return m.point(ctx, r.Link, r.To, uid, gid)
}

func (swap) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[swapRecord](u)
	if err != nil {
		return Seen{}, err
	}
	m := r.machine(e)
	now, err := m.lookFile(ctx, r.Link)
	if err != nil {
		return Seen{}, err
	}
	if !r.there(now) {
		return Seen{Line: hosts.CleanLine(fmt.Sprintf("%s points at %s, not at %s", r.Link, orWord(now.Link, "nothing"), r.To))}, nil
	}
	if err := m.release(ctx, r.To, r.Ours); err != nil {
		return Seen{Line: err.Error()}, nil //nolint:nilerr // it is the verdict, not a failure to make one
	}
	if e.Output != nil {
		e.Output("release", r.To)
		if r.Before.exists() && !u.Nothing {
			e.Output("previous", resolve(r.Link, r.Before.Link))
		}
	}
	return Seen{OK: true, Changed: !u.Nothing, Line: hosts.CleanLine(r.Link + " points at " + shortRelease(r.Link, now.Link))}, nil
}

func (swap) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	r, err := unpack[swapRecord](u)
	if err != nil {
		return Unclear, err
	}
	now, err := r.machine(e).lookFile(ctx, r.Link)
	switch {
	case err != nil:
		return Unclear, err
	case r.there(now):
		return Ended, nil
	case r.Before.same(now):
		return NotStarted, nil
	}
	return Unclear, nil
}

func (swap) Undo(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[swapRecord](u)
	if err != nil || u.Nothing {
		return err
	}
	m := r.machine(e)
	if !r.Before.exists() {
		return m.removeFile(ctx, r.Link)
	}
	if err := m.release(ctx, resolve(r.Link, r.Before.Link), false); err != nil {
		return fmt.Errorf("the way back is gone: %w", err)
	}
	return m.point(ctx, r.Link, r.Before.Link, r.Before.UID, r.Before.GID)
}

func (swap) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[swapRecord](u)
	if err != nil {
		return Seen{}, err
	}
	now, err := r.machine(e).lookFile(ctx, r.Link)
	if err != nil {
		return Seen{}, err
	}
	if why := r.Before.differs(now); why != "" {
		return Seen{Line: hosts.CleanLine(r.Link) + " " + why}, nil
	}
	return Seen{OK: true, Changed: true, Line: r.backLine()}, nil
}

func (swap) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	r, err := unpack[swapRecord](u)
	if err != nil {
		return nil, err
	}
	now, err := r.machine(e).lookFile(ctx, r.Link)
	if err != nil || r.there(now) {
		return nil, err
	}
	return []string{hosts.CleanLine(fmt.Sprintf("%s points at %s, not at %s", r.Link, orWord(now.Link, "nothing"), r.To))}, nil
}
