package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// frame is the least time between two snapshots that are shown: a fleet that changes faster costs
// no more than twenty views a second.
const frame = 50 * time.Millisecond

// snapshotMsg brings a snapshot; its Gen tells whether it is news. nil says the pump has ended.
type snapshotMsg struct{ snap *hosts.Snapshot }

// waitSnapshot waits for the end of the frame, then for a snapshot newer than after. The message it
// makes starts the next wait, so one is in flight at a time.
func waitSnapshot(ctx context.Context, f ui.Fleet, after uint64, pause time.Duration) tea.Cmd {
	return func() tea.Msg {
		if pause > 0 {
			t := time.NewTimer(pause)
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done():
				return snapshotMsg{}
			}
		}
		s, err := f.Next(ctx, after)
		if err != nil {
			return snapshotMsg{}
		}
		return snapshotMsg{s}
	}
}
