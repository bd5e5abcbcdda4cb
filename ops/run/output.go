package run

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// outputs are the files with what the steps of a run print: steps/STEP/HOST.log below its directory.
type outputs struct {
	dir string

	mu    sync.Mutex // guards everything below
	files map[spot]*os.File
}

func newOutputs(dir string) *outputs { return &outputs{dir: dir, files: map[spot]*os.File{}} }

// fileName makes one element of a path of a name.
func fileName(s string) string {
	if s == "" {
		return "local"
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == 0 {
			return '_'
		}
		return r
	}, strings.TrimLeft(s, "."))
}

func outputFile(dir string, s spot) string {
	return filepath.Join(dir, "steps", fileName(s.step), fileName(s.host)+".log")
}

// rewind empties the output of a step: it is going to be said again from the start.
func (o *outputs) rewind(s spot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f := o.files[s]; f != nil {
		_ = f.Close()
		delete(o.files, s)
	}
	_ = os.Remove(outputFile(o.dir, s))
}

// add writes a line. Output is the convenience of who watches: a disk that is full does not end a run here.
func (o *outputs) add(s spot, line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.files[s]
	if f == nil {
		name := outputFile(o.dir, s)
		if os.MkdirAll(filepath.Dir(name), 0o700) != nil {
			return
		}
		var err error
		if f, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return
		}
		o.files[s] = f
	}
	_, _ = f.WriteString(line + "\n")
}

func (o *outputs) size(s spot) int64 {
	st, err := os.Stat(outputFile(o.dir, s))
	if err != nil {
		return 0
	}
	return st.Size()
}

func (o *outputs) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for s, f := range o.files {
		_ = f.Close()
		delete(o.files, s)
	}
}
