package step

import (
	"context"
	"encoding/json"
	"fmt"

	"midwatch/hosts"
)

// Kinds returns what does the steps of each kind, by the kind's name. "group" is not among them: the engine
// goes through its steps.
func Kinds() map[string]Kind {
	return map[string]Kind{
		"approve":   approve{},
		"check":     check{},
		"command":   command{},
		"compose":   composeKind{},
		"container": containerKind{},
		"drain":     drain{},
		"envoy":     envoyKind{},
		"file":      file{},
		"gate":      gate{},
		"http":      httpKind{},
		"migrate":   migrate{},
		"nginx":     nginxKind{},
		"notify":    notify{},
		"retain":    retain{},
		"snapshot":  snapshot{},
		"swap":      swap{},
		"sync":      syncKind{},
		"systemd":   systemdKind{},
		"verify":    verify{},
		"wait":      wait{},
	}
}

// lookOnly is what kinds have in common that change nothing: there is nothing to record, to do and to undo.
type lookOnly struct{ kind string }

func (lookOnly) Class(any) Class { return Repeat }

func (l lookOnly) Record(context.Context, *Env) (Undo, error) {
	return Undo{Kind: l.kind, Nothing: true, Way: BackNone}, nil
}

func (lookOnly) Act(context.Context, *Env, Undo) error               { return nil }
func (lookOnly) Probe(context.Context, *Env, Undo) (Progress, error) { return NotStarted, nil }
func (lookOnly) Undo(context.Context, *Env, Undo) error              { return nil }
func (lookOnly) Undone(context.Context, *Env, Undo) (Seen, error) {
	return Seen{OK: true, Line: "nothing to take back"}, nil
}
func (lookOnly) Drift(context.Context, *Env, Undo) ([]string, error) { return nil, nil }

// settings are the settings of a step as its kind has them.
func settings[T any](e *Env) (*T, error) {
	s, ok := e.Settings.(*T)
	if !ok || s == nil {
		return nil, fmt.Errorf("step %s: settings are %T, not %T", hosts.CleanLine(e.Step), e.Settings, s)
	}
	return s, nil
}

// data packs a kind's own part of an undo record.
func data(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("step: an undo record that cannot be written: " + err.Error()) // plain structs only
	}
	return b
}

// unpack reads a kind's own part of an undo record.
func unpack[T any](u Undo) (T, error) {
	var v T
	if err := json.Unmarshal(u.Data, &v); err != nil {
		return v, fmt.Errorf("the undo record of kind %s cannot be read: %w", hosts.CleanLine(u.Kind), err)
	}
	return v, nil
}

// jobName is the name of a job of this step; another attempt has jobs of its own.
func jobName(e *Env, part string) string {
	name := plainName(e.Step)
	if part != "" {
		name += "-" + part
	}
	if e.Undoing {
		name += "-undo"
	}
	if e.Try > 1 {
		name += fmt.Sprintf("-try%d", e.Try)
	}
	return name
}
