package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/muesli/cancelreader"

	"midwatch/hosts"
)

// Interactive runs c with a terminal, bound to in and out, until it ends. The caller has put its own
// terminal into raw mode and says its size in c.Term. When in is a file, reading it stops with the
// command, so that no key typed afterwards is lost.
func Interactive(ctx context.Context, conn hosts.Conn, c hosts.Cmd, in io.Reader, out io.Writer) (hosts.Result, error) {
	if c.Term == nil {
		return hosts.Result{}, errors.New("interactive command without a terminal size")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f, ok := in.(*os.File); ok {
		cr, err := cancelreader.NewReader(f)
		if err != nil {
			return hosts.Result{}, fmt.Errorf("read the terminal: %w", err)
		}
		keys := &keyReader{r: cr}
		defer keys.end()
		in = keys
	}
	c.Stdin = in
	st, err := conn.Stream(ctx, c)
	if err != nil {
		return hosts.Result{}, err
	}
	defer st.Close()
	_, cerr := io.Copy(out, st)
	res, err := st.Wait()
	if err == nil && cerr != nil {
		err = fmt.Errorf("write to the terminal: %w", cerr)
	}
	return res, err
}

// keyReader reads a file until it is told to end, which it makes an end of input and not a failure.
type keyReader struct {
	r cancelreader.CancelReader

	mu    sync.Mutex // held while reading
	ended bool       // mu guards it
}

func (k *keyReader) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return 0, io.EOF
	}
	n, err := k.r.Read(p)
	if errors.Is(err, cancelreader.ErrCanceled) {
		err = io.EOF
	}
	return n, err
}

// end stops a read that is under way and frees the reader.
func (k *keyReader) end() {
	k.r.Cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	_ = k.r.Close()
}
