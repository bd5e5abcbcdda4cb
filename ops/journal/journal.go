package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Journal is a journal that this process writes.
type Journal struct {
	path  string
	begun time.Time

	mu   sync.Mutex // guards everything below
	file *os.File
	seq  int
	last string
	size int64
	bad  error // a write that failed: nothing is written behind it
}

// Open opens the journal at path for writing and makes it, and its directory, when missing: 0600 in 0700. It
// returns what is in it and how many bytes of an unfinished line were cut off. A journal that another process
// writes is ErrBusy; one whose chain is broken is an error and stays as it is.
func Open(path string) (*Journal, Reading, error) {
	j, g, err := open(path)
	if err != nil {
		return nil, g, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, g, nil
}

func open(path string) (*Journal, Reading, error) {
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return nil, Reading{}, err
	}
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, Reading{}, err
	}
	fail := func(g Reading, err error) (*Journal, Reading, error) { return nil, g, errors.Join(err, f.Close()) }
	if err := lock(f); err != nil {
		return fail(Reading{}, err)
	}
	if errors.Is(statErr, os.ErrNotExist) {
		if err := syncDir(dir); err != nil {
			return fail(Reading{}, err)
		}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return fail(Reading{}, err)
	}
	g := Read(b)
	if g.Torn > 0 {
		if !g.Tail(b) {
			return fail(g, fmt.Errorf("%w, and more lines behind it: it was changed; move it away", g.Fault))
		}
		if err := errors.Join(f.Truncate(g.Good), f.Sync()); err != nil {
			return fail(g, err)
		}
	}
	return &Journal{path: path, begun: time.Now(), file: f, seq: len(g.Records), last: g.Last, size: g.Good}, g, nil
}

// makeDir makes a directory, with those above it, and puts its name on the disk.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock takes the file for this process; it is given back when the file is closed or the process ends.
func lock(f *os.File) error {
	// Who asks with Busy holds it for a moment.
	for range lockTries {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		<-time.After(lockPause)
	}
	return ErrBusy
}

// How often, and how far apart, a lock is tried that somebody holds.
const (
	lockTries = 20
	lockPause = 10 * time.Millisecond
)

// unlock gives the file back at once: a process that is being started elsewhere in this program holds what is
// merely closed until it has become another program.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }

// Busy reports whether a process writes the journal at path now.
func Busy(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return true, nil
	case err != nil:
		return false, err
	}
	return false, unlock(f)
}

// Append writes a record behind the last one. It is on the disk when Append returns.
func (j *Journal) Append(r Record) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.file == nil:
		return r, fmt.Errorf("journal %s: %w", j.path, os.ErrClosed)
	case j.bad != nil:
		return r, fmt.Errorf("journal %s: nothing more is written after: %w", j.path, j.bad)
	}
	r.V, r.Seq, r.Prev = Version, j.seq+1, j.last
	r.Mono = float64(time.Since(j.begun).Milliseconds()) / 1000
	line, err := Seal(r)
	if err != nil {
		return r, fmt.Errorf("journal %s: %w", j.path, err)
	}
	if _, err = j.file.Write(line); err == nil {
		err = datasync(j.file)
	}
	if err != nil {
		j.bad = err
		return r, fmt.Errorf("journal %s: %w", j.path, err)
	}
	j.seq, j.last, j.size = r.Seq, Hash(line[:len(line)-1]), j.size+int64(len(line))
	return r, nil
}

// Size is how many bytes of whole records the journal has.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size
}

// Bytes returns the lines from a byte offset on.
func (j *Journal) Bytes(from int64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil, fmt.Errorf("journal %s: %w", j.path, os.ErrClosed)
	}
	if from >= j.size {
		return nil, nil
	}
	b := make([]byte, j.size-from)
	if _, err := j.file.ReadAt(b, from); err != nil {
		return nil, fmt.Errorf("journal %s: %w", j.path, err)
	}
	return b, nil
}

// Close lets another process write.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := errors.Join(unlock(j.file), j.file.Close())
	j.file = nil
	return err
}

// Adopt makes a journal at path of the bytes of another copy. One that is there is kept when it has the same
// beginning and is longer, and completed when it is shorter; another is an error. It returns how many bytes of an
// unfinished line were cut off. No process may write it.
func Adopt(path string, b []byte) (torn int64, err error) {
	b = b[:Read(b).Good]
	j, g, err := Open(path)
	if err != nil {
		return 0, err
	}
	defer j.Close()
	have, err := j.Bytes(0)
	if err != nil {
		return g.Torn, err
	}
	n := min(len(have), len(b))
	if string(have[:n]) != string(b[:n]) {
		return g.Torn, fmt.Errorf("journal %s: %w: the copies differ after record %d", path, ErrChain, len(Read(have[:common(have, b)]).Records))
	}
	if g.Good >= int64(len(b)) {
		return g.Torn, nil
	}
	if _, err = j.file.Write(b[n:]); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return g.Torn, fmt.Errorf("journal %s: %w", path, err)
	}
	return g.Torn, nil
}

// common is how long the same beginning of a and b is.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Load reads the journal at path without writing it.
func Load(path string) (Reading, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Reading{}, fmt.Errorf("journal: %w", err)
	}
	return Read(b), nil
}

// followEvery is how often a follower looks for more.
const followEvery = 200 * time.Millisecond

// Follow calls fn with every record of the journal at path, then with each new one, until ctx ends or fn returns
// an error, which it returns. A broken chain is an error; a line that is being written is waited for.
func Follow(ctx context.Context, path string, fn func(Record) error) error {
	var from int64
	seq, last := 0, ""
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		b, err := readFrom(path, from)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		for {
			r, n, hash, err := next(b, seq, last)
			if err != nil {
				return fmt.Errorf("journal %s: record %d: %w", path, seq+1, err)
			}
			if n == 0 {
				break
			}
			b, from, seq, last = b[n:], from+int64(n), r.Seq, hash
			if err := fn(r); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func readFrom(path string, from int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}
