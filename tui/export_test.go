package tui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Tick lets a second of the console's clock pass.
func Tick(r *Root) { r.ticked(tickMsg{r.ticks}) }

// Publish gives the root a snapshot as its pump would.
func Publish(r *Root, s *hosts.Snapshot) { r.published(snapshotMsg{s}) }

// AwaitQuestion waits for a question as the root's pump would.
func AwaitQuestion(ctx context.Context, q *Questions) tea.Msg { return waitQuestion(ctx, q)() }

// Actions are the root's own.
func Actions(r *Root) []ui.Action { return r.actions() }
