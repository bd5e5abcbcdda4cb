package main

import (
	"strings"

	"midwatch/tui"
	"midwatch/tui/ui"
)

// reachDeploys is what the palette reaches of deploys: each that is defined when the console opens.
func (w *world) reachDeploys() []tui.Reach {
	if w.defs == nil {
		return nil
	}
	defs, _, err := w.defs.load()
	if err != nil {
		return nil // the screen says it
	}
	out := make([]tui.Reach, 0, len(defs))
	for _, d := range defs {
		out = append(out, tui.Reach{Kind: "deploy", Title: d.Name, Detail: d.About, Open: ui.OpenMsg{Screen: "deploys", Object: d.Name}})
	}
	return out
}

// leaving says what quitting does to an operation: runs are left and can be gone on with, everything else is
// waited for.
func leaving(what string) string {
	for _, verb := range []string{"deploy ", "rollback ", "resume "} {
		if strings.HasPrefix(what, verb) {
			return what + " is left interrupted: its jobs on the hosts go on, no new step begins; resume it later, here or elsewhere"
		}
	}
	return what + " is finished first"
}
