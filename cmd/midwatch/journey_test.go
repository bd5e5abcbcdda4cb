package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/logs"
	"midwatch/tui/night"
	"midwatch/tui/ui"
)

// In the demo, through its SSH server and its engines' API: a 500 in the proxy's access log, the request
// through every log of the fleet, and the stack trace that the backend wrote, in three keys.
func TestJourneyFromA500ToTheStackTrace(t *testing.T) {
	a := newApp(os.Stdin, os.Stdout, os.Stderr, func(string) string { return "" })
	a.demoWish = demoFlags{worlds: []string{"studio"}, calm: true}
	defer func() {
		for _, c := range slices.Backward(a.closers) {
			_ = c.Close()
		}
	}()
	inv, err := a.inventory()
	if err != nil {
		t.Fatal(err)
	}
	w, err := a.open(t.Context(), inv, opening{watch: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	names, err := inv.Names()
	if err != nil {
		t.Fatal(err)
	}
	snap, err := w.settleAll(t.Context(), time.Minute, names)
	if err != nil {
		t.Fatal(err)
	}
	q := hosts.LogQuery{
		Sources: []hosts.LogSource{{Host: "studio-vm", Kind: hosts.LogContainer, Name: "ai-studio-web-1"}},
		Tail:    100_000, Grep: `/execute HTTP/1.1" 500 `,
	}
	n := night.Begin(t, 160, 40, snap, w, tui.ScreenFactory{ID: "logs", Title: "Logs", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen {
		if m.Logs == nil {
			m.Logs = &q
		}
		return logs.New(d, m)
	}})
	n.Sees(`/execute HTTP/1.1" 500 `)
	n.Presses("R").Sees("request ", "ai-studio-web-1 1", "ai-studio-backend-1 2").SeesNo("searching")
	n.Presses("e").Sees("find >=error")
	n.Presses("enter").Sees("err.stack", "evaluateDecision")
}
