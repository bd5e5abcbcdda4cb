package step

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// retain removes what old runs have left: releases, tags of images kept for undoing, records. Never the
// release that is current or was before it, and never anything of a run that has no end. It cannot be taken
// back, and comes after success for that reason.
type retain struct{}

// retainKeep is how many are kept where nothing is said; fewer than two would leave no way back.
const (
	retainKeep  = 5
	retainLeast = 2
)

// undoTag is how images are named that are kept for undoing a run.
const undoTag = "midwatch-undo-"

// retainRecord is what will be removed; nothing else is, however often Act is called.
type retainRecord struct {
	Releases []string `json:"releases,omitempty"` // directories
	Runs     []string `json:"runs,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Sudo     bool     `json:"sudo,omitempty"`
}

func (retain) Class(any) Class { return Repeat }

// release is a release directory.
type release struct {
	dir        string
	at         int64 // when it was made, by its mark
	whole, bad bool
}

const scriptReleases = `cur=$(cd -- "$1/current" 2>/dev/null && pwd -P); printf '%s\n' "$cur"
cd -- "$1/releases" 2>/dev/null || exit 0
pwd -P
for d in *; do
	[ -d "$d" ] && [ ! -L "$d" ] || continue
	t=$(stat -c %Y -- "$d") w=yes b=no
	[ -e "$d/$4" ] && w=no
	if [ -e "$d/$2" ]; then w=yes; t=$(stat -c %Y -- "$d/$2"); fi
	[ -e "$d/$3" ] && b=yes
	printf '%s %s %s %s\n' "$t" "$w" "$b" "$d"
done`

// releasesOf lists the releases of a directory, newest first, and the one that is current. A release without a
// mark is whole when nothing says that it is being filled: somebody else has made it.
func releasesOf(ctx context.Context, m machine, to string) (list []release, current string, err error) {
	out, err := m.script(ctx, "list the releases of "+to, nil, scriptReleases, to, releaseMark, badMark, partMark)
	if err != nil {
		return nil, "", err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	current = lines[0]
	if len(lines) < 2 {
		return nil, current, nil
	}
	base := lines[1]
	for _, l := range lines[2:] {
		f := strings.SplitN(l, " ", 4)
		if len(f) != 4 {
			return nil, "", fmt.Errorf("%s: the releases of %s cannot be read", m.name, hosts.CleanLine(to))
		}
		at, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return nil, "", err
		}
		list = append(list, release{dir: path.Join(base, f[3]), at: at, whole: f[1] == "yes", bad: f[2] == "yes"})
	}
	slices.SortFunc(list, func(a, b release) int {
		if a.at != b.at {
			return int(b.at - a.at)
		}
		return strings.Compare(b.dir, a.dir)
	})
	return list, current, nil
}

// oldReleases are the releases to go: not among the newest that are whole and good, not current, not the one
// before it, not of a run that has no end. Marked and half ones go first, but not before their run has ended.
func oldReleases(list []release, current string, previous, open []string, keep int) (out []string) {
	kept, before := 0, false
	for i, r := range list {
		safe := r.dir == current || slices.Contains(previous, r.dir) || slices.Contains(open, path.Base(r.dir))
		if i > 0 && !before && r.whole && !r.bad && current != "" && slices.ContainsFunc(list[:i], func(x release) bool { return x.dir == current }) {
			before, safe = true, true // the newest good one older than the current: the way back
		}
		if r.whole && !r.bad {
			kept++
		}
		if safe || r.whole && !r.bad && kept <= keep {
			continue
		}
		out = append(out, r.dir)
	}
	return out
}

// previousReleases are what the swaps of this run have pointed away from.
func previousReleases(e *Env) (out []string) {
	for _, k := range sortedKeys(e.Outputs) {
		if strings.HasSuffix(k, ".previous") {
			out = append(out, e.Outputs[k])
		}
	}
	return out
}

// choose works out what is to go.
func (retain) choose(ctx context.Context, e *Env) (retainRecord, error) {
	s, err := settings[deploy.Retain](e)
	if err != nil {
		return retainRecord{}, err
	}
	keep := s.Keep
	if keep == 0 {
		keep = retainKeep
	}
	keep = max(keep, retainLeast)
	if e.Runs == nil {
		return retainRecord{}, refused("%s: which runs are open cannot be told here: nothing is removed", hostName(e))
	}
	open, err := e.Runs.Open(ctx)
	if err != nil {
		return retainRecord{}, fmt.Errorf("ask for open runs: %w", err)
	}
	open = append(open, e.Run)
	names := make([]string, len(open))
	for i, id := range open {
		names[i] = plainName(id)
	}
	var r retainRecord
	if s.To != "" {
		to := path.Clean(string(s.To))
		if !path.IsAbs(to) || slices.Contains(denied, to) {
			return r, refused("%s: to %q is no directory of releases", hostName(e), hosts.CleanLine(to))
		}
		m, err := rights(ctx, e, path.Join(to, "releases"))
		if err != nil {
			return r, err
		}
		r.Sudo = m.sudo
		list, current, err := releasesOf(ctx, m, to)
		if err != nil {
			return r, err
		}
		r.Releases = oldReleases(list, current, previousReleases(e), names, keep)
	}
	ended, err := e.Runs.Ended(ctx)
	if err != nil {
		return r, fmt.Errorf("ask for ended runs: %w", err)
	}
	ended = slices.DeleteFunc(ended, func(id string) bool { return slices.Contains(open, id) })
	if len(ended) > keep {
		r.Runs = ended[keep:]
		r.Tags, err = tagsOf(ctx, e, r.Runs)
	}
	return r, err
}

// tagsOf are the tags that keep images for undoing runs; none where there is no docker.
func tagsOf(ctx context.Context, e *Env, runs []string) (out []string, err error) {
	res, err := watcher(e).run(ctx, nil, "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil || res.Exit != 0 {
		if res.Exit == 127 {
			return nil, nil
		}
		return nil, errors.Join(err, watcher(e).explain(&failure{hostName(e), "list images", res}))
	}
	for line := range strings.SplitSeq(string(res.Stdout), "\n") {
		if _, tag, ok := strings.Cut(line, ":"+undoTag); ok && slices.ContainsFunc(runs, func(run string) bool { return tagOfRun(tag, run) }) {
			out = append(out, line)
		}
	}
	return out, nil
}

// tagOfRun reports a tag that keeps an image for undoing a run: its id, and what tells several apart.
func tagOfRun(tag, run string) bool {
	return tag == plainName(run) || strings.HasPrefix(tag, plainName(run)+".")
}

func (r retainRecord) empty() bool { return len(r.Releases)+len(r.Runs)+len(r.Tags) == 0 }

func (r retainRecord) line() string {
	return fmt.Sprintf("- %d releases, %d records of runs, %d tags of images", len(r.Releases), len(r.Runs), len(r.Tags))
}

func (r retainRecord) list() string {
	var lines []string
	for _, d := range r.Releases {
		lines = append(lines, "- release "+hosts.CleanLine(d))
	}
	for _, d := range r.Runs {
		lines = append(lines, "- record of run "+hosts.CleanLine(d))
	}
	for _, d := range r.Tags {
		lines = append(lines, "- tag "+hosts.CleanLine(d))
	}
	return strings.Join(lines, "\n")
}

func (k retain) Plan(ctx context.Context, e *Env) (Change, error) {
	r, err := k.choose(ctx, e)
	if errors.Is(err, ErrRefused) && e.Runs == nil {
		return Change{Unknown: true, Back: BackIrreversible, Lines: []string{"? what is old is found out when it runs"}}, nil
	}
	if err != nil {
		return Change{}, err
	}
	if r.empty() {
		return Change{Nothing: true, Back: BackNone, Lines: []string{"nothing is old enough"}}, nil
	}
	return Change{
		Lines: []string{r.line()}, Back: BackIrreversible, BackLines: []string{"what is removed is gone"},
		Detail: []Detail{{Title: "removed", Text: r.list(), Diff: true}},
	}, nil
}

func (k retain) Record(ctx context.Context, e *Env) (Undo, error) {
	r, err := k.choose(ctx, e)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "retain", Way: BackNone, Nothing: r.empty(), Data: data(r)}
	if !r.empty() {
		u.Way, u.Lines = BackIrreversible, []string{"what was removed is gone: nothing that runs needs it"}
	}
	return u, nil
}

func (retain) Act(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[retainRecord](u)
	if err != nil || u.Nothing {
		return err
	}
	m := machine{conn: e.Conn, name: hostName(e), sudo: r.Sudo}
	for _, d := range r.Releases {
		// Looked at in the last moment: a rollback beside this run may have made it current.
		_, err := m.script(ctx, "remove "+d, nil, `cur=$(cd -- "$1/../../current" 2>/dev/null && pwd -P)
[ "$cur" = "$1" ] && exit 41
rm -rf -- "$1"`, d)
		if exitOf(err) == 41 {
			say(e, d+" is current now and stays", false)
			continue
		}
		if err != nil {
			return err
		}
		say(e, "removed "+d, false)
	}
	for _, t := range r.Tags {
		res, err := watcher(e).run(ctx, nil, "docker", "image", "rm", "--no-prune", "--", t)
		if err != nil {
			return err
		}
		if res.Exit != 0 && !strings.Contains(strings.ToLower(string(res.Stderr)), "no such image") {
			say(e, "tag "+t+" stays: "+lastLine(res.Stderr), true)
		}
	}
	for _, run := range r.Runs {
		if err := e.Runs.Remove(ctx, run); err != nil {
			return fmt.Errorf("remove the record of run %s: %w", hosts.CleanLine(run), err)
		}
	}
	return nil
}

func (retain) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[retainRecord](u)
	if err != nil {
		return Seen{}, err
	}
	if u.Nothing {
		return Seen{OK: true, Line: "nothing was old enough"}, nil
	}
	m := machine{conn: e.Conn, name: hostName(e), sudo: r.Sudo}
	left := 0
	for _, d := range r.Releases {
		s, err := m.lookFile(ctx, d)
		if err != nil {
			return Seen{}, err
		}
		if s.exists() {
			left++
		}
	}
	seen := Seen{OK: true, Changed: true, Line: "removed: " + strings.TrimPrefix(r.line(), "- "), Lines: strings.Split(r.list(), "\n")}
	if left > 0 { // only what has become current stays
		_, current, err := releasesOf(ctx, m, path.Dir(path.Dir(r.Releases[0])))
		if err != nil {
			return Seen{}, err
		}
		if left > 1 || !slices.Contains(r.Releases, current) {
			return Seen{Line: fmt.Sprintf("%d releases are still there", left)}, nil
		}
	}
	return seen, nil
}

func (retain) Probe(context.Context, *Env, Undo) (Progress, error) { return NotStarted, nil }

func (retain) Undo(_ context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	return refused("%s: what retain has removed is gone; nothing that runs needs it", hostName(e))
}

func (retain) Undone(_ context.Context, _ *Env, u Undo) (Seen, error) {
	return Seen{OK: u.Nothing, Line: "what retain has removed is gone"}, nil
}

func (retain) Drift(context.Context, *Env, Undo) ([]string, error) { return nil, nil }
