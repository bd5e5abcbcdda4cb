package pipe_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts/pipe"
)

func TestPipeCarriesBytesAndEnd(t *testing.T) {
	t.Parallel()
	a, b := pipe.New(pipe.Options{Buffer: 7})
	want := bytes.Repeat([]byte("0123456789"), 1000)
	go func() {
		_, _ = a.Write(want)
		_ = a.CloseWrite()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
	if _, err := b.Write([]byte("back")); err != nil {
		t.Fatalf("the other direction after half-close: %v", err)
	}
	_ = b.Close()
	buf := make([]byte, 8)
	if n, err := a.Read(buf); string(buf[:n]) != "back" || err != nil {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	if _, err := a.Read(buf); !errors.Is(err, io.EOF) {
		t.Fatalf("read after close: %v, want EOF", err)
	}
}

func TestCloseWithErrorIsNotAnEnd(t *testing.T) {
	t.Parallel()
	a, b := pipe.New(pipe.Options{})
	cut := errors.New("cut")
	_, _ = a.Write([]byte("last words"))
	_ = a.CloseWithError(cut)
	_ = a.Close() // the first reason stands
	got, err := io.ReadAll(b)
	if string(got) != "last words" || !errors.Is(err, cut) {
		t.Fatalf("read %q, %v", got, err)
	}
}

func TestPipeDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe.New(pipe.Options{Buffer: 4})
		start := time.Now()
		_ = a.SetReadDeadline(start.Add(time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read: %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Fatalf("waited %s", d)
		}
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte("12345678")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("write into a full pipe: %d, %v", n, err)
		}
		_ = a.SetDeadline(time.Time{})
		_, _ = b.Write([]byte("x"))
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("read after the deadline was lifted: %d, %v", n, err)
		}
	})
}

func TestPipeLatencyAndFreeze(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe.New(pipe.Options{Latency: func() time.Duration { return 40 * time.Millisecond }})
		start := time.Now()
		_, _ = a.Write([]byte("late"))
		buf := make([]byte, 8)
		if n, _ := b.Read(buf); n != 4 || time.Since(start) != 40*time.Millisecond {
			t.Fatalf("read %d after %s", n, time.Since(start))
		}
		a.Freeze(true)
		_, _ = a.Write([]byte("lost for now"))
		_ = b.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := b.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read from a frozen pipe: %v", err)
		}
		a.Freeze(false)
		_ = b.SetReadDeadline(time.Time{})
		if n, err := b.Read(buf); n == 0 || err != nil {
			t.Fatalf("read after thawing: %d, %v", n, err)
		}
	})
}
