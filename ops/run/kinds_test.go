package run

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// fileKind puts a file, with the connection's own means.
type fileKind struct{}

type fileUndo struct {
	Path string
	Had  bool
	New  string // digest of what is put
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// cat reads a file; false when there is none.
func cat(ctx context.Context, c hosts.Conn, path string) ([]byte, bool, error) {
	res, err := c.Run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", `[ -e "$1" ] || exit 3; cat "$1"`, "sh", path}})
	if err != nil {
		return nil, false, err
	}
	return res.Stdout, res.Exit == 0, nil
}

func (fileKind) Class(any) step.Class { return step.Repeat }

func (fileKind) Plan(ctx context.Context, e *step.Env) (step.Change, error) {
	f := e.Settings.(*deploy.File)
	old, had, err := cat(ctx, e.Conn, string(f.Dst))
	c := step.Change{Lines: []string{"puts " + filepath.Base(string(f.Dst))}, Back: step.BackReversible, BackLines: []string{"puts the old file back"}, Saw: fmt.Sprint(had, digest(old))}
	c.Nothing = had && string(old) == string(f.Content)
	return c, err
}

func (fileKind) Record(ctx context.Context, e *step.Env) (step.Undo, error) {
	f := e.Settings.(*deploy.File)
	old, had, err := cat(ctx, e.Conn, string(f.Dst))
	if err != nil {
		return step.Undo{}, err
	}
	u := step.Undo{Kind: "file", Way: step.BackReversible, Lines: []string{"the old file"}}
	if had && string(old) == string(f.Content) {
		u.Nothing = true
		return u, nil
	}
	if had {
		if err := e.Store.Put(ctx, "old", bytes.NewReader(old)); err != nil {
			return u, err
		}
	}
	u.Data, err = json.Marshal(fileUndo{Path: string(f.Dst), Had: had, New: digest([]byte(f.Content))})
	return u, err
}

func (fileKind) Act(ctx context.Context, e *step.Env, _ step.Undo) error {
	f := e.Settings.(*deploy.File)
	e.Emit(step.Output{Line: "putting " + filepath.Base(string(f.Dst))})
	e.Output("sha", digest([]byte(f.Content))[:8])
	return e.Conn.Upload(ctx, string(f.Dst), 0o644, strings.NewReader(string(f.Content)))
}

func (fileKind) Verify(ctx context.Context, e *step.Env, _ step.Undo) (step.Seen, error) {
	f := e.Settings.(*deploy.File)
	b, had, err := cat(ctx, e.Conn, string(f.Dst))
	return step.Seen{OK: had && string(b) == string(f.Content), Changed: true, Line: "there, " + digest(b)[:8]}, err
}

func (fileKind) Probe(context.Context, *step.Env, step.Undo) (step.Progress, error) {
	return step.Unclear, nil
}

func (fileKind) Undo(ctx context.Context, e *step.Env, u step.Undo) error {
	var d fileUndo
	if err := json.Unmarshal(u.Data, &d); err != nil {
		return err
	}
	if !d.Had {
		_, err := e.Conn.Run(ctx, hosts.Cmd{Argv: []string{"rm", "-f", d.Path}})
		return err
	}
	b, err := e.Store.Get(ctx, "old")
	if err != nil {
		return err
	}
	return e.Conn.Upload(ctx, d.Path, 0o644, bytes.NewReader(b))
}

func (fileKind) Undone(ctx context.Context, e *step.Env, u step.Undo) (step.Seen, error) {
	var d fileUndo
	if err := json.Unmarshal(u.Data, &d); err != nil {
		return step.Seen{}, err
	}
	b, had, err := cat(ctx, e.Conn, d.Path)
	if err != nil || !d.Had {
		return step.Seen{OK: !had, Line: "gone"}, err
	}
	old, err := e.Store.Get(ctx, "old")
	return step.Seen{OK: bytes.Equal(b, old), Line: "as before"}, err
}

func (fileKind) Drift(ctx context.Context, e *step.Env, u step.Undo) ([]string, error) {
	var d fileUndo
	if err := json.Unmarshal(u.Data, &d); err != nil {
		return nil, err
	}
	b, had, err := cat(ctx, e.Conn, d.Path)
	if err != nil || had && digest(b) == d.New {
		return nil, err
	}
	var was bytes.Buffer
	if d.Had {
		old, err := e.Store.Get(ctx, "old")
		if err != nil {
			return nil, err
		}
		was.Write(old)
	}
	if had == d.Had && bytes.Equal(b, was.Bytes()) {
		return nil, nil // it never got so far
	}
	return []string{filepath.Base(d.Path) + " was changed"}, nil
}

// commandKind runs a detached job.
type commandKind struct{}

func (commandKind) Class(settings any) step.Class {
	if settings.(*deploy.Command).Repeat == "never" {
		return step.AskHuman
	}
	return step.Reattach
}

func (commandKind) Plan(context.Context, *step.Env) (step.Change, error) {
	return step.Change{Lines: []string{"runs a command"}, Unknown: true, Back: step.BackCompensating}, nil
}

func (commandKind) Record(context.Context, *step.Env) (step.Undo, error) {
	return step.Undo{Kind: "command", Way: step.BackCompensating, Lines: []string{"the declared command"}}, nil
}

func (commandKind) Act(ctx context.Context, e *step.Env, _ step.Undo) error {
	c := e.Settings.(*deploy.Command)
	var argv []string
	for _, a := range c.Argv {
		argv = append(argv, string(a))
	}
	var last string
	exit, err := e.Jobs.Run(ctx, "main", step.Job{Argv: argv}, func(text string, stderr bool) {
		e.Emit(step.Output{Line: text, Stderr: stderr})
		last = text
	})
	if err == nil && exit != 0 {
		err = fmt.Errorf("%w: exit %d", step.ErrNotDone, exit)
	}
	e.Output("last", last)
	return err
}

func (commandKind) Verify(ctx context.Context, e *step.Env, _ step.Undo) (step.Seen, error) {
	p, exit, err := e.Jobs.Find(ctx, "main")
	if b, lerr := e.Jobs.Log(ctx, "main", 100); lerr == nil {
		e.Output("last", strings.TrimSpace(string(b)))
	}
	return step.Seen{OK: p == step.Ended && exit == 0, Changed: true, Line: fmt.Sprint("exit ", exit)}, err
}

func (commandKind) Probe(ctx context.Context, e *step.Env, _ step.Undo) (step.Progress, error) {
	p, _, err := e.Jobs.Find(ctx, "main")
	return p, err
}

func (commandKind) Undo(context.Context, *step.Env, step.Undo) error {
	return errors.New("a command is undone by the definition's")
}

func (commandKind) Undone(context.Context, *step.Env, step.Undo) (step.Seen, error) {
	return step.Seen{}, errors.New("a command is undone by the definition's")
}

func (commandKind) Drift(context.Context, *step.Env, step.Undo) ([]string, error) { return nil, nil }

// passive has nothing to undo.
type passive struct{}

func (passive) Class(any) step.Class { return step.Repeat }
func (passive) Plan(context.Context, *step.Env) (step.Change, error) {
	return step.Change{Lines: []string{"looks"}}, nil
}

func (passive) Record(context.Context, *step.Env) (step.Undo, error) {
	return step.Undo{Way: step.BackNone}, nil
}
func (passive) Act(context.Context, *step.Env, step.Undo) error { return nil }
func (passive) Probe(context.Context, *step.Env, step.Undo) (step.Progress, error) {
	return step.NotStarted, nil
}
func (passive) Undo(context.Context, *step.Env, step.Undo) error { return nil }
func (passive) Undone(context.Context, *step.Env, step.Undo) (step.Seen, error) {
	return step.Seen{OK: true}, nil
}
func (passive) Drift(context.Context, *step.Env, step.Undo) ([]string, error) { return nil, nil }

// approveKind asks.
type approveKind struct{ passive }

func (approveKind) Act(ctx context.Context, e *step.Env, _ step.Undo) error {
	a, err := e.Ask(ctx, step.Question{Kind: "approve", Text: "go on?"})
	if err == nil && !a.Yes {
		err = step.ErrDeclined
	}
	return err
}

func (approveKind) Verify(context.Context, *step.Env, step.Undo) (step.Seen, error) {
	return step.Seen{OK: true, Changed: true, Line: "approved"}, nil
}

// gateKind wants a file to be there: Checks[0].TCP is its path.
type gateKind struct{ passive }

func (gateKind) Verify(ctx context.Context, e *step.Env, _ step.Undo) (step.Seen, error) {
	path := string(e.Settings.(*deploy.Gate).Checks[0].TCP)
	_, had, err := cat(ctx, e.Conn, path)
	return step.Seen{OK: had, Line: filepath.Base(path) + map[bool]string{true: " is there", false: " is missing"}[had]}, err
}

// lateKind writes down what a file says when it starts: a unit that reads its configuration.
type lateKind struct{ passive }

func (lateKind) Late(any) bool { return true }

func (lateKind) start(ctx context.Context, e *step.Env) error {
	dir := string(e.Settings.(*deploy.Container).Name)
	_, err := e.Conn.Run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", `cat "$1/conf" >"$1/runs" 2>/dev/null; :`, "sh", dir}})
	return err
}

func (lateKind) Record(context.Context, *step.Env) (step.Undo, error) {
	return step.Undo{Kind: "late", Way: step.BackCompensating, Lines: []string{"started again"}}, nil
}

func (k lateKind) Act(ctx context.Context, e *step.Env, _ step.Undo) error { return k.start(ctx, e) }

func (k lateKind) Undo(ctx context.Context, e *step.Env, _ step.Undo) error { return k.start(ctx, e) }

func (lateKind) Verify(context.Context, *step.Env, step.Undo) (step.Seen, error) {
	return step.Seen{OK: true, Changed: true, Line: "runs"}, nil
}
