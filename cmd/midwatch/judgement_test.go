package main

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

// The header says ok only as long as the checks have nothing to say.
func TestJudgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[hosts.Snapshot]
		var sev atomic.Int32
		s := &hosts.Snapshot{Gen: 1, Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "a"}}}}
		now.Store(s)
		sev.Store(int32(checks.Warning))
		check := checks.Check{ID: "x", Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			return []checks.Finding{{Object: "o", Title: "t", Severity: checks.Severity(sev.Load())}}
		})}
		j := &judgement{run: func(s *hosts.Snapshot) *checks.Report {
			return checks.Run(checks.FromSnapshot(s), []checks.Check{check}, checks.Options{})
		}}
		ctx, cancel := context.WithCancel(t.Context())
		wait := j.watch(ctx, now.Load)
		text := func() string { return j.verdict(s, s.At).Text }
		if strings.Contains(text(), "finding") {
			t.Error("a finding before the checks were asked")
		}
		step := func() {
			timer := time.NewTimer(judgementEvery + firstJudgement)
			<-timer.C
			synctest.Wait()
		}
		step()
		if strings.Contains(text(), "finding") {
			t.Errorf("a warning wakes people: %s", text())
		}
		sev.Store(int32(checks.Critical))
		now.Store(&hosts.Snapshot{Gen: 2, Hosts: s.Hosts})
		step()
		if v := j.verdict(s, s.At); !strings.Contains(v.Text, "1 finding") || v.Level < hosts.LevelError {
			t.Errorf("%+v", v)
		}
		cancel()
		wait()
	})
}
