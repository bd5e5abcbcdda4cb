package step

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// syncRecord is what a sync keeps: where everything lies that brings the tree back.
type syncRecord struct {
	Mode string `json:"mode"`
	To   string `json:"to"`
	Sudo bool   `json:"sudo,omitempty"`
	// Of staged and inplace: the blobs listed, the tree of saved files in Saved.
	Saved   string `json:"saved,omitempty"`
	Stage   string `json:"stage,omitempty"`
	Touched int    `json:"touched,omitempty"` // paths
	// Digests of the blobs; "" in records of versions that had none.
	Sum       string `json:"sum,omitempty"`        // blobTouched
	SumBefore string `json:"sum_before,omitempty"` // blobBefore
	SumWanted string `json:"sum_wanted,omitempty"` // blobWanted
	// Of release.
	Dir    string   `json:"dir,omitempty"`
	Made   []string `json:"made,omitempty"` // directories that were not there
	Tar    bool     `json:"tar,omitempty"`
	Before string   `json:"before,omitempty"` // release that was current
}

// Names of a sync's blobs in the store.
const (
	blobTouched  = "touched"     // paths the sync may touch, each ended by a NUL
	blobExisting = "existing"    // those of them that were there
	blobBefore   = "manifest"    // their states before
	blobWanted   = "wanted"      // the states of all of them as the source has them
	blobAfter    = "after"       // the states of all of them when the sync was verified
	dirSaved     = "saved"       // copies of what was there
	dirStage     = "stage"       // of mode staged
	treeTime     = 2 * time.Hour // of copying a tree on the host
)

// machine is the one the record was made with.
func (r syncRecord) machine(e *Env) machine {
	return machine{conn: e.Conn, name: hostName(e), sudo: r.Sudo}
}

// recordTree saves everything a sync is going to touch.
func (t *transfer) recordTree(ctx context.Context, e *Env) (Undo, error) {
	items, err := t.diff(ctx, e, t.to)
	if err != nil {
		return Undo{}, err
	}
	r := syncRecord{Mode: t.mode, To: t.to, Sudo: t.m.sudo}
	u := Undo{Kind: "sync", Way: BackReversible}
	if len(items) == 0 {
		u.Nothing, u.Way, u.Data = true, BackNone, data(r)
		return u, nil
	}
	changed, created, deleted, _ := items.count()
	if err := t.deletions(deleted); err != nil {
		return u, err
	}
	paths := make([]string, len(items))
	for i, it := range items {
		paths[i] = it.Path
	}
	before, err := t.m.lookPaths(ctx, t.to, paths)
	if err != nil {
		return u, err
	}
	if err := t.enoughRights(ctx, e, before); err != nil {
		return u, err
	}
	r.Sudo, r.Saved, r.Touched = t.m.sudo, path.Join(e.Store.Dir(), dirSaved), len(paths)
	if r.Stage, err = stageDir(ctx, e); err != nil {
		return u, err
	}
	wanted, err := t.wanted(ctx, e, items)
	if err != nil {
		return u, err
	}
	if err = t.saveTree(ctx, e, &r, paths, before, wanted); err != nil {
		return u, err
	}
	u.Blobs = []string{blobTouched, blobExisting, blobBefore, blobWanted, dirSaved}
	u.Lines = []string{fmt.Sprintf("%s: %d files come back as they were, %d new ones are removed", hosts.CleanLine(t.to), changed+deleted, created)}
	u.Data = data(r)
	return u, nil
}

// enoughRights becomes root where something belongs to others: only root can give it back to them.
func (t *transfer) enoughRights(ctx context.Context, e *Env, before manifest) error {
	if t.root {
		return nil
	}
	out, err := t.m.script(ctx, "ask who we are", nil, `id -u`)
	if err != nil {
		return err
	}
	me := strings.TrimSpace(out)
	for _, p := range before.names() {
		s := before[p]
		if fmt.Sprint(s.UID) == me {
			continue
		}
		if !e.Sudo {
			return refused("%s: %s of %s belongs to another user (%d): allow sudo for this host, or exclude it", t.m.name, hosts.CleanLine(p), hosts.CleanLine(t.to), s.UID)
		}
		t.m, t.root = target(e), true
		return t.destination(ctx, e)
	}
	return nil
}

// saveTree copies what is there into the store, and proves that the copies are what was looked at.
func (t *transfer) saveTree(ctx context.Context, e *Env, r *syncRecord, paths []string, before, wanted manifest) error {
	beforeJSON, err := json.Marshal(before)
	if err != nil {
		return err
	}
	wantedJSON, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	v, err := vault(ctx, e, t.m)
	if err != nil {
		return err
	}
	touched := readAllNulls(paths)
	for name, content := range map[string][]byte{
		blobTouched: touched, blobExisting: readAllNulls(before.names()), blobBefore: beforeJSON, blobWanted: wantedJSON,
	} {
		if err := e.Store.Put(ctx, name, bytes.NewReader(content)); err != nil {
			return err
		}
	}
	if len(before) > 0 {
		if err := v.copyTree(ctx, t.to, r.Saved, path.Join(e.Store.Dir(), blobExisting), true); err != nil {
			return err
		}
	}
	saved, err := v.lookPaths(ctx, r.Saved, before.names())
	if err != nil {
		return err
	}
	if d := before.differs(saved, before.names()); len(d) > 0 {
		return refused("%s: %s: %s in its copy: it changes right now, or this login may not keep what belongs to it; try again or allow sudo", t.m.name, hosts.CleanLine(t.to), d[0])
	}
	r.Sum, r.SumBefore, r.SumWanted = digest(touched), digest(beforeJSON), digest(wantedJSON)
	return nil
}

func readAllNulls(paths []string) []byte {
	var b bytes.Buffer
	for _, p := range paths {
		b.WriteString(p)
		b.WriteByte(0)
	}
	return b.Bytes()
}

func splitNulls(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// scriptCopy copies listed paths with everything that belongs to them. An rsync that was built without them
// keeps no ACLs and extended attributes.
const scriptCopy = `list=$3 fresh=$4
case "$(rsync --version)" in *" no xattrs"*) x= ;; *xattrs*) x=-X ;; *) x= ;; esac
case "$(rsync --version)" in *" no ACLs"*) a= ;; *ACLs*) a=-A ;; *) a= ;; esac
if [ "$fresh" = yes ]; then rm -rf -- "$2" && mkdir -m 700 -- "$2" || exit 1; fi
rsync -a $x $a --numeric-ids --checksum --force --from0 --no-implied-dirs --files-from="$list" -- "$1/" "$2/" || exit $?
sync "$2" 2>/dev/null || sync`

// copyTree copies the paths of a list (NUL-ended, a file of the host) from one directory of the host to
// another, byte for byte, with modes, owners and times.
func (m machine) copyTree(ctx context.Context, from, to, list string, fresh bool) error {
	yes := "no"
	if fresh {
		yes = "yes"
	}
	res, err := m.exec(ctx, hosts.Cmd{Argv: []string{"sh", "-c", scriptCopy, "sh", from, to, list, yes}, Timeout: treeTime})
	if err != nil {
		return err
	}
	return rsyncFault(m.name, to, res)
}

// touched reads what a record's sync may touch, and its states before.
func (r syncRecord) touched(ctx context.Context, e *Env) (paths []string, before manifest, err error) {
	b, err := e.Store.Get(ctx, blobTouched)
	if err != nil {
		return nil, nil, err
	}
	if digest(b) != r.Sum {
		return nil, nil, fmt.Errorf("%s: the list of touched files is not the one of the record", hostName(e))
	}
	before, err = readManifest(ctx, e, blobBefore, r.SumBefore)
	return splitNulls(b), before, err
}

// readManifest reads states of files from the store; sum is the digest that they were recorded with, "" is none.
func readManifest(ctx context.Context, e *Env, name, sum string) (m manifest, err error) {
	j, err := e.Store.Get(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case sum != "" && digest(j) != sum:
		return nil, refused("%s: the undo record's %q is not what was recorded: somebody has changed it; look at %s", hostName(e), name, hosts.CleanLine(e.Store.Dir()))
	}
	if err := json.Unmarshal(j, &m); err != nil {
		return nil, fmt.Errorf("%s: the undo record's %q cannot be read: %w", hostName(e), name, err)
	}
	return m, nil
}

func (t *transfer) actTree(ctx context.Context, e *Env, u Undo) error {
	r, err := unpack[syncRecord](u)
	if err != nil {
		return err
	}
	t.m.sudo = r.Sudo
	paths, before, err := r.touched(ctx, e)
	if err != nil {
		return err
	}
	items, err := t.diff(ctx, e, t.to)
	if err != nil {
		return err
	}
	if err := t.asRecorded(ctx, items, paths, before); err != nil {
		return err
	}
	if err := t.sourceAsRecorded(ctx, e, r, paths); err != nil {
		return err
	}
	if t.mode == modeInPlace {
		_, err = rsync{from: t.from, to: t.to, flags: append(t.flags(), t.careful()...), sudo: t.m.sudo && !sameMachine(e)}.run(ctx, e)
	} else {
		err = t.viaStage(ctx, e, r.Stage)
	}
	if err != nil || !t.root {
		return err
	}
	return t.giveBack(ctx, paths, before)
}

// careful are the flags of an rsync that changes a live tree: all files are renamed at its end.
func (t *transfer) careful() []string {
	f := []string{"--delay-updates"}
	if t.s.Delete.Enabled && t.s.Delete.Max > 0 {
		// Directories count here, and not in the plan; the plan has been compared.
		f = append(f, fmt.Sprintf("--max-delete=%d", max(t.s.Delete.Max, 1)*2))
	}
	return f
}

// asRecorded refuses to touch what was not saved, and what somebody else has changed since.
func (t *transfer) asRecorded(ctx context.Context, items listing, paths []string, before manifest) error {
	known := map[string]bool{}
	for _, p := range paths {
		known[key(p)] = true
	}
	var now []string
	for _, i := range items {
		if !known[key(i.Path)] {
			return refused("%s: %s was not to be touched when the record was made: the source or %s has changed since; plan again",
				t.m.name, hosts.CleanLine(i.Path), hosts.CleanLine(t.to))
		}
		if !i.dir() {
			now = append(now, i.Path)
		}
	}
	states, err := t.m.lookPaths(ctx, t.to, now)
	if err != nil {
		return err
	}
	for _, p := range now {
		a, b := before.at(p), states.at(p)
		if a.SHA256 != b.SHA256 || a.Type != b.Type || a.Link != b.Link {
			return refused("%s: %s: changed by someone else since the plan; look at it and plan again", t.m.name, hosts.CleanLine(path.Join(t.to, p)))
		}
	}
	return nil
}

// stageDir is where a stage lies: beside the blobs where the login may go there, else in its home. The login
// sends, so that no rule of sudoers has to name rsync.
func stageDir(ctx context.Context, e *Env) (string, error) {
	v, err := vault(ctx, e, login(e))
	if err != nil || !v.sudo {
		return path.Join(e.Store.Dir(), dirStage), err
	}
	out, err := login(e).script(ctx, "make a place for the stage", nil, `d=${XDG_STATE_HOME:-$HOME/.local/state}/midwatch/stage
(umask 077; mkdir -p -- "$d") && printf '%s' "$d"`)
	if err != nil {
		return "", err
	}
	return path.Join(out, plainName(e.Run)+"-"+plainName(e.Step)), nil
}

// viaStage sends to a directory that nobody uses and copies into place on the host, detached.
func (t *transfer) viaStage(ctx context.Context, e *Env, stage string) error {
	job := jobName(e, "place")
	p, _, err := e.Jobs.Find(ctx, job)
	if err != nil {
		return err
	}
	if p == NotStarted { // else it was sent, all of it, before a crash
		note(e, "sends to a stage")
		send := rsync{from: t.from, to: stage, flags: t.flags()}
		if !t.m.sudo { // else the login may not be allowed to look at what is there
			send.flags = append(send.flags, "--link-dest="+t.to)
		}
		send.flags = slices.DeleteFunc(send.flags, func(f string) bool { return f == "--delete-delay" })
		send.flags = append(send.flags, "--delete")
		if _, err := send.run(ctx, e); err != nil {
			return err
		}
	}
	note(e, "copies into place")
	argv := append([]string{"rsync", "--outbuf=L", rsyncFormat}, append(t.flags(), t.careful()...)...)
	argv = append(argv, "--", slash(stage), slash(t.to))
	exit, err := e.Jobs.Run(ctx, job, Job{Argv: argv, Sudo: t.m.sudo}, func(text string, stderr bool) {
		if it, ok := parseItem(text); ok {
			text = it.What + " " + it.Path
		}
		say(e, text, stderr)
	})
	if err != nil {
		return err
	}
	if exit != 0 {
		log, err := e.Jobs.Log(ctx, job, 64<<10)
		if err != nil {
			return err
		}
		return rsyncFault(t.m.name, t.to, hosts.Result{Exit: exit, Stderr: log})
	}
	_, err = t.m.script(ctx, "remove the stage", nil, `rm -rf -- "$1"`, stage)
	return err
}

// scriptChown reads "uid:gid" and a path by turns.
const scriptChown = `cd -- "$1" && xargs -0 -r -n 2 chown -h -- `

// giveBack gives files that root has written to whom they belong: those that were there to their owners, new
// ones to the definition's owner, else to the directory's.
func (t *transfer) giveBack(ctx context.Context, paths []string, before manifest) error {
	now, err := t.m.lookPaths(ctx, t.to, paths)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, p := range now.names() {
		uid, gid := t.uid, t.gid
		if was, ok := before[p]; ok && t.s.Owner == "" {
			uid, gid = was.UID, was.GID
		}
		if is := now[p]; is.UID != uid || is.GID != gid {
			fmt.Fprintf(&b, "%d:%d\x00./%s\x00", uid, gid, p)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	if _, err := t.m.script(ctx, "give files of "+t.to+" to their owners", strings.NewReader(b.String()), scriptChown, t.to); err != nil {
		return err
	}
	return t.remode(ctx, now)
}

// remode puts back set-id bits, which chown takes away.
func (t *transfer) remode(ctx context.Context, want manifest) error {
	var b strings.Builder
	for _, p := range want.names() {
		if s := want[p]; s.Type == "file" && s.Mode&0o6000 != 0 {
			fmt.Fprintf(&b, "%04o\x00./%s\x00", s.Mode, p)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := t.m.script(ctx, "set modes of "+t.to, strings.NewReader(b.String()), `cd -- "$1" && xargs -0 -r -n 2 chmod -- `, t.to)
	return err
}

// verifyTree looks a second time: rsync must find nothing to do. What is there then is kept, so that drift can
// be told from it.
func (t *transfer) verifyTree(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := unpack[syncRecord](u)
	if err != nil {
		return Seen{}, err
	}
	t.m.sudo = r.Sudo
	left, err := t.left(ctx, e, t.to)
	if err != nil {
		return Seen{}, err
	}
	kept := slices.IndexFunc(left, func(i item) bool { return !i.Deleted || !i.dir() }) == -1
	if len(left) > 0 && !kept {
		return Seen{Line: fmt.Sprintf("%s: a second look still finds %s%s", hosts.CleanLine(t.to), left.line(), t.overlooked()), Lines: strings.Split(left.detail("").Text, "\n")}, nil
	}
	seen := Seen{OK: true, Changed: !u.Nothing, Line: hosts.CleanLine(t.to) + ": a second look finds nothing to change"}
	for _, i := range left { // rsync leaves a directory that holds excluded files
		seen.Lines = append(seen.Lines, hosts.CleanLine(i.Path)+" stays: it holds excluded files")
	}
	if u.Nothing {
		return seen, nil
	}
	paths, before, err := r.touched(ctx, e)
	if err != nil {
		return seen, err
	}
	now, err := t.m.lookPaths(ctx, t.to, paths)
	if err != nil {
		return seen, err
	}
	t.name(e, before, now, paths)
	j, err := json.Marshal(now)
	if err != nil {
		return seen, err
	}
	return seen, e.Store.Put(ctx, blobAfter, bytes.NewReader(j))
}

// name gives later steps the numbers of what was done.
func (t *transfer) name(e *Env, before, now manifest, paths []string) {
	if e.Output == nil {
		return
	}
	var changed, deleted, sent int64
	for _, p := range paths {
		a, b := before.at(p), now.at(p)
		switch {
		case b.Type == "absent" && a.Type != "absent":
			deleted++
		case a.differs(b) != "":
			changed++
			sent += b.Size
		}
	}
	e.Output("changed", fmt.Sprint(changed))
	e.Output("deleted", fmt.Sprint(deleted))
	e.Output("bytes", fmt.Sprint(sent))
}
