package step

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// wish is what a file step wants, worked out against what is there.
type wish struct {
	s       *deploy.File
	before  fileState
	old     string // content before, "" where there is none or it is not read
	content []byte
	mode    uint32
	absent  bool
	inPlace bool
	uid     int // wanted, -1 whatever it gets
	gid     int
	secret  bool // the content holds secrets: it is not shown
	bound   bool // in place because of a mount
}

// wishFile reads what is there and makes what shall be.
func wishFile(ctx context.Context, e *Env, m machine, s *deploy.File) (wish, error) {
	dst := string(s.Dst)
	if !path.IsAbs(dst) {
		return wish{}, refused("%s: dst %q is not an absolute path", m.name, hosts.CleanLine(dst))
	}
	w := wish{s: s, absent: s.Absent, inPlace: s.InPlace}
	var err error
	if w.before, err = m.lookFile(ctx, path.Clean(dst)); err != nil {
		return w, err
	}
	if err := w.allowed(m); err != nil {
		return w, err
	}
	if w.before.Type == "file" {
		old, err := m.readFile(ctx, w.before.Path, maxLocal)
		if err != nil {
			return w, err
		}
		w.old = string(old)
	}
	if w.absent {
		return w, nil
	}
	if err := w.fill(ctx, e); err != nil {
		return w, err
	}
	if w.mode, err = fileMode(s.Mode, w.before); err != nil {
		return w, err
	}
	if w.secret && s.Mode == "" {
		if w.mode &^= 0o007; !w.before.exists() {
			w.mode = 0o600 // whoever else is to read it, the definition says
		}
	}
	if err = w.own(ctx, m); err != nil {
		return w, err
	}
	if !w.inPlace && w.before.Type == "file" {
		if w.bound, err = m.boundAlone(ctx, w.before.Path); err != nil {
			return w, err
		}
		w.inPlace = w.bound
	}
	return w, nil
}

// own works out whom the file will belong to.
func (w *wish) own(ctx context.Context, m machine) (err error) {
	w.uid, w.gid = -1, -1
	if w.s.Owner != "" {
		if w.uid, w.gid, err = m.ownerOf(ctx, string(w.s.Owner)); err != nil {
			return err
		}
	}
	if w.before.exists() {
		if w.uid == -1 {
			w.uid = w.before.UID
		}
		if w.gid == -1 {
			w.gid = w.before.GID
		}
	}
	return nil
}

// allowed refuses what a file step cannot do well.
func (w *wish) allowed(m machine) error {
	p := hosts.CleanLine(w.before.Path)
	switch {
	case w.before.NoParent && !w.absent:
		return refused("%s: the directory of %s does not exist: make it first", m.name, p)
	case w.before.Type == "link":
		return refused("%s: %s is a symlink to %s: name the file itself", m.name, p, hosts.CleanLine(w.before.Link))
	case w.before.Type == "dir" || w.before.Type == "other":
		return refused("%s: %s is %s, not a file", m.name, p, orWord(word(w.before), "a device or socket"))
	}
	switch was := w.s.Was; {
	case was == "":
	case was == "absent" && w.before.exists(), was != "absent" && w.before.SHA256 != was:
		return refused("%s: %s was changed since the plan: look at it and plan again", m.name, p)
	}
	return nil
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// fill makes the content.
func (w *wish) fill(ctx context.Context, e *Env) error {
	switch {
	case len(w.s.Edits) > 0:
		text, err := ApplyEdits([]byte(w.old), w.s.Edits)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", hostName(e), hosts.CleanLine(w.before.Path), err)
		}
		w.content = text
	case w.s.Src != "":
		raw, err := readLocal(ctx, e, string(w.s.Src))
		if err != nil {
			return err
		}
		w.content = raw
		if strings.HasSuffix(string(w.s.Src), ".tmpl") {
			text := deploy.Sensitive(raw)
			if e.Expand != nil {
				if text, err = e.Expand(string(raw)); err != nil {
					return refused("this machine: %s: %v", hosts.CleanLine(string(w.s.Src)), err)
				}
			}
			return w.reveal(ctx, e, text)
		}
	default:
		return w.reveal(ctx, e, w.s.Content)
	}
	return nil
}

func (w *wish) reveal(ctx context.Context, e *Env, text deploy.Sensitive) error {
	w.secret = hasSecret(text)
	v, err := e.Reveal(ctx, text)
	if err != nil {
		return fmt.Errorf("content of %s: %w", hosts.CleanLine(w.before.Path), err)
	}
	w.content = []byte(v.Reveal())
	return nil
}

// fileMode is the mode a file will have.
func fileMode(want string, before fileState) (uint32, error) {
	if want == "" {
		if before.exists() {
			return before.Mode, nil
		}
		return 0o644, nil
	}
	n, err := strconv.ParseUint(want, 8, 12)
	if err != nil {
		return 0, refused("mode %q is not octal, like 0644", hosts.CleanLine(want))
	}
	return uint32(n), nil
}

// after is the state the file will have. Whom a new file belongs to whose owner is not said, only the host
// knows.
func (w *wish) after() fileState {
	if w.absent {
		return fileState{Path: w.before.Path, Type: "absent"}
	}
	return fileState{
		Path: w.before.Path, Type: "file", Mode: w.mode, Size: int64(len(w.content)), SHA256: digest(w.content),
		UID: w.uid, GID: w.gid,
	}
}

// nothing reports that the file is as it is wanted.
func (w *wish) nothing() bool {
	return w.before.Type == w.after().Type && fileRecord{After: w.after()}.reached(w.before)
}

const scriptOwner = `u=${1%%:*} g=
case "$1" in *:*) g=${1#*:} ;; esac
if [ -n "$u" ]; then id -u -- "$u" || exit 1; else echo -1; fi
case "$g" in
'') case "$1" in *:) id -g -- "$u" ;; *) echo -1 ;; esac ;;
*[!0-9]*) { getent group "$g" 2>/dev/null || grep "^$g:" /etc/group; } | cut -d: -f3 | head -n 1 | grep . || { echo "no group $g" >&2; exit 1; } ;;
*) echo "$g" ;;
esac`

// isSelf reports that files of this owner are the login's own.
func (m machine) isSelf(ctx context.Context, owner string) (bool, error) {
	uid, gid, err := m.ownerOf(ctx, owner)
	if err != nil {
		return false, err
	}
	out, err := m.script(ctx, "ask who we are", nil, `id -u; id -G`)
	if err != nil {
		return false, err
	}
	me, groups, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return (uid == -1 || me == strconv.Itoa(uid)) && (gid == -1 || slices.Contains(strings.Fields(groups), strconv.Itoa(gid))), nil
}

// ownerOf turns "user", "user:group" or ":group" into numbers, -1 for what is not said.
func (m machine) ownerOf(ctx context.Context, owner string) (uid, gid int, err error) {
	if user, _, _ := strings.Cut(owner, ":"); user != "" && strings.Trim(user, "0123456789") == "" {
		owner = strings.TrimPrefix(owner, user) // a number needs no such user
		uid, err = strconv.Atoi(user)
		if err != nil || owner == "" || owner == ":" {
			return uid, -1, err
		}
		_, gid, err = m.ownerOf(ctx, owner)
		return uid, gid, err
	}
	out, err := m.script(ctx, "look up the owner "+owner, nil, scriptOwner, owner)
	if err != nil {
		return 0, 0, &refusal{fmt.Sprintf("%s: owner %s is not known there: make the user, or name another", m.name, hosts.CleanLine(owner)), err}
	}
	if _, err := fmt.Sscan(out, &uid, &gid); err != nil {
		return 0, 0, fmt.Errorf("%s: owner %s: the answer cannot be read", m.name, hosts.CleanLine(owner))
	}
	return uid, gid, nil
}

// change is the plan of one file.
func (w *wish) change() Change {
	p := hosts.CleanLine(w.before.Path)
	c := Change{Back: BackReversible, Saw: p + " " + w.before.Type + " " + w.before.SHA256 + fmt.Sprintf(" %04o %d:%d", w.before.Mode, w.before.UID, w.before.GID)}
	if w.nothing() {
		c.Nothing, c.Back, c.Lines = true, BackNone, []string{p + " is as wanted"}
		return c
	}
	d, add, del := Detail{Title: p, Text: fmt.Sprintf("holds secrets: %d bytes, not shown", len(w.content))}, 0, 0
	if !w.secret {
		d, add, del = maskedDiff(p, w.old, string(w.content))
	}
	switch {
	case w.absent:
		c.Lines, c.BackLines = []string{"- " + p + " is removed"}, []string{p + " comes back as it was"}
	case !w.before.exists():
		c.Lines, c.BackLines = []string{fmt.Sprintf("+ %s, %d bytes, mode %04o", p, len(w.content), w.mode)}, []string{p + " is removed"}
	default:
		c.Lines, c.BackLines = []string{"~ " + p + w.said(add, del)}, []string{p + " comes back as it was"}
	}
	if w.bound {
		c.Lines = append(c.Lines, p+" is mounted alone, so it is written in place")
	}
	c.Detail = []Detail{d}
	return c
}

// said is what of an existing file changes.
func (w *wish) said(add, del int) string {
	var parts []string
	if digest(w.content) != w.before.SHA256 {
		if add+del > 0 {
			parts = append(parts, fmt.Sprintf("+%d -%d lines", add, del))
		} else {
			parts = append(parts, "another content")
		}
	}
	if w.mode != w.before.Mode {
		parts = append(parts, fmt.Sprintf("mode %04o to %04o", w.before.Mode, w.mode))
	}
	if w.uid != w.before.UID || w.gid != w.before.GID {
		parts = append(parts, "owner "+hosts.CleanLine(string(w.s.Owner)))
	}
	return ": " + strings.Join(parts, ", ")
}

// record saves what is there under a name in the store.
func (w *wish) record(ctx context.Context, e *Env, m machine, kind, blob string) (Undo, error) {
	same := w.nothing()
	r := fileRecord{Dst: w.before.Path, Before: w.before, After: w.after(), InPlace: w.inPlace, Sudo: m.sudo}
	u := Undo{Kind: kind, Way: BackReversible, Nothing: same}
	p := hosts.CleanLine(w.before.Path)
	switch {
	case same:
		u.Way, r.After = BackNone, w.before
	case w.before.exists():
		r.Saved = path.Join(e.Store.Dir(), blob)
		v, err := vault(ctx, e, m)
		if err != nil {
			return u, err
		}
		if err := v.saveFile(ctx, w.before.Path, r.Saved); err != nil {
			return u, err
		}
		if err := v.unchanged(ctx, w.before, r.Saved); err != nil {
			return u, err
		}
		u.Blobs, u.Lines = []string{blob}, []string{p + " comes back as it was"}
	default:
		u.Lines = []string{p + " is removed"}
	}
	u.Data = data(r)
	return u, nil
}

// unchanged wants a saved copy to be what was looked at.
func (m machine) unchanged(ctx context.Context, before fileState, saved string) error {
	s, err := m.lookFile(ctx, saved)
	if err != nil {
		return err
	}
	s.Path = before.Path
	if why := before.differs(s); why != "" {
		return refused("%s: %s %s in its copy: it changes right now, or this login may not keep what belongs to it; allow sudo or try again",
			m.name, hosts.CleanLine(before.Path), why)
	}
	return nil
}
