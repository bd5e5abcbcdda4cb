package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
)

// A pass reads no more than it may; the next one goes on, and forgets nothing that is not old.
func TestSymptomsTakeTurns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	f := &hosts.HostFacts{}
	for i := range symptomsAtFirst + 2 {
		f.Containers.Value = append(f.Containers.Value, hosts.Container{ID: fmt.Sprintf("c%02d", i), Name: fmt.Sprintf("n%02d", i), State: "running"})
	}
	f.Containers.Value = append(f.Containers.Value, hosts.Container{ID: "old", Name: "old", State: "exited", Finished: now.Add(-time.Hour)})
	var mu sync.Mutex // guards what follows
	reads, most, inFlight := map[string]int{}, 0, 0
	lines := func(_ context.Context, id string, since time.Time, _ int, do func(time.Time, string)) error {
		mu.Lock()
		reads[id]++
		inFlight++
		most = max(most, inFlight)
		mu.Unlock()
		defer func() { mu.Lock(); inFlight--; mu.Unlock() }()
		do(now, "listening")
		if since.Before(now.Add(-hosts.SymptomWindow)) {
			t.Errorf("%s is read since %s", id, since)
		}
		switch id {
		case "c00":
			do(now, "token=abc database is locked \x1b[31m")
		case "c81":
			return errors.New("configured logging driver does not support reading")
		}
		return nil
	}
	r := Symptoms("h", lines, func() time.Time { return now })
	pass := func() []hosts.Symptom {
		g := *f
		if ev := r.Read(t.Context(), f); !Apply(&g, ev) || ev.Error != "" {
			t.Fatalf("evidence %+v", ev)
		}
		return g.ContainerSymptoms.Value
	}
	first := pass()
	if len(reads) != symptomsAtFirst || most > symptomsAtOnce || len(first) != 1 || first[0].ID != "sqlite-locked" || first[0].Source.Name != "n00" {
		t.Errorf("first: %d read, %d at once, %+v", len(reads), most, first)
	}
	var second []hosts.Symptom
	for range 2 {
		now = now.Add(time.Minute)
		second = pass()
	}
	if len(reads) != symptomsAtFirst+2 || reads["old"] != 0 || len(second) != 2 {
		t.Errorf("second: %d read, %+v", len(reads), second)
	}
	if l := second[len(second)-1]; l.ID != "log-unread" || l.Source.Name != "n81" {
		t.Errorf("a log that cannot be read is %+v", l)
	}
	f.Containers.Value = nil
	now = now.Add(time.Hour)
	if last := pass(); len(last) != 0 {
		t.Errorf("told after an hour: %+v", last)
	}
}
