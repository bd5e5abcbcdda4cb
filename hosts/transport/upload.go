package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"midwatch/hosts"
)

// uploadTimeout bounds one upload; the context may end it sooner.
const uploadTimeout = 30 * time.Minute

// The two commands of an upload. The file gets its place only after all of it was counted: when the
// connection is cut, cat sees the end of its input like any other.
const (
	uploadWrite = `umask 077 && cat >"$1" && wc -c <"$1"`
	uploadPlace = `if [ -d "$2" ]; then echo "is a directory" >&2; rm -f "$1"; exit 1; fi; chmod "$3" "$1" && mv -f "$1" "$2"`
)

// upload writes r to path on the host by temporary file and rename.
func (r *runner) upload(ctx context.Context, path string, mode uint32, src io.Reader) error {
	if path == "" || strings.HasSuffix(path, "/") {
		return fmt.Errorf("%s: upload %q: not the name of a file", r.host, path)
	}
	if path[0] == '-' {
		path = "./" + path
	}
	nonce := make([]byte, 6)
	_, _ = rand.Read(nonce) // never fails
	tmp := path + ".midwatch-" + hex.EncodeToString(nonce)
	counted := &countingReader{r: src}
	res, err := r.run(ctx, hosts.Cmd{
		Argv: []string{"sh", "-c", uploadWrite, "sh", tmp}, Stdin: counted, Timeout: uploadTimeout,
	})
	if err == nil {
		err = uploaded(res, counted.n.Load())
	}
	if err == nil {
		res, err = r.run(ctx, hosts.Cmd{
			Argv: []string{"sh", "-c", uploadPlace, "sh", tmp, path, strconv.FormatUint(uint64(mode&0o7777), 8)},
		})
		if err == nil {
			err = uploadFault(res)
		}
	}
	if err != nil {
		r.discard(ctx, tmp)
		return fmt.Errorf("%s: upload %s: %w", r.host, cleanLine(path), err)
	}
	return nil
}

func uploaded(res hosts.Result, sent int64) error {
	if err := uploadFault(res); err != nil {
		return err
	}
	got, err := strconv.ParseInt(string(bytes.TrimSpace(res.Stdout)), 10, 64)
	if err != nil || got != sent {
		return fmt.Errorf("sent %d bytes, the host has %q", sent, cleanLine(string(bytes.TrimSpace(res.Stdout))))
	}
	return nil
}

// uploadFault makes an error of a script that failed.
func uploadFault(res hosts.Result) error {
	if res.Exit == 0 {
		return nil
	}
	why := lastLine(res.Stderr)
	switch low := strings.ToLower(why); {
	case strings.Contains(low, "permission denied"), strings.Contains(low, "read-only file system"):
		return fmt.Errorf("%w: %s", hosts.ErrNotAllowed, why)
	case strings.Contains(low, "no such file"), strings.Contains(low, "nonexistent"):
		return fmt.Errorf("%w: %s", hosts.ErrMissing, why)
	case why == "":
		return fmt.Errorf("exit %d", res.Exit)
	}
	return errors.New(why)
}

// discard removes what an upload left, also when its context has ended.
func (r *runner) discard(ctx context.Context, tmp string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = r.run(ctx, hosts.Cmd{Argv: []string{"rm", "-f", "--", tmp}})
}

// countingReader counts what was read, possibly still while a command that failed is given up.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
