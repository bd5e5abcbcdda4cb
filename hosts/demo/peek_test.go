package demo

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestPeek(t *testing.T) {
	if os.Getenv("PEEK") == "" {
		t.Skip("PEEK is not set")
	}
	now := time.Now()
	f, err := New(Params{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range f.Names() {
		start := time.Now()
		h := f.Host(n)
		h.Site.Lock()
		fmt.Println("=====", n, time.Since(start), "load", h.LoadAvg(), "mem", h.MemAvailable()>>20, "down", h.Down, "events", h.Events.Next())
		for _, c := range h.Containers {
			fmt.Println("---", c.Spec.Name, c.State, c.Health, c.Restarts, "log", c.Log.Next(), c.IPs, c.PortText(), "cpu", int(c.CPU()), "mem", c.Memory()>>20)
			all := c.Log.All()
			for _, l := range all[max(0, len(all)-6):] {
				fmt.Println("     ", l.At.Format("15:04:05"), l.Err, l.Text)
			}
		}
		all := h.Journal.All()
		for _, l := range all[max(0, len(all)-8):] {
			fmt.Println("  J  ", l.At.Format("15:04:05"), l.Unit, l.Ident, l.Message)
		}
		h.Site.Unlock()
	}
}

func BenchmarkFirstLook(b *testing.B) {
	now := time.Now()
	for b.Loop() {
		f, err := New(Params{Now: func() time.Time { return now }})
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range f.Names() {
			h := f.Host(n)
			h.Site.Lock()
			h.Site.Unlock()
		}
		f.Close()
	}
}
