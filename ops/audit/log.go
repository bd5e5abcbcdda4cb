package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// maxLine bounds a line that is read back; a record of ours is far shorter.
const maxLine = 64 << 10

// Log appends to one audit file.
type Log struct {
	mu   sync.Mutex // guards file; other processes are kept out by a lock of the file
	file *os.File
	path string
}

// Open opens the log at path for appending and makes it, and its directory, when missing: 0600 in
// 0700.
func Open(path string) (*Log, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // the path is the operator's own
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	if errors.Is(statErr, os.ErrNotExist) {
		// A new file is only there for good once its directory is on the disk too.
		if err := syncDir(dir); err != nil {
			return nil, errors.Join(fmt.Errorf("open audit log: %w", err), f.Close())
		}
	}
	return &Log{file: f, path: path}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // as above
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Append writes a record behind the last one and returns when it is on the disk.
func (l *Log) Append(r Record) error {
	_, err := l.AppendLine(r)
	return err
}

// AppendLine is Append; it returns the line as it was written, line end included, to be kept elsewhere too.
func (l *Log) AppendLine(r Record) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := l.append(r)
	if err != nil {
		return nil, fmt.Errorf("audit log %s: %w", l.path, err)
	}
	return line, nil
}

func (l *Log) append(r Record) (line []byte, err error) {
	if l.file == nil {
		return nil, os.ErrClosed
	}
	fd := int(l.file.Fd()) //nolint:gosec // a descriptor fits an int
	if err := flock(fd, syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	defer func() { err = errors.Join(err, flock(fd, syscall.LOCK_UN)) }()
	last, torn, err := tailOf(l.file)
	if err != nil {
		return nil, err
	}
	r.Seq, r.Prev, r.Torn = 1, "", ""
	if last != nil {
		r.Seq, r.Prev = last.Seq+1, last.Hash
	}
	for _, s := range []*string{&r.Reason, &r.Object, &r.Before, &r.After, &r.Result, &r.Error, &r.Who, &r.From, &r.Run, &r.Plan} {
		*s = oneLine(*s)
	}
	var lead []byte
	if len(torn) > 0 {
		lead = []byte("\n")
		if whole, err := unseal(torn); err == nil {
			r.Seq, r.Prev = whole.Seq+1, whole.Hash // only its line end was lost
		} else {
			r.Torn = hashOf(torn)
		}
	}
	line, err = seal(&r)
	if err != nil {
		return nil, err
	}
	if _, err := l.file.Write(append(lead, line...)); err != nil {
		return nil, err
	}
	return line, l.file.Sync()
}

func flock(fd, how int) error {
	for {
		err := syscall.Flock(fd, how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// tailOf reads the last record of a file, and the unfinished line behind it when there is one. A
// last line that is whole and does not verify is an error: nothing is written behind a forgery.
func tailOf(f *os.File) (last *Record, torn []byte, err error) {
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	from := max(0, st.Size()-2*maxLine)
	buf := make([]byte, st.Size()-from)
	if _, err := f.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if i := bytes.LastIndexByte(buf, '\n'); i < len(buf)-1 {
		torn, buf = buf[i+1:], buf[:i+1]
	}
	buf = bytes.TrimSuffix(buf, []byte("\n"))
	if len(buf) == 0 {
		return nil, torn, nil
	}
	r, err := unseal(buf[bytes.LastIndexByte(buf, '\n')+1:])
	if err != nil {
		return nil, nil, fmt.Errorf("its last record %w: run midwatch audit --verify, and move the file away to begin a new one", err)
	}
	return &r, torn, nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
