package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

func addr(s string) net.Addr { return Addr{"tcp", s} }

func TestConn(t *testing.T) {
	t.Parallel()
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := Pipe(Faults{}, addr("a"), addr("b"))
		return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
	})
}

func TestLatencyDelaysBothWays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(Faults{Latency: 40 * time.Millisecond}, addr("a"), addr("b"))
		defer a.Close()
		go func() {
			buf := make([]byte, 5)
			if _, err := io.ReadFull(b, buf); err == nil {
				_, _ = b.Write(buf)
			}
		}()
		start := time.Now()
		if _, err := a.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		if _, err := io.ReadFull(a, buf); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 80*time.Millisecond {
			t.Errorf("round trip took %v, want twice the latency", took)
		}
	})
}

func TestLossKeepsBytesAndOrderAndCostsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(Faults{Latency: time.Millisecond, Loss: 0.3, Seed: 7}, addr("a"), addr("b"))
		want := make([]byte, 4000)
		for i := range want {
			want[i] = byte(i * 31)
		}
		start := time.Now()
		go func() {
			for i := 0; i < len(want); i += 100 {
				_, _ = a.Write(want[i : i+100])
			}
			_ = a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, %v; equal %v", len(got), err, bytes.Equal(got, want))
		}
		if took := time.Since(start); took < rto {
			t.Errorf("a lossy line took %v, no segment was sent again", took)
		}
	})
}

func TestFrozenDeliversNothingUntilThawed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(Faults{}, addr("a"), addr("b"))
		defer a.Close()
		a.Freeze(true)
		if _, err := a.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = b.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read over a partition: %v", err)
		}
		_ = b.SetReadDeadline(time.Time{})
		b.Freeze(false)
		if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Fatalf("read after the partition healed: %d, %v", n, err)
		}
	})
}

func TestCutFailsBothEndsAtOnce(t *testing.T) {
	t.Parallel()
	a, b := Pipe(Faults{}, addr("a"), addr("b"))
	closed := make(chan struct{})
	a.OnClose(func() { close(closed) })
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, c := range []net.Conn{a, b} {
		wg.Add(1)
		go func() { defer wg.Done(); _, errs[i] = c.Read(make([]byte, 1)) }()
	}
	a.Cut(syscall.ECONNRESET)
	wg.Wait()
	<-closed
	for i, err := range errs {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("end %d: %v", i, err)
		}
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("write after the cut: %v", err)
	}
}

func TestHalfCloseLetsTheOtherSideAnswer(t *testing.T) {
	t.Parallel()
	a, b := Pipe(Faults{}, addr("a"), addr("b"))
	defer a.Close()
	_, _ = a.Write([]byte("ask"))
	_ = a.CloseWrite()
	got, err := io.ReadAll(b)
	if err != nil || string(got) != "ask" {
		t.Fatalf("%q, %v", got, err)
	}
	_, _ = b.Write([]byte("answer"))
	_ = b.Close()
	if got, err := io.ReadAll(a); err != nil || string(got) != "answer" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestListener(t *testing.T) {
	t.Parallel()
	l := Listen(addr("server:80"))
	a, b := Pipe(Faults{}, addr("c"), l.Addr())
	go func() { _ = l.Offer(context.Background(), b) }()
	c, err := l.Accept()
	if err != nil || c != net.Conn(b) {
		t.Fatalf("accept: %v, %v", c, err)
	}
	_ = a.Close()
	_ = l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	if err := l.Offer(context.Background(), b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("offer after close: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Listen(addr("x")).Offer(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("offer nobody accepts: %v", err)
	}
}
