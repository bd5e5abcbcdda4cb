package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops/audit"
	"midwatch/tui/runs"
	"midwatch/tui/ui"
)

// recorder tells what operators did, from the audit log.
type recorder struct {
	path string

	mu    sync.Mutex // guards everything below: what the file came to when it was last read
	size  int64
	mtime time.Time
	done  []hosts.Event
}

// recordedKept bounds what is told of an audit log that is years old: the newest.
const recordedKept = 1000

// Recorded reads the log when it grew.
func (r *recorder) Recorded(context.Context) ([]hosts.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.Open(r.path)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	if info.Size() == r.size && info.ModTime().Equal(r.mtime) {
		return r.done, nil
	}
	records, err := audit.Records(f)
	if err != nil {
		return nil, err
	}
	r.size, r.mtime, r.done = info.Size(), info.ModTime(), recordedEvents(records)
	return r.done, nil
}

// recordedEvents makes one event of each lease and of each operation: at its begin, with how it ended.
func recordedEvents(records []audit.Record) []hosts.Event {
	out := make([]hosts.Event, 0, len(records))
	begun := map[string]int{}
	for i := range records {
		r := &records[i]
		e := hosts.Event{At: r.At, Host: r.Host, Kind: "action", Object: r.Object, ID: r.ID}
		switch r.Phase {
		case audit.PhaseUnlock:
			e.Action, e.Detail = "unlocked", r.Who+": "+r.Reason
		case audit.PhaseLock:
			e.Action, e.Detail = "locked", strings.Trim(r.Who+": "+r.Result, ": ")
		case audit.PhaseBegin:
			e.Action, e.Detail = r.Verb, r.Who+": "+r.Reason+", not ended"
			begun[r.ID] = len(out)
		case audit.PhaseEnd:
			e.Action, e.Detail = r.Verb, ended(r)
			if at, ok := begun[r.ID]; ok {
				out[at].Detail = e.Detail
				continue
			}
		default:
			continue
		}
		if r.Run != "" || strings.HasPrefix(r.Verb, "deploy") || strings.HasPrefix(r.Verb, "rollback") {
			e.Kind, e.ID = "deploy", ""
			if r.Run != "" {
				e.ID = runs.Object("run", r.Run) // what can be opened
			}
		}
		out = append(out, e)
	}
	return out[max(0, len(out)-recordedKept):]
}

func ended(r *audit.Record) string {
	text := r.Who + ": " + r.Reason
	switch {
	case r.Error != "":
		return text + ", failed: " + r.Error
	case r.Result != "":
		return text + ", " + r.Result
	}
	return text
}

var _ ui.Recorder = (*recorder)(nil)
