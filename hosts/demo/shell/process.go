package shell

import (
	"context"
	"strings"
	"sync"
)

// Table numbers the programs that run on a host, so that they can be signalled. The zero value is
// ready.
type Table struct {
	mu   sync.Mutex // guards everything below
	last int
	list map[int]*entry
}

// firstPID is above every number the simulation gives.
const firstPID = 100000

type entry struct {
	user, args string
	cancel     context.CancelFunc
	mu         sync.Mutex // guards sig
	sig        string
}

func (t *Table) add(e *entry) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		t.list, t.last = map[int]*entry{}, firstPID
	}
	t.last++
	t.list[t.last] = e
	return t.last
}

func (t *Table) remove(pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.list, pid)
}

// kill signals a program; it reports whether there is one of that number.
func (t *Table) kill(pid int, sig string) bool {
	t.mu.Lock()
	e := t.list[pid]
	t.mu.Unlock()
	if e == nil {
		return false
	}
	e.kill(sig)
	return true
}

// kill ends the program when the signal is one that ends programs.
func (e *entry) kill(sig string) {
	if !strings.Contains(" HUP INT QUIT TERM KILL ABRT PIPE ALRM ", " "+sig+" ") {
		return
	}
	e.mu.Lock()
	if e.sig == "" {
		e.sig = sig
	}
	e.mu.Unlock()
	e.cancel()
}

func (e *entry) signal() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sig
}

// listen passes signals on until the program ends.
func (e *entry) listen(ctx context.Context, signals <-chan string) {
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return
			}
			e.kill(s)
		case <-ctx.Done():
			return
		}
	}
}
