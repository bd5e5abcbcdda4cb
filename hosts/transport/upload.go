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
	"sync"
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
	in := &uploadReader{r: src}
	res, err := r.run(ctx, hosts.Cmd{
		Argv: []string{"sh", "-c", uploadWrite, "sh", tmp}, Stdin: in, Timeout: uploadTimeout,
	})
	if err == nil {
		err = in.verdict(res)
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

// uploadReader counts what was read. It makes a failure of its source an end, so that the command on
// the host ends by itself and what it wrote can be removed; verdict tells of it then.
type uploadReader struct {
	r io.Reader

	mu  sync.Mutex // guards everything below: a command that failed may leave a reader behind
	n   int64
	err error
}

func (u *uploadReader) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err, err = err, io.EOF
	}
	return n, err
}

// verdict reports whether the host has all that there was.
func (u *uploadReader) verdict(res hosts.Result) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return fmt.Errorf("read what is to be uploaded: %w", u.err)
	}
	if err := uploadFault(res); err != nil {
		return err
	}
	said := bytes.TrimSpace(res.Stdout)
	if got, err := strconv.ParseInt(string(said), 10, 64); err != nil || got != u.n {
		return fmt.Errorf("sent %d bytes, the host has %q", u.n, cleanLine(string(said)))
	}
	return nil
}
