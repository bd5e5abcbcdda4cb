package containers

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// actState is how far an action on one container is.
type actState int

const (
	actQueued actState = iota
	actRunning
	actDone
	actFailed
)

// act is an action on one container, as its row shows it.
type act struct {
	verb  string
	state actState
	text  string // the operator's result, or why it failed
	ended time.Time
}

// keepDone is how long a good result stays on its row; a failure stays until the next action.
const keepDone = 30 * time.Second

func (a *act) pending() bool { return a.state == actQueued || a.state == actRunning }

func (a *act) cell(st *themes.Styles) ui.Cell {
	g := &st.Glyphs
	switch a.state {
	case actQueued:
		return ui.Cell{Text: a.verb + " is next", Role: themes.Info, Glyph: g.Pending, GlyphRole: themes.Info}
	case actRunning:
		return ui.Cell{Text: doing(a.verb), Role: themes.Info, Glyph: g.Restarting, GlyphRole: themes.Info}
	case actDone:
		return ui.Cell{Text: a.text, Role: themes.Muted, Glyph: g.OK, GlyphRole: themes.OK}
	default:
		return ui.Cell{Text: a.verb + ": " + a.text, Role: themes.Bad, Glyph: g.Bad, GlyphRole: themes.Bad}
	}
}

func doing(verb string) string {
	if verb == "stop" {
		return "stopping"
	}
	return verb + "ing"
}

func done(verb string) string {
	if verb == "stop" {
		return "stopped"
	}
	return verb + "ed"
}

// target is a container an action is for.
type target struct {
	key
	name string
}

// actedMsg is a step of an action on one container. owner is the screen's results channel, which
// tells it from those of other screens.
type actedMsg struct {
	owner *results
	key   key
	verb  string
	state actState
	text  string
	at    time.Time
}

// results brings the steps of running actions to the screen. It has room for all of them, so an
// action never waits for a screen that is gone.
type results struct{ ch chan actedMsg }

// runActs does verb to the targets of one host, one after the other, so that a project does not lose
// all of its containers at the same moment. It runs under the program's context: leaving the screen
// does not stop it. Its message is the toast that sums it up, which the root shows in any case.
func runActs(ctx context.Context, op ui.Operator, now func() time.Time, verb, typed string, list []target, out *results) tea.Cmd {
	return func() tea.Msg {
		var failed []string
		last := ""
		for i, t := range list {
			out.ch <- actedMsg{out, t.key, verb, actRunning, "", now()}
			text, err := op.Container(ctx, verb, t.host, t.id, typed)
			if err != nil {
				reason := ui.Clean(err.Error())
				failed = append(failed, t.host+"/"+t.name+": "+reason)
				out.ch <- actedMsg{out, t.key, verb, actFailed, reason, now()}
				if errors.Is(err, hosts.ErrReadOnly) || ctx.Err() != nil {
					skip(list[i+1:], out, verb, reason, now())
					break
				}
				continue
			}
			if text = ui.Clean(text); text == "" {
				text = done(verb)
			}
			last = text
			out.ch <- actedMsg{out, t.key, verb, actDone, text, now()}
		}
		return sumUp(verb, list, failed, last)
	}
}

// skip marks what is not tried any more.
func skip(list []target, out *results, verb, reason string, now time.Time) {
	for _, t := range list {
		out.ch <- actedMsg{out, t.key, verb, actFailed, "not tried: " + reason, now}
	}
}

// sumUp is what the person is told when all is over.
func sumUp(verb string, list []target, failed []string, last string) ui.ToastMsg {
	host := list[0].host
	switch {
	case len(failed) == 0 && len(list) == 1:
		return ui.ToastMsg{Level: hosts.LevelInfo, Text: ui.Clean(host + "/" + list[0].name + ": " + last)}
	case len(failed) == 0:
		return ui.ToastMsg{Level: hosts.LevelInfo, Text: done(verb) + " " + ui.Count(len(list), "container") + " on " + ui.Clean(host)}
	case len(list) == 1:
		return ui.ToastMsg{Level: hosts.LevelError, Text: ui.Clean(verb + " " + failed[0])}
	}
	return ui.ToastMsg{Level: hosts.LevelError, Text: ui.Clean(verb + " on " + host + ": " + strconv.Itoa(len(failed)) + " of " +
		ui.Count(len(list), "container") + " failed; " + strings.Join(failed, "; "))}
}

// waitActs waits for the next step; one of these is in flight while actions run.
func waitActs(ctx context.Context, r *results) tea.Cmd {
	return func() tea.Msg {
		select {
		case m := <-r.ch:
			return m
		case <-ctx.Done():
			return nil
		}
	}
}
