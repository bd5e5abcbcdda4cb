package remote

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/hosts"
)

func TestStore(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "deep", "root")
	h := here(t, root)
	s, err := h.Store(t.Context(), "r1", "group.step/../x")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Dir(), root+"/runs/r1/undo/") || strings.Contains(s.Dir(), "/../") {
		t.Errorf("directory %s", s.Dir())
	}
	if st, err := os.Stat(s.Dir()); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st, err)
	}
	for _, b := range []string{"", "line\n", "a\x00b\xff", strings.Repeat("x", 1<<20)} {
		if err := s.Put(t.Context(), "undo.json", strings.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), "undo.json"); err != nil || !bytes.Equal(got, []byte(b)) {
			t.Errorf("%d bytes came back as %d, %v", len(b), len(got), err)
		}
	}
	if _, err := s.Get(t.Context(), "nosuch"); !errors.Is(err, ErrMissing) {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(s.Dir() + "/*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestMirrorCatchesUp: whatever part of an append reached the host before its answer was lost, the copy ends up
// as the journal is; records of somebody else are not written over.
func TestMirrorCatchesUp(t *testing.T) {
	t.Parallel()
	h := here(t, t.TempDir())
	ours := []byte("one\ntwo\nthree\n")
	journal := func(from int64) ([]byte, error) { return ours[from:], nil }
	for cut := range len(ours) + 1 {
		run := "r" + string(rune('a'+cut))
		m := h.Mirror(run, nil)
		if err := os.MkdirAll(filepath.Dir(m.file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.file, ours[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.Append(t.Context(), journal); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got, err := h.Journal(t.Context(), run); err != nil || !bytes.Equal(got, ours) || m.Offset() != int64(len(ours)) {
			t.Errorf("cut at %d: %q, %v", cut, got, err)
		}
	}
	m := h.Mirror("fork", nil)
	os.MkdirAll(filepath.Dir(m.file), 0o700)
	os.WriteFile(m.file, []byte("one\nother\n"), 0o600)
	if err := m.Append(t.Context(), journal); !errors.Is(err, ErrFenced) {
		t.Errorf("over records of another: %v", err)
	}
	if got, err := h.Journal(t.Context(), "none"); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestInboxAndMetas(t *testing.T) {
	t.Parallel()
	h := here(t, t.TempDir())
	if got, err := h.Inbox(t.Context(), "r1"); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	if err := h.Tell(t.Context(), "r1", "001", []byte("{\"verb\":\n\"go\"}")); err != nil {
		t.Fatal(err)
	}
	got, err := h.Inbox(t.Context(), "r1")
	if err != nil || string(got["001.json"]) != `{"verb": "go"}` {
		t.Errorf("%q %v", got, err)
	}
	if err := h.Taken(t.Context(), "r1", "001.json"); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.Inbox(t.Context(), "r1"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for _, run := range []string{"r1", "r3", "r2"} {
		if err := h.PutMeta(t.Context(), run, []byte(`{"id":"`+run+"\"\n}")); err != nil {
			t.Fatal(err)
		}
	}
	metas, err := h.Metas(t.Context(), 2)
	if err != nil || len(metas) != 2 || string(metas["r3"]) != `{"id":"r3" }` || metas["r2"] == nil {
		t.Errorf("%q %v", metas, err)
	}
}

// failing is a way to a host that is cut for a number of calls, before or after the host did what it was told.
type failing struct {
	hosts.Conn
	times int
	after bool
}

func (f *failing) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	if f.times <= 0 {
		return f.Conn.Run(ctx, c)
	}
	f.times--
	if f.after {
		f.Conn.Run(ctx, c)
	}
	return hosts.Result{}, hosts.ErrClosed
}

// TestAnswersLost loses the answer of every call once or twice: everything is done once all the same.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		h := here(t, t.TempDir())
		f := &failing{Conn: h.Conn, after: after}
		h.Conn = f
		waits := 0
		h.Wait = func(context.Context, error) error { waits++; return nil }
		cut := func() { f.times = 2 }
		r := record("op")
		cut()
		l, _, err := h.Acquire(t.Context(), r, Over{})
		if err != nil {
			t.Fatal(err)
		}
		cut()
		if err := h.Mirror("r1", l).Append(t.Context(), func(from int64) ([]byte, error) { return []byte("a\nb\n")[from:], nil }); err != nil {
			t.Fatal(err)
		}
		if b, _ := h.Journal(t.Context(), "r1"); string(b) != "a\nb\n" {
			t.Errorf("copy %q", b)
		}
		cut()
		if err := h.Put(t.Context(), h.Root+"/x", []byte("y")); err != nil {
			t.Fatal(err)
		}
		cut()
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waits < 8 {
			t.Errorf("%d waits", waits)
		}
	}
}
