package ui

import (
	"time"

	"midwatch/hosts"
)

// LogView is a way to look at logs that is kept under a name.
type LogView struct {
	Name    string
	Sources []hosts.LogSource
	Boot    bool          // read since the hosts were started, or
	Back    time.Duration // since so long ago, or
	Tail    int           // the last lines of each source; 0 of all three: as a query without them
	Filter  string        // in the language of the filter, the least level included
	Wrap    bool
	Fold    bool
	Columns LogColumns
}

// LogViews keeps views. It reads and writes, so it is called from a command only.
type LogViews interface {
	// Views returns what is kept, by name.
	Views() ([]LogView, error)
	// SaveView keeps a view, in the place of one with the same name.
	SaveView(v LogView) error
	RemoveView(name string) error
}
