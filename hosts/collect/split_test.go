package collect

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// pieces runs a splitter over data cut into pieces of n bytes and writes down what it saw.
func pieces(data string, n int) string {
	var b strings.Builder
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			fmt.Fprintf(&b, "[%s]", text.String())
			text.Reset()
		}
	}
	s := newSplitter("0123", func(p []byte) { text.Write(p) }, func(m mark) {
		flush()
		fmt.Fprintf(&b, "<%s %s %d %v>", m.kind, m.id, m.exit, m.uptime)
	})
	for len(data) > 0 {
		k := min(n, len(data))
		_, _ = s.Write([]byte(data[:k]))
		data = data[k:]
	}
	s.Close()
	flush()
	return b.String()
}

func TestSplitter(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, in, want string }{
		{
			"whole", "motd\n\n0123 start 1.00 5.5 yes\n\n0123 begin a 1.00\nhello\n\n0123 end 0 2.50\n\n0123 done 3.00\n",
			"[motd\n]<start  0 1s><begin a 0 1s>[hello\n]<end  0 2.5s><done  0 3s>",
		},
		{"no newline at the end of a section", "\n0123 begin a -\nx\n0123 end 3 -\n", "<begin a 0 0s>[x]<end  3 0s>"},
		{"empty section", "\n0123 begin a -\n\n0123 end 0 -\n", "<begin a 0 0s><end  0 0s>"},
		{"not at the start of a line", "x0123 end 0 1\n", "[x0123 end 0 1\n]"},
		{"not a boundary", "\n0123 nonsense\n\n0123 end x y\n", "[\n0123 nonsense\n\n0123 end x y\n]"},
		{"too long for one", "\n0123 begin " + strings.Repeat("x", 400) + "\n", "[\n0123 begin " + strings.Repeat("x", 400) + "\n]"},
		{"cut off", "\n0123 begin a 1\nabc\n0123 e", "<begin a 0 1s>[abc\n0123 e]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= len(c.in); n++ {
				if got := pieces(c.in, n); got != c.want {
					t.Fatalf("in pieces of %d: %q, want %q", n, got, c.want)
				}
			}
		})
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add("\n0123 begin a 1\nabc\n\n0123 end 0 2\n", 3)
	f.Add("\n0123 \n0123 begin\n0123 start 1 2\n\n\n0123 done -\n", 1)
	f.Fuzz(func(t *testing.T, data string, n int) {
		n = 1 + (n&0xff+0xff)%0xff
		if whole, cut := pieces(data, len(data)+1), pieces(data, n); whole != cut {
			t.Errorf("in one piece %q, in pieces of %d %q", whole, n, cut)
		}
	})
}

func TestClock(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	var m clockMeter
	m.after(at(5100), at(0)) // sent at 0, stamped 5100, read at 200: ahead by 5 s ± 100 ms
	m.before(at(5100), at(200))
	if c := m.clock(0); !c.Known || c.Offset != 5*time.Second || c.Error != 100*time.Millisecond {
		t.Errorf("%+v", c)
	}
	var odd clockMeter
	odd.after(at(100), at(200)) // our clock was set back meanwhile
	odd.before(at(100), at(0))
	if c := odd.clock(time.Millisecond); c.Known {
		t.Errorf("bounds that cross gave %+v", c)
	}
	for in, want := range map[string]time.Duration{"1000.250000000": 250 * time.Millisecond, "1000.%N": 500 * time.Millisecond, "1000": 500 * time.Millisecond} {
		if got, _, ok := stamp(in); !ok || got.Sub(at(0)) != want {
			t.Errorf("%q is %v", in, got)
		}
	}
	for _, in := range []string{"", "x", "-5.0", "99999999999999999999"} {
		if _, _, ok := stamp(in); ok {
			t.Errorf("%q was taken for a time", in)
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	quick := Section{ID: "quick", Every: 5 * time.Second}
	slow := Section{ID: "slow", Every: time.Minute}
	all := []Section{quick, slow}
	now := time.Unix(1000, 0)
	ids := func(list []Section) (out string) {
		for _, s := range list {
			out += s.ID + " "
		}
		return out
	}
	var s Schedule
	want := func(after time.Duration, faster map[string]int, w string) {
		t.Helper()
		if got := ids(s.Due(now.Add(after), 0, all, faster)); got != w {
			t.Errorf("after %v: %q due, want %q", after, got, w)
		}
	}
	want(0, nil, "quick slow ")
	s.Done(quick, now, 0, false)
	s.Done(slow, now, time.Second, false)
	want(4*time.Second, nil, "")
	want(5*time.Second, nil, "quick ")
	want(30*time.Second, map[string]int{"slow": 4}, "quick slow ")
	want(16*time.Second, map[string]int{"slow": 4}, "quick ") // it took a second: not below 20
	if at := s.Next(all, nil); !at.Equal(now.Add(5 * time.Second)) {
		t.Errorf("next at %v", at)
	}
	if got := ids(s.Due(now.Add(45*time.Second), 15*time.Second, all, nil)); got != "quick slow " {
		t.Errorf("%q rides along", got)
	}
	if got := ids(s.Due(now.Add(3*time.Second), time.Minute, all, nil)); got != "" {
		t.Errorf("%q rides along after three seconds", got)
	}
	s.Sooner("slow")
	want(20*time.Second, nil, "quick slow ")
	for range 10 {
		s.Done(quick, now, 0, true)
	}
	want(159*time.Second, map[string]int{"quick": 9}, "slow ")
	want(160*time.Second, nil, "quick slow ")
	s.Done(quick, now, 10*time.Second, false)
	want(199*time.Second, nil, "slow ")
	s.Soon()
	want(0, nil, "quick slow ")
}
