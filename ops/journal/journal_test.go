package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path string, n int) *Journal {
	t.Helper()
	j, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	for i := range n {
		if _, err := j.Append(Record{K: "note", Run: "r", D: json.RawMessage(fmt.Sprintf(`{"n":%d,"crc":"%08x\"}"}`, i, i))}); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestAppendAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "journal.jsonl")
	j := write(t, path, 5)
	if _, _, err := Open(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	if busy, err := Busy(path); !busy || err != nil {
		t.Errorf("busy %v, %v", busy, err)
	}
	g, err := Load(path)
	if err != nil || len(g.Records) != 5 || g.Fault != nil || g.Good != j.Size() {
		t.Fatalf("%+v, %v", g, err)
	}
	j.Close()
	if busy, _ := Busy(path); busy {
		t.Error("busy after Close")
	}
	if _, err := j.Append(Record{K: "note"}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after Close: %v", err)
	}
	again, g, err := Open(path)
	if err != nil || len(g.Records) != 5 || g.Torn != 0 {
		t.Fatalf("open again: %+v, %v", g, err)
	}
	r, err := again.Append(Record{K: "note", Run: "r"})
	if err != nil || r.Seq != 6 {
		t.Errorf("sixth: %+v, %v", r, err)
	}
	again.Close()
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
}

// TestTornTail cuts a journal at every byte: what is left are the whole records before the cut, and writing
// goes on behind them.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	j := write(t, filepath.Join(dir, "whole"), 3)
	whole, _ := j.Bytes(0)
	ends := map[int]int{}
	n := 0
	for i, c := range whole {
		if c == '\n' {
			n++
			ends[i+1] = n
		}
	}
	for cut := range len(whole) + 1 {
		want := 0
		for end, n := range ends {
			if end <= cut {
				want = max(want, n)
			}
		}
		path := filepath.Join(dir, fmt.Sprint("cut", cut))
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		c, g, err := Open(path)
		if err != nil || len(g.Records) != want || g.Good+g.Torn != int64(cut) {
			t.Fatalf("cut at %d: %d records, torn %d, %v; want %d", cut, len(g.Records), g.Torn, err, want)
		}
		if _, err := c.Append(Record{K: "note", Run: "r"}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if g, err := Load(path); err != nil || g.Fault != nil || len(g.Records) != want+1 {
			t.Fatalf("cut at %d, after appending: %d records, %v %v", cut, len(g.Records), g.Fault, err)
		}
	}
}

// TestChanged changes, removes and moves lines: it is seen, and nothing is written behind or cut off.
func TestChanged(t *testing.T) {
	dir := t.TempDir()
	whole, _ := write(t, filepath.Join(dir, "whole"), 4).Bytes(0)
	lines := bytes.SplitAfter(whole, []byte("\n"))[:4]
	for name, b := range map[string][]byte{
		"changed":  bytes.Replace(whole, []byte(`"n":1`), []byte(`"n":7`), 1),
		"removed":  bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil),
		"moved":    bytes.Join([][]byte{lines[0], lines[2], lines[1], lines[3]}, nil),
		"headless": bytes.Join(lines[1:], nil),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if g := Read(b); g.Fault == nil || len(g.Records) > 1 {
			t.Errorf("%s: %d records, fault %v", name, len(g.Records), g.Fault)
		}
		if _, _, err := Open(path); err == nil {
			t.Errorf("%s: opened for writing", name)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, b) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	a := write(t, filepath.Join(dir, "a"), 5)
	whole, _ := a.Bytes(0)
	short := whole[:len(whole)-20]
	path := filepath.Join(dir, "copy")
	for _, step := range []struct {
		b    []byte
		want int
	}{{short, 4}, {whole, 5}, {short, 5}} {
		if _, err := Adopt(path, step.b); err != nil {
			t.Fatal(err)
		}
		if g, _ := Load(path); len(g.Records) != step.want || g.Fault != nil {
			t.Errorf("%d records, want %d", len(g.Records), step.want)
		}
	}
	c, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c.Append(Record{K: "other", Run: "r"})
	c.Close()
	a.Append(Record{K: "mine", Run: "r"})
	fork, _ := a.Bytes(0)
	if _, err := Adopt(path, fork); !errors.Is(err, ErrChain) {
		t.Errorf("a fork was adopted: %v", err)
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j := write(t, path, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan int)
	done := make(chan error, 1)
	go func() {
		done <- Follow(ctx, path, func(r Record) error { seen <- r.Seq; return nil })
	}()
	for want := 1; want <= 6; want++ {
		if want > 2 {
			if _, err := j.Append(Record{K: "note", Run: "r"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := <-seen; got != want {
			t.Errorf("record %d, want %d", got, want)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "j")
	j, _, err := Open(path)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		j.Append(Record{K: "note", Run: "r", Try: i})
	}
	whole, _ := j.Bytes(0)
	j.Close()
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"v":1,"crc":"00000000"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g := Read(b)
		if g.Good+g.Torn != int64(len(b)) || (g.Torn > 0) != (g.Fault != nil) {
			t.Fatalf("%d good, %d torn of %d, fault %v", g.Good, g.Torn, len(b), g.Fault)
		}
		again := Read(b[:g.Good])
		if again.Fault != nil || len(again.Records) != len(g.Records) || again.Last != g.Last {
			t.Fatalf("the good part reads as %+v", again)
		}
		g.Tail(b)
	})
}
