package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/tui"
)

// judgement asks the checks in the background, so that the header of the console does not say ok while
// they know better.
type judgement struct {
	run  func(*hosts.Snapshot) *checks.Report
	grim atomic.Int64 // findings that are errors or worse, of the last run; -1 before the first
}

// The times of the background runs: the first when hosts have had time to answer.
const (
	firstJudgement = 6 * time.Second
	judgementEvery = 20 * time.Second
)

// watch runs the checks now and then until ctx ends. The returned func waits for that.
func (j *judgement) watch(ctx context.Context, snapshot func() *hosts.Snapshot) (wait func()) {
	j.grim.Store(-1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTimer(firstJudgement)
		defer t.Stop()
		for gen := uint64(0); ; {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if s := snapshot(); len(s.Hosts) > 0 && s.Gen != gen {
				gen = s.Gen
				j.grim.Store(grim(j.run(s)))
			}
			t.Reset(judgementEvery)
		}
	}()
	return func() { <-done }
}

// grim counts the findings that wake people.
func grim(r *checks.Report) int64 {
	var n int64
	for _, f := range r.Shown() {
		if f.Severity >= checks.Error {
			n++
		}
	}
	return n
}

// verdict adds what the checks say to the state of the hosts.
func (j *judgement) verdict(s *hosts.Snapshot, now time.Time) tui.Verdict {
	v := verdict(s, now)
	n := j.grim.Load()
	if n <= 0 {
		return v
	}
	what := "1 finding"
	if n > 1 {
		what = fmt.Sprintf("%d findings", n)
	}
	v.Text = strings.TrimSuffix(v.Text, " · ok") + " · " + what
	v.Level = max(v.Level, hosts.LevelError)
	return v
}
