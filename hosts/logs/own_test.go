package logs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

// fakeTeller tells what a test gives it, one list for each look.
type fakeTeller struct {
	src   hosts.LogSource
	lists [][]hosts.Entry
	told  int
	err   error
}

func (f *fakeTeller) Tell(context.Context) ([]hosts.Entry, error) {
	if f.err != nil {
		return nil, f.err
	}
	out := f.lists[f.told]
	f.told++
	for i := range out {
		out[i].Source, out[i].Host = f.src, f.src.Host
	}
	return out, nil
}

func (f *fakeTeller) Wait(ctx context.Context) error {
	if f.told == len(f.lists) {
		<-ctx.Done()
		return ctx.Err()
	}
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

var ownEvents = hosts.LogSource{Host: "h", Kind: hosts.LogEvents}

func TestOwnLinesAreMergedWithOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		said := func(ago time.Duration, text string) hosts.Entry {
			return hosts.Entry{Time: now.Add(-ago), Text: text, Level: hosts.LevelWarn}
		}
		from := sources(map[string]*script{"h/a": {steps: []step{{line: "before", at: now.Add(-4 * time.Second)}, {line: "after", at: now.Add(-2 * time.Second)}}}})
		from.Own = func(src hosts.LogSource) Teller {
			return &fakeTeller{src: src, lists: [][]hosts.Entry{
				{said(10*time.Hour, "old"), said(3*time.Second, "start")},
				// The facts say the same a second off; another one is news.
				{said(10*time.Hour, "old"), said(2*time.Second, "start"), said(0, "die")},
			}}
		}
		s := Open(t.Context(), from, hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a"), ownEvents}, Follow: true, Since: now.Add(-time.Minute)})
		defer s.Close()
		g := collect(t, s, 3*time.Second)
		if want := []string{"before", "start", "after", "die"}; !slices.Equal(g.texts, want) {
			t.Errorf("order %v, want %v", g.texts, want)
		}
		if st := g.status[""]; st.State != "following" || st.Lines != 2 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestOwnLinesOfAQuery(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var list []hosts.Entry
	for i := range 10 {
		list = append(list, hosts.Entry{Time: now.Add(time.Duration(i-10) * time.Minute), Text: string(rune('a' + i))})
	}
	for name, c := range map[string]struct {
		q    hosts.LogQuery
		want string
	}{
		"the last":          {hosts.LogQuery{Tail: 3}, "hij"},
		"all":               {hosts.LogQuery{}, "abcdefghij"},
		"a time":            {hosts.LogQuery{Since: now.Add(-8*time.Minute - time.Second), Until: now.Add(-6 * time.Minute)}, "cde"},
		"the last two kept": {hosts.LogQuery{Tail: 2, Keep: func(e *hosts.Entry) bool { return e.Text < "e" }}, "cd"},
		"a text":            {hosts.LogQuery{Grep: "f"}, "f"},
	} {
		q := c.q
		q.Sources = []hosts.LogSource{ownEvents}
		s := Open(t.Context(), Sources{Own: func(src hosts.LogSource) Teller {
			return &fakeTeller{src: src, lists: [][]hosts.Entry{slices.Clone(list)}}
		}}, q)
		got := collect(t, s, 20*time.Second)
		s.Close()
		if text := strings.Join(got.texts, ""); text != c.want || !got.done {
			t.Errorf("%s: %s, want %s, done %v", name, text, c.want, got.done)
		}
	}
}

func TestOwnLinesThatCannotBeTold(t *testing.T) {
	t.Parallel()
	for want, from := range map[string]Sources{
		"no way to read": {},
		"no host":        {Own: func(src hosts.LogSource) Teller { return &fakeTeller{src: src, err: errors.New("no host \"h\"")} }},
	} {
		s := Open(t.Context(), from, hosts.LogQuery{Sources: []hosts.LogSource{ownEvents}})
		got := collect(t, s, 20*time.Second)
		s.Close()
		if st := got.status[""]; st.State != "failed" || !strings.Contains(st.Reason, want) {
			t.Errorf("%s: %+v", want, st)
		}
	}
}
