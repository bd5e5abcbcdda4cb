package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// views keeps ways to look at logs in a file of the state directory. Each call reads the file, so that two
// consoles keep what both save.
type views struct {
	dir func() (string, error)
	mu  sync.Mutex // one reader or writer of the file at a time
}

const viewsFile = "views.json"

// savedView is a view as it stands in the file.
type savedView struct {
	Name    string        `json:"name"`
	Sources []savedSource `json:"sources"`
	Boot    bool          `json:"boot,omitempty"`
	Back    string        `json:"back,omitempty"`
	Tail    int           `json:"tail,omitempty"`
	Filter  string        `json:"filter,omitempty"`
	Wrap    bool          `json:"wrap,omitempty"`
	Fold    bool          `json:"fold,omitempty"`
	Columns string        `json:"columns,omitempty"`
}

type savedSource struct {
	Host string `json:"host"`
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
}

// Views implements ui.LogViews.
func (v *views) Views() ([]ui.LogView, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	saved, _, err := v.read()
	out := make([]ui.LogView, 0, len(saved))
	for _, s := range saved {
		out = append(out, s.view())
	}
	return out, err
}

// SaveView implements ui.LogViews.
func (v *views) SaveView(view ui.LogView) error {
	s := savedView{Name: view.Name, Boot: view.Boot, Tail: view.Tail, Filter: view.Filter, Wrap: view.Wrap, Fold: view.Fold, Columns: view.Columns.String()}
	if view.Back > 0 {
		s.Back = view.Back.String()
	}
	for _, src := range view.Sources {
		s.Sources = append(s.Sources, savedSource{src.Host, src.Kind.String(), src.Name})
	}
	return v.change(view.Name, &s)
}

// RemoveView implements ui.LogViews.
func (v *views) RemoveView(name string) error { return v.change(name, nil) }

// change puts a view in the place of the one with its name; nil takes that away.
func (v *views) change(name string, to *savedView) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	saved, path, err := v.read()
	if err != nil {
		return err
	}
	saved = slices.DeleteFunc(saved, func(s savedView) bool { return s.Name == name })
	if to != nil {
		saved = append(saved, *to)
	}
	slices.SortFunc(saved, func(a, b savedView) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+viewsFile+"-*")
	if err != nil {
		return fmt.Errorf("write views: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write views: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func (v *views) read() (saved []savedView, path string, err error) {
	dir, err := v.dir()
	if err != nil {
		return nil, "", err
	}
	path = filepath.Join(dir, viewsFile)
	text, err := os.ReadFile(path) //nolint:gosec // our own file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, path, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &saved)
	}
	if err != nil {
		return nil, path, fmt.Errorf("read views: %s: %w", path, err)
	}
	return saved, path, nil
}

func (s *savedView) view() ui.LogView {
	out := ui.LogView{Name: s.Name, Boot: s.Boot, Tail: s.Tail, Filter: s.Filter, Wrap: s.Wrap, Fold: s.Fold}
	out.Columns, _ = ui.ParseLogColumns(s.Columns) // what is not understood is as at first
	out.Back, _ = time.ParseDuration(s.Back)       // what is not one is none
	for _, src := range s.Sources {
		for kind := hosts.LogContainer; kind <= hosts.LogProbes; kind++ {
			if kind.String() == src.Kind {
				out.Sources = append(out.Sources, hosts.LogSource{Host: src.Host, Kind: kind, Name: src.Name})
			}
		}
	}
	return out
}

var _ ui.LogViews = (*views)(nil)
