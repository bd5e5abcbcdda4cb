package trace_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/teatest"

	chk "midwatch/checks/trace"
	"midwatch/tui"
	"midwatch/tui/routes"
	"midwatch/tui/trace"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// A URL fails: it is pasted into the palette, the ill container is named, every hop is asked, and its
// log is opened.
func TestJourneyFromAURLToItsCause(t *testing.T) {
	w, hist := newWorld(shop(t)), new(trace.History)
	w.answers["172.18.0.3:8000"] = &chk.Answer{Err: "no answer within 5s"}
	opened := make(chan ui.OpenMsg, 1)
	root, err := tui.New(tui.Params{
		Deps: w.deps(t, uitest.Plain()),
		Screens: []tui.ScreenFactory{
			{ID: "routes", Title: "Routes", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return routes.New(d, o) }},
			{ID: "trace", Title: "Trace", Takes: "URL", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return trace.New(d, o, hist) }},
			{ID: "logs", Title: "Logs", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen {
				if o.Logs != nil {
					opened <- o
				}
				return routes.New(d, ui.OpenMsg{Screen: "routes"})
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tm := teatest.NewTestModel(t, root, teatest.WithInitialTermSize(120, 40))
	see := func(text string) {
		t.Helper()
		teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(text)) }, teatest.WithDuration(5*time.Second))
	}
	send := func(keys ...string) {
		for _, k := range uitest.Keys(keys...) {
			tm.Send(k)
		}
	}
	see("location /api/")
	send(":")
	for _, r := range apiURL {
		send(string(r))
	}
	see("trace " + apiURL)
	send("enter")
	see("broken at container api on app: running, unhealthy")
	send("l")
	see("no answer within 5s")
	send("o")
	if o := <-opened; o.Logs.Sources[0].Name != "api" {
		t.Errorf("the log of %v", o.Logs.Sources)
	}
	// From any screen the palette asks for another.
	send(":")
	for _, r := range "traceurl" {
		send(string(r))
	}
	see("trace URL")
	send("enter")
	see("enter takes it")
	send("esc")
	tm.Send(tui.QuitMsg{})
	tm.WaitFinished(t, teatest.WithFinalTimeout(5*time.Second))
}
