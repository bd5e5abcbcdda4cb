package fleet

import (
	"fmt"
	"testing"
	"time"

	"midwatch/hosts"
)

// large is a fleet of 200 hosts with 50 containers each.
func large() *board {
	now := time.Unix(10000, 0)
	s := &hosts.Snapshot{Gen: 1, At: now}
	for i := range 200 {
		h := healthy(fmt.Sprint("host", i), now)
		for j := range 50 {
			c := container(fmt.Sprint("c", j))
			h.Containers.Value = append(h.Containers.Value, c)
		}
		s.Hosts = append(s.Hosts, h)
	}
	return newBoard(func() time.Time { return now }, s)
}

func BenchmarkPublish(b *testing.B) {
	board := large()
	facts := board.cur.Load().Hosts[7]
	events := []hosts.Event{{Kind: "container", Action: "die"}}
	b.ReportAllocs()
	for b.Loop() {
		next := *facts
		board.publish(7, &next, events)
	}
}

func BenchmarkJudge(b *testing.B) {
	s := large().cur.Load()
	now := s.At
	b.ReportAllocs()
	for b.Loop() {
		Judge(s, now)
	}
}

// Publishing costs by the number of hosts only, and never by what is known of them.
func TestPublishAllocations(t *testing.T) {
	board := large()
	facts := board.cur.Load().Hosts[7]
	if n := testing.AllocsPerRun(1000, func() { board.publish(7, facts, nil) }); n > 4 {
		t.Errorf("%.0f allocations", n)
	}
}
