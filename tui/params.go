package tui

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Params is what the console is built from. Deps and at least one screen are required.
type Params struct {
	Deps    ui.Deps
	Screens []ScreenFactory // in the order of their tabs; the first is shown first
	// Keys binds actions to other keys, by the action's ID; an empty list unbinds.
	Keys map[string][]string
	// Themes are those the palette offers; Deps.Styles is the one to begin with.
	Themes []*themes.Styles
	// Reach is what the palette reaches beside what is on the hosts and the screens: the checks.
	Reach []Reach
	// Verdict judges the fleet for the header; nil is the root's own summary.
	Verdict func(*hosts.Snapshot, time.Time) Verdict
	// Questions are asked by transports while they connect; nil when nobody asks.
	Questions *Questions
	// Watchers notice what must be noticed whatever is on display.
	Watchers []Watcher
	// Busy names operations that still run, one line each with what quitting does to them.
	Busy func() []string
	// Lease is how long the write lease lasts unless another time is chosen; 0 means 15 minutes.
	Lease time.Duration
	// Where is shown beside the name: "demo", "capture night.mwcap"; "" on a live fleet.
	Where string
	// Open is a screen to open at once over the first one; the zero value opens none.
	Open ui.OpenMsg
}

// Watcher is told every message that screens are told when the root does not know it, and lives as long as
// the console. It changes only inside its own Update.
type Watcher interface {
	Start() tea.Cmd
	Update(tea.Msg) tea.Cmd
}

// ScreenFactory makes screens of one kind. New must not do I/O: that is for Init's command.
type ScreenFactory struct {
	ID    string // "fleet"; OpenMsg asks by it
	Title string // "Fleet"
	// Takes names what a person can type for the screen to be opened with ("URL"); the palette offers
	// it. OpenMsg.Object is what was typed, or AskObject for a screen that is to ask itself.
	Takes string
	// Key opens the screen from anywhere; the first ten have their numbers instead.
	Key string
	New func(ui.Deps, ui.OpenMsg) ui.Screen
}

// AskObject is the OpenMsg.Object of a screen that is to ask for what it takes.
const AskObject = "?"

// check panics on what is a mistake of the program, and returns what may be one of the person's
// configuration: keys for actions that do not exist, or two actions on one key.
func (p Params) check() error {
	switch {
	case p.Deps.Now == nil:
		panic("tui: no clock")
	case p.Deps.Styles == nil:
		panic("tui: no styles")
	case p.Deps.Context == nil:
		panic("tui: no context")
	case len(p.Screens) == 0:
		panic("tui: no screens")
	}
	if len(p.Keys) == 0 {
		return nil
	}
	root := &Root{p: p}
	global := root.actions()
	known := map[string]bool{}
	for _, a := range global {
		known[a.ID] = true
	}
	var errs []error
	for _, f := range p.Screens {
		for _, mine := range p.actionLists(f) {
			for _, a := range mine {
				known[a.ID] = true
			}
			// Only conflicts that the configuration makes are its fault.
			before := ui.Conflicts(mine, global)
			for _, c := range ui.Conflicts(ui.Rebind(mine, p.Keys), ui.Rebind(global, p.Keys)) {
				if !slices.Contains(before, c) {
					errs = append(errs, fmt.Errorf("keys: on screen %s: %s", f.ID, c))
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Keys)) {
		if !known[id] {
			errs = append(errs, fmt.Errorf("keys: no action %q; midwatch names them in the full help (?)", id))
		}
	}
	return errors.Join(dedupe(errs)...)
}

// actionLists are the actions a screen has in each of its states.
func (p Params) actionLists(f ScreenFactory) [][]ui.Action {
	s := f.New(p.Deps, ui.OpenMsg{Screen: f.ID})
	defer s.Close()
	lists := [][]ui.Action{s.Actions()}
	if x, ok := s.(ui.Paned); ok {
		lists = append(lists, x.PaneActions()...)
	}
	return lists
}

func dedupe(errs []error) []error {
	seen := map[string]bool{}
	out := errs[:0]
	for _, e := range errs {
		if !seen[e.Error()] {
			seen[e.Error()] = true
			out = append(out, e)
		}
	}
	return out
}

// ActionDoc is one line of the key table that documentation is made from.
type ActionDoc struct{ Screen, ID, Group, Title, Keys string }

// Docs lists every action of the console: the root's first, then each screen's.
func Docs(p Params) []ActionDoc {
	var out []ActionDoc
	add := func(screen string, list []ui.Action) {
		for _, a := range list {
			names := make([]string, 0, 2)
			if a.Key.Enabled() {
				for _, k := range a.Key.Keys() {
					names = append(names, ui.KeyName(k))
				}
			}
			out = append(out, ActionDoc{screen, a.ID, a.Group, a.Title, strings.Join(names, " ")})
		}
	}
	root := &Root{p: p}
	add("", ui.Rebind(root.actions(), p.Keys))
	for _, f := range p.Screens {
		seen := map[string]bool{}
		for _, list := range p.actionLists(f) {
			add(f.ID, slices.DeleteFunc(ui.Rebind(slices.Clone(list), p.Keys), func(a ui.Action) bool {
				was := seen[a.ID]
				seen[a.ID] = true
				return was
			}))
		}
	}
	return out
}
