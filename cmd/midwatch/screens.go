package main

import (
	"midwatch/tui"
	"midwatch/tui/logs"
	"midwatch/tui/ui"
)

// screens are the rooms of the console, in the order of their tabs.
func screens() []tui.ScreenFactory {
	return []tui.ScreenFactory{
		{ID: "logs", Title: "Logs", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return logs.New(d, o) }},
	}
}
