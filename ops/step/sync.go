package step

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// syncKind ("sync") copies a directory of the operator's machine to the host with the system's rsync.
//
// Mode "staged" sends to a directory beside the run's records first and copies into place on the host, as a
// detached job: what a cut connection leaves is a half stage and a whole tree. "inplace" sends straight into
// the tree. Both save everything they will touch before they touch it, so that their undo brings back every
// file, mode, owner and time. "release" fills a new directory and touches nothing that is live; without rsync
// on either side it falls back to tar.
type syncKind struct{}

func (syncKind) Class(any) Class { return Repeat }

// The modes of a sync.
const (
	modeStaged  = "staged"
	modeRelease = "release"
	modeInPlace = "inplace"
)

// transfer is a sync worked out: where from, where to, with which rights.
type transfer struct {
	s        *deploy.Sync
	mode     string
	from, to string
	m        machine // with the rights that are needed
	root     bool    // its end is root, by sudo or by login
	uid, gid int     // whom new files belong to when it is root; -1 where it is not
}

// denied are directories that no sync may own: a mistake in "to" must not cost a system.
var denied = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin",
	"/srv", "/sys", "/tmp", "/usr", "/usr/local", "/var", "/var/lib", "/var/log", "/var/www", "/etc/nginx", "/etc/systemd", "/Users",
}

// newTransfer checks both ends. Nothing is sent.
func newTransfer(ctx context.Context, e *Env) (*transfer, error) {
	s, err := settings[deploy.Sync](e)
	if err != nil {
		return nil, err
	}
	t := &transfer{s: s, mode: s.Mode, from: localPath(e, string(s.From)), to: string(s.To), uid: -1, gid: -1}
	if t.mode == "" {
		t.mode = modeStaged
	}
	switch {
	case !slices.Contains([]string{modeStaged, modeRelease, modeInPlace}, t.mode):
		return nil, refused("step %s: mode %q is none of staged, release, inplace", hosts.CleanLine(e.Step), hosts.CleanLine(t.mode))
	case !path.IsAbs(t.to):
		return nil, refused("%s: to %q is not an absolute path", hostName(e), hosts.CleanLine(t.to))
	}
	t.to = path.Clean(t.to)
	if err := t.source(ctx, e); err != nil {
		return nil, err
	}
	return t, t.destination(ctx, e)
}

// source wants a directory that holds something, and its marker.
func (t *transfer) source(ctx context.Context, e *Env) error {
	out, err := here(e).script(ctx, "look at "+t.from, nil, `[ -d "$1" ] || { echo missing; exit 0; }
[ -n "$(ls -A -- "$1" | head -n 1)" ] || { echo empty; exit 0; }
[ -z "$2" ] || [ -e "$1/$2" ] || { echo nomarker; exit 0; }
echo ok`, t.from, string(t.s.Marker))
	from := hosts.CleanLine(t.from)
	switch state := strings.TrimSpace(out); {
	case err != nil:
		return err
	case state == "missing":
		return refused("this machine: %s is not a directory: correct from, or build it first", from)
	case state == "empty":
		return refused("this machine: %s is empty: nothing is synced, lest everything be deleted there", from)
	case state == "nomarker":
		return refused("this machine: %s does not hold %s: is it the right directory?", from, hosts.CleanLine(string(t.s.Marker)))
	}
	return nil
}

const scriptDestination = `me=$(id -u); echo "$me"; printf '%s\n' "$HOME"
if [ -d "$1" ]; then
	stat -c '%u %g' -- "$1"
	[ -w "$1" ] && [ -x "$1" ] && echo login || echo root
elif [ -e "$1" ] || [ -L "$1" ]; then echo other; echo other
else
	d=$(dirname -- "$1"); [ -d "$d" ] || { echo noparent; echo noparent; exit 0; }
	stat -c '%u %g' -- "$d"
	[ -w "$d" ] && echo login || echo root
fi`

// destination looks at the directory on the host and decides whether root is needed.
func (t *transfer) destination(ctx context.Context, e *Env) error {
	t.m = login(e)
	if err := t.notLink(ctx); err != nil {
		return err
	}
	out, err := t.m.script(ctx, "look at "+t.to, nil, scriptDestination, t.to)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 4 {
		return fmt.Errorf("%s: look at %s: the answer cannot be read", t.m.name, hosts.CleanLine(t.to))
	}
	to := hosts.CleanLine(t.to)
	switch {
	case slices.Contains(denied, t.to), t.to == path.Clean(lines[1]):
		return refused("%s: %s is not a directory to sync to: name one below it", t.m.name, to)
	case lines[2] == "other":
		return refused("%s: %s is not a directory", t.m.name, to)
	case lines[2] == "noparent":
		return refused("%s: the directory of %s does not exist: make it first", t.m.name, to)
	}
	t.root = lines[0] == "0"
	if needed := lines[3] == "root"; e.Sudo && !t.root {
		if !needed && t.s.Owner != "" {
			self, err := t.m.isSelf(ctx, string(t.s.Owner))
			if err != nil {
				return err
			}
			needed = !self
		}
		if needed {
			t.m, t.root = target(e), true
		}
	}
	if !t.root {
		return nil
	}
	if _, err := fmt.Sscan(lines[2], &t.uid, &t.gid); err != nil {
		return fmt.Errorf("%s: look at %s: the owner cannot be read", t.m.name, to)
	}
	return t.owner(ctx)
}

// notLink: a symlink as destination would be followed by some tools and replaced by others.
func (t *transfer) notLink(ctx context.Context) error {
	now, err := t.m.lookFile(ctx, t.to)
	if err != nil {
		return err
	}
	if now.Type == "link" {
		return refused("%s: %s is a symlink to %s: name the directory itself", t.m.name, hosts.CleanLine(t.to), hosts.CleanLine(now.Link))
	}
	return nil
}

// owner is whom new files belong to: whom the definition names, else whom the directory belongs to.
func (t *transfer) owner(ctx context.Context) error {
	if t.s.Owner == "" {
		return nil
	}
	uid, gid, err := t.m.ownerOf(ctx, string(t.s.Owner))
	if err != nil {
		return err
	}
	t.uid = uid
	if gid != -1 {
		t.gid = gid
	}
	return nil
}

// byContent is the flag of an rsync that reads files instead of going by size and second: a file of the same size
// that was written in the same second is another one.
const byContent = "--checksum"

func (t *transfer) byContent() bool { return t.s.Checksum == nil || *t.s.Checksum }

// left is what a second look finds still to do; it looks at contents, whatever the sync went by.
func (t *transfer) left(ctx context.Context, e *Env, dir string) (listing, error) {
	if t.byContent() {
		return t.diff(ctx, e, dir)
	}
	return t.diff(ctx, e, dir, byContent)
}

// overlooked is said of what is left where a sync went by size and second.
func (t *transfer) overlooked() string {
	if t.byContent() {
		return ""
	}
	return "; size and second were compared: want checksum = true"
}

// flags are what every rsync of this sync is given. Owners are not sent: those of the laptop mean nothing on
// the host. Times of directories say nothing and would be told as differences.
func (t *transfer) flags() []string {
	f := []string{"--recursive", "--links", "--times", "--omit-dir-times"}
	if t.byContent() {
		f = append(f, byContent)
	}
	if t.s.Keep {
		f = append(f, "--no-perms", "--chmod=ugo=rwX")
	} else {
		f = append(f, "--perms")
	}
	if t.s.Delete.Enabled && t.mode != modeRelease {
		f = append(f, "--delete-delay")
	}
	for _, x := range t.s.Exclude {
		f = append(f, "--exclude="+string(x))
	}
	if t.mode == modeRelease {
		for _, x := range t.s.Shared {
			f = append(f, "--exclude=/"+strings.Trim(string(x), "/"))
		}
		f = append(f, "--exclude=/"+releaseMark, "--exclude=/"+badMark, "--exclude=/"+partMark)
	}
	return f
}

// diff is what a sync to dir would change now. The login asks first; root only where the login may not look.
func (t *transfer) diff(ctx context.Context, e *Env, dir string, more ...string) (listing, error) {
	r := rsync{from: t.from, to: dir, flags: append(t.flags(), more...), dry: true}
	items, err := r.run(ctx, e)
	if errors.Is(err, ErrRefused) && e.Sudo && !sameMachine(e) {
		asRoot := r
		asRoot.sudo = true
		if more, rerr := asRoot.run(ctx, e); rerr == nil || t.m.sudo {
			items, err = more, rerr
		}
	}
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		if strings.ContainsAny(i.Path, "\n") {
			return nil, refused("this machine: %q has a line break in its name: rename it or exclude it", i.Path)
		}
	}
	return items, nil
}

// tools refuses where rsync is missing on one side.
func (t *transfer) tools(ctx context.Context, e *Env) (why string, err error) {
	for _, m := range []machine{here(e), login(e)} {
		if why, err := m.hasRsync(ctx); err != nil || why != "" {
			return why, err
		}
	}
	if !sameMachine(e) && e.Rsh == nil {
		return hostName(e) + ": there is no way for rsync to it", nil
	}
	return "", nil
}

func (syncKind) Plan(ctx context.Context, e *Env) (Change, error) {
	t, err := newTransfer(ctx, e)
	if err != nil {
		return Change{}, err
	}
	why, err := t.tools(ctx, e)
	switch {
	case err != nil:
		return Change{}, err
	case t.mode == modeRelease:
		return t.planRelease(ctx, e, why)
	case why != "":
		return Change{}, refused("%s, or use mode release", why)
	}
	items, err := t.diff(ctx, e, t.to)
	if err != nil {
		return Change{}, err
	}
	c := Change{Back: BackReversible, Saw: t.to + " " + items.digest(), Lines: []string{items.line()}}
	if len(items) == 0 {
		c.Nothing, c.Back = true, BackNone
		return c, nil
	}
	changed, created, deleted, _ := items.count()
	c.Detail = []Detail{items.detail("files of " + hosts.CleanLine(t.to))}
	c.BackLines = []string{fmt.Sprintf("%d files come back as they were, %d new ones are removed", changed+deleted, created)}
	if err := t.deletions(deleted); err != nil {
		return c, err
	}
	if over := t.s.Delete.ConfirmOver; over > 0 && deleted > over {
		c.Asks = []string{fmt.Sprintf("%s: %d files of %s are deleted (more than %d)", hostName(e), deleted, hosts.CleanLine(t.to), over)}
	}
	return c, nil
}

// deletions refuses more than the definition allows.
func (t *transfer) deletions(n int) error {
	if most := t.s.Delete.Max; most > 0 && n > most {
		return refused("%s: the sync would delete %d files of %s, %d are allowed: look at the plan, correct from or exclude, or raise delete.max",
			t.m.name, n, hosts.CleanLine(t.to), most)
	}
	return nil
}

func (syncKind) Record(ctx context.Context, e *Env) (Undo, error) {
	t, err := newTransfer(ctx, e)
	if err != nil {
		return Undo{}, err
	}
	why, err := t.tools(ctx, e)
	switch {
	case err != nil:
		return Undo{}, err
	case t.mode == modeRelease:
		return t.recordRelease(ctx, e, why != "")
	case why != "":
		return Undo{}, refused("%s, or use mode release", why)
	}
	return t.recordTree(ctx, e)
}

func (syncKind) Act(ctx context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	t, err := newTransfer(ctx, e)
	if err != nil {
		return err
	}
	if t.mode == modeRelease {
		return t.actRelease(ctx, e, u)
	}
	return t.actTree(ctx, e, u)
}

func (syncKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	t, err := newTransfer(ctx, e)
	if err != nil {
		return Seen{}, err
	}
	if t.mode == modeRelease {
		return t.verifyRelease(ctx, e, u)
	}
	return t.verifyTree(ctx, e, u)
}

func (syncKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	r, err := unpack[syncRecord](u)
	if err != nil {
		return Unclear, err
	}
	if r.Mode == modeRelease {
		return r.probeRelease(ctx, e)
	}
	if p, _, err := e.Jobs.Find(ctx, jobName(e, "place")); err != nil || p == Running {
		return p, err
	}
	t, err := newTransfer(ctx, e)
	if err != nil {
		return Unclear, err
	}
	items, err := t.diff(ctx, e, t.to)
	switch {
	case err != nil:
		return Unclear, err
	case len(items) == 0:
		return Ended, nil
	}
	return NotStarted, nil
}

func (syncKind) Undo(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[syncRecord](u)
	if err != nil || u.Nothing {
		return err
	}
	if r.Mode == modeRelease {
		return r.undoRelease(ctx, e)
	}
	return r.undoTree(ctx, e)
}

func (syncKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[syncRecord](u)
	if err != nil {
		return Seen{}, err
	}
	switch {
	case u.Nothing:
		return Seen{OK: true, Line: "nothing to take back"}, nil
	case r.Mode == modeRelease:
		return r.undoneRelease(ctx, e)
	}
	return r.undoneTree(ctx, e)
}

func (syncKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	r, err := unpack[syncRecord](u)
	if err != nil || u.Nothing {
		return nil, err
	}
	if r.Mode == modeRelease {
		return r.driftRelease(ctx, e)
	}
	return r.driftTree(ctx, e)
}
