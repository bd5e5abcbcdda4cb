package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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
		defer cr.Close()
		defer cr.Cancel()
		in = endOnCancel{cr}
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

// endOnCancel makes the end of reading an end of input and not a failure of it.
type endOnCancel struct{ r io.Reader }

func (e endOnCancel) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if errors.Is(err, cancelreader.ErrCanceled) {
		err = io.EOF
	}
	return n, err
}
