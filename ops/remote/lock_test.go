package remote

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRace lets two operators race for one lock 200 times: each time exactly one has it.
func TestRace(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	ops := []*Host{here(t, root), here(t, root)}
	wins := [2]int{}
	for range 200 {
		var got [2]*Lock
		var errs [2]error
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range ops {
			wg.Go(func() {
				r := record("op")
				<-begin
				got[i], _, errs[i] = ops[i].Acquire(t.Context(), r, Over{})
			})
		}
		close(begin)
		wg.Wait()
		won := -1
		for i := range got {
			var held *HeldError
			switch {
			case errs[i] == nil && won >= 0:
				t.Fatal("both hold the lock")
			case errs[i] == nil:
				won = i
			case !errors.As(errs[i], &held) || held.Look.User != "op" || held.Look.State() != "live":
				t.Fatalf("the loser: %v", errs[i])
			}
		}
		if won < 0 {
			t.Fatalf("nobody holds the lock: %v", errs)
		}
		wins[won]++
		if err := got[won].Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("wins %v", wins)
	left, _ := filepath.Glob(filepath.Join(root, "locks", "*"))
	for _, f := range left {
		if base := filepath.Base(f); base != "guard" && base != "history" {
			t.Errorf("left behind: %s", base)
		}
	}
	if h, _ := filepath.Glob(filepath.Join(root, "locks", "history", "*")); len(h) != 200 {
		t.Errorf("%d in the history", len(h))
	}
}

// TestTakeoverRace lets two operators take a stale lock over at once.
func TestTakeoverRace(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	ops := []*Host{here(t, root), here(t, root)}
	old := record("gone")
	if _, _, err := ops[0].Acquire(t.Context(), old, Over{}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		age(t, root, old, time.Hour)
		var recs [2]LockRecord
		var errs [2]error
		var wg sync.WaitGroup
		for i := range ops {
			recs[i] = record("new")
			wg.Go(func() {
				_, _, errs[i] = ops[i].Acquire(t.Context(), recs[i], Over{Token: old.Token, Quiet: old.TTL})
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%v, %v", errs[0], errs[1])
		}
		old = recs[0]
		if errs[0] != nil {
			old = recs[1]
		}
	}
}

// age makes the last sign of a lock's holder older.
func age(t *testing.T, root string, r LockRecord, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(filepath.Join(root, "locks", r.Token+".mine"), then, then); err != nil {
		t.Fatal(err)
	}
}

// TestFrozenHolder stops a holder: while it gives signs its lock is live and is not taken over, then it is stale.
// When it wakes up it learns that it was fenced.
func TestFrozenHolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	cmd, said := other(t, "hold", root)
	for range 3 {
		<-said
	}
	look := only(t, h)
	if look.State() != "live" || look.User != "holder" {
		t.Fatalf("held: %+v", look)
	}
	if _, _, err := h.Acquire(t.Context(), record("me"), Over{Token: look.Token, Quiet: look.TTL}); !errors.Is(err, ErrHeld) {
		t.Fatalf("taken from a live holder: %v", err)
	}
	cmd.Process.Signal(syscall.SIGSTOP)
	for !only(t, h).Stale() {
		<-time.After(50 * time.Millisecond)
	}
	if _, _, err := h.Acquire(t.Context(), record("me"), Over{}); !errors.Is(err, ErrHeld) {
		t.Fatalf("a stale lock was taken without asking for it: %v", err)
	}
	l, _, err := h.Acquire(t.Context(), record("me"), Over{Token: look.Token, Quiet: look.TTL})
	if err != nil || l.Record.TookOver != look.Token {
		t.Fatalf("takeover: %+v, %v", l, err)
	}
	if old, _ := filepath.Glob(filepath.Join(root, "locks", "history", "*taken*")); len(old) != 1 {
		t.Errorf("history %v", old)
	}
	m := h.Mirror("r1", h.Held(look.LockRecord))
	if err := m.Append(t.Context(), func(int64) ([]byte, error) { return []byte("x\n"), nil }); !errors.Is(err, ErrFenced) {
		t.Errorf("the old holder may write: %v", err)
	}
	if err := h.Held(look.LockRecord).Release(t.Context()); !errors.Is(err, ErrFenced) {
		t.Errorf("the old holder may release: %v", err)
	}
	cmd.Process.Signal(syscall.SIGCONT)
	for range said { // it ends by itself
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the fenced holder ended without an error")
	}
	if got := only(t, h); got.User != "me" {
		t.Errorf("held by %+v", got)
	}
}

func only(t *testing.T, h *Host) LockLook {
	t.Helper()
	all, err := h.Locks(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("locks %+v, %v", all, err)
	}
	return all[0]
}

// TestAges: the ages of a lock are by the clock of the host it lies on, so a sign from its future is no age.
func TestAges(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	r := record("op")
	r.TTL = 90 * time.Second
	if _, _, err := h.Acquire(t.Context(), r, Over{}); err != nil {
		t.Fatal(err)
	}
	for ago, want := range map[time.Duration]string{0: "live", time.Minute: "live", 2 * time.Minute: "stale", -10 * time.Minute: "live"} {
		age(t, root, r, ago)
		if look := only(t, h); look.State() != want {
			t.Errorf("a sign %v ago: %+v, want %s", ago, look, want)
		}
	}
}

func TestFrozenLockIsNeverStale(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	r := record("anna")
	r.Run, r.Frozen = "", true
	if _, _, err := h.Acquire(t.Context(), r, Over{}); err != nil {
		t.Fatal(err)
	}
	age(t, root, r, 100*time.Hour)
	look := only(t, h)
	if look.State() != "frozen" || look.Stale() {
		t.Errorf("%+v", look)
	}
	_, _, err := h.Acquire(t.Context(), record("me"), Over{})
	if err == nil || !strings.Contains(err.Error(), "by hand by anna@laptop") {
		t.Errorf("%v", err)
	}
	if _, _, err := h.Acquire(t.Context(), record("me"), Over{Token: look.Token, Force: true}); err != nil {
		t.Errorf("by force: %v", err)
	}
}

// TestRepeatedAcquire: an answer that was lost is asked for again with the same token.
func TestRepeatedAcquire(t *testing.T) {
	t.Parallel()
	h := here(t, t.TempDir())
	r := record("op")
	for range 2 {
		if _, _, err := h.Acquire(t.Context(), r, Over{}); err != nil {
			t.Fatal(err)
		}
	}
	l := h.Held(r)
	for range 2 {
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
