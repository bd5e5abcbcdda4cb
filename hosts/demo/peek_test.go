package demo

import (
	"testing"
	"time"
)

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
			_ = h.Site.Now()
			h.Site.Unlock()
		}
		f.Close()
	}
}
