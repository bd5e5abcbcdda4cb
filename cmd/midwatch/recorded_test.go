package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/ops/audit"
)

func TestRecorded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	at := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	r := &recorder{path: path}
	add := func(rec audit.Record) {
		t.Helper()
		at = at.Add(time.Second)
		rec.At, rec.Who = at, "ada"
		if err := log.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		events, err := r.Recorded(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			got = append(got, strings.TrimSpace(e.At.Format("05 ")+e.Kind+" "+e.Host+" "+e.Object+" "+e.Action+": "+e.Detail))
		}
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
	}
	check("")
	add(audit.Record{Phase: audit.PhaseUnlock, Reason: "INC-7"})
	add(audit.Record{Phase: audit.PhaseBegin, ID: "1", Reason: "INC-7", Verb: "restart", Host: "h", Object: "web"})
	check("01 action   unlocked: ada: INC-7\n02 action h web restart: ada: INC-7, not ended")
	add(audit.Record{Phase: audit.PhaseEnd, ID: "1", Reason: "INC-7", Verb: "restart", Host: "h", Object: "web", Result: "restarted"})
	add(audit.Record{Phase: audit.PhaseEnd, ID: "2", Reason: "INC-7", Verb: "deploy", Host: "h", Object: "api", Error: "refused"})
	add(audit.Record{Phase: audit.PhaseLock, Result: "ran out"})
	check("01 action   unlocked: ada: INC-7\n02 action h web restart: ada: INC-7, restarted\n04 deploy h api deploy: ada: INC-7, failed: refused\n05 action   locked: ada: ran out")
	if _, err := (&recorder{path: path + ".none"}).Recorded(t.Context()); err == nil {
		t.Error("a log that is not there is no error")
	}
}

// What a run did stands on the timeline as a deploy, and names the run, whatever its verb.
func TestRecordedOfARun(t *testing.T) {
	t.Parallel()
	got := recordedEvents([]audit.Record{
		{Phase: audit.PhaseBegin, ID: "1", Verb: "deploy", Object: "shop in production", Who: "ada", Reason: "INC-7", Run: "r-1"},
		{Phase: audit.PhaseBegin, ID: "2", Verb: "file", Host: "h", Object: "page", Who: "ada", Reason: "INC-7", Run: "r-1"},
		{Phase: audit.PhaseEnd, ID: "2", Verb: "file", Host: "h", Object: "page", Who: "ada", Reason: "INC-7", Run: "r-1", Result: "done"},
		{Phase: audit.PhaseBegin, ID: "3", Verb: "restart", Host: "h", Object: "web", Who: "ada", Reason: "INC-7"},
	})
	if len(got) != 3 || got[0].Kind != "deploy" || got[0].ID != "run r-1" || got[1].Kind != "deploy" || got[1].ID != "run r-1" || got[1].Detail != "ada: INC-7, done" || got[2].Kind != "action" || got[2].ID != "3" {
		t.Errorf("%+v", got)
	}
}
