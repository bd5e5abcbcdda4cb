package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// write makes a log of n operations and returns its path.
func write(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "audit.log")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for i := range n {
		for _, phase := range []string{PhaseBegin, PhaseEnd} {
			r := Record{At: noon, Phase: phase, ID: fmt.Sprint(i), Who: "ops", From: "desk", Verb: "restart", Host: "web1", Object: `a,"hash":"b`}
			if err := l.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verify(t *testing.T, b []byte) Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAppendAndVerify(t *testing.T) {
	t.Parallel()
	path := write(t, 3)
	rep := verify(t, read(t, path))
	if rep.Records != 6 || len(rep.Faults) != 0 || rep.Torn != 0 || len(rep.Open) != 0 || rep.Err() != nil || len(rep.Head) != 64 {
		t.Errorf("report %+v", rep)
	}
	recs, err := Records(bytes.NewReader(read(t, path)))
	if err != nil || len(recs) != 6 || recs[5].Seq != 6 || recs[5].Prev != recs[4].Hash || recs[0].Object != `a,"hash":"b` || !recs[0].At.Equal(noon) {
		t.Errorf("records %+v, %v", recs, err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v (%v)", filepath.Base(p), st.Mode().Perm(), want, err)
		}
	}
	if rep := verify(t, nil); rep.Records != 0 || rep.Err() != nil {
		t.Errorf("empty log: %+v", rep)
	}
}

func TestEveryChangedByteIsFound(t *testing.T) {
	t.Parallel()
	good := read(t, write(t, 2))
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		rep, err := Verify(bytes.NewReader(bad))
		if err == nil && rep.Err() == nil {
			t.Fatalf("byte %d (%q to %q) was changed and nobody noticed", i, good[i], bad[i])
		}
	}
}

func TestLinesMovedAreFound(t *testing.T) {
	t.Parallel()
	lines := bytes.SplitAfter(read(t, write(t, 2)), []byte("\n"))[:4]
	for name, order := range map[string][]int{
		"first taken out": {1, 2, 3}, "middle taken out": {0, 1, 3}, "swapped": {0, 2, 1, 3}, "twice": {0, 1, 1, 2, 3},
	} {
		var b []byte
		for _, i := range order {
			b = append(b, lines[i]...)
		}
		if rep := verify(t, b); rep.Err() == nil {
			t.Errorf("%s: not found", name)
		}
	}
	// What cannot be found, and is why the head is reported.
	cut := verify(t, bytes.Join(lines[:3], nil))
	if cut.Err() != nil || cut.Head == verify(t, bytes.Join(lines, nil)).Head || len(cut.Open) != 1 {
		t.Errorf("newest line lost: %+v", cut)
	}
}

func TestCrashWhileWritingIsAccountedFor(t *testing.T) {
	t.Parallel()
	whole := read(t, write(t, 1))
	for _, keep := range []int{1, 20, bytes.IndexByte(whole, '\n') - 1} { // of a third line that was cut
		path := filepath.Join(t.TempDir(), "audit.log")
		if err := os.WriteFile(path, append(slices.Clone(whole), whole[:keep]...), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(Record{At: noon, Phase: PhaseUnlock, Who: "ops"}); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		b := read(t, path)
		if rep := verify(t, b); rep.Err() != nil || rep.Torn != 1 || rep.Records != 3 {
			t.Errorf("cut after %d bytes: %+v", keep, rep)
		}
		// A line that was torn afterwards is not the one that was accounted for.
		i := bytes.Index(b, whole) + len(whole)
		b[i] ^= 1
		if rep := verify(t, b); rep.Err() == nil {
			t.Error("a changed unfinished line was not found")
		}
	}
}

func TestLostLineEndIsNoLoss(t *testing.T) {
	t.Parallel()
	path := write(t, 1)
	if err := os.Truncate(path, int64(len(read(t, path))-1)); err != nil {
		t.Fatal(err)
	}
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := l.Append(Record{At: noon}); err != nil {
		t.Fatal(err)
	}
	if rep := verify(t, read(t, path)); rep.Err() != nil || rep.Records != 3 || rep.Torn != 0 {
		t.Errorf("report %+v", rep)
	}
}

func TestNothingIsWrittenBehindAForgery(t *testing.T) {
	t.Parallel()
	path := write(t, 1)
	b := read(t, path)
	b[len(b)-80] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := l.Append(Record{At: noon}); err == nil || !strings.Contains(err.Error(), "audit --verify") {
		t.Errorf("Append: %v", err)
	}
}

func TestTwoProcessesShareALog(t *testing.T) {
	t.Parallel()
	path := write(t, 1)
	var wg sync.WaitGroup
	for who := range 4 {
		l, err := Open(path) // each its own descriptor, as another process would have
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer func() { _ = l.Close() }()
			for range 10 {
				if err := l.Append(Record{At: noon, Phase: PhaseUnlock, Who: fmt.Sprint(who)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if rep := verify(t, read(t, path)); rep.Err() != nil || rep.Records != 42 {
		t.Errorf("report %+v", rep)
	}
}

func TestLongTextIsCutAndClosedLogRefuses(t *testing.T) {
	t.Parallel()
	path := write(t, 0)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Record{At: noon, Error: strings.Repeat("é\n", 5000)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Record{At: noon}); err != nil {
		t.Fatal(err)
	}
	if rep := verify(t, read(t, path)); rep.Err() != nil || rep.Records != 2 {
		t.Errorf("report %+v", rep)
	}
	if err := l.Close(); err != nil || l.Close() != nil {
		t.Error(err)
	}
	if err := l.Append(Record{}); err == nil {
		t.Error("a closed log took a record")
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"seq":1,"hash":""}` + "\n" + `{"torn":"x","hash":"y"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, err := Verify(bytes.NewReader(b))
		if err == nil && len(bytes.TrimSpace(b)) > 0 && rep.Records == 0 && rep.Err() == nil {
			t.Fatalf("%q passes as a log", b)
		}
	})
}
