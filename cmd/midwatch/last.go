package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/capture"
	"midwatch/hosts/inventory"
)

// When the last known state is read and written.
const (
	recallWait = 40 * time.Millisecond  // the first frame waits so long for it
	recallHere = 24                     // hosts up to which it is read before the first frame; it takes some ms each
	recallLate = 200 * time.Millisecond // and after that above
	firstKeep  = 30 * time.Second
	keepEvery  = 2 * time.Minute
	keepLimit  = time.Minute
	partWait   = time.Second // the end of the program waits so long for secrets, and again for engines
)

// memory is what the console keeps of a fleet from one run to the next: a capture in the state
// directory, one for each inventory.
type memory struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	late  bool          // it is read after the first frame, with which it would compete
	begin chan struct{} // closed when it may be read
	read  chan struct{} // closed when the file was read; guards the two below
	snap  *hosts.Snapshot
	err   error

	end  context.CancelFunc // of the keeper
	work sync.WaitGroup

	mu      sync.Mutex // guards everything below: one save at a time
	secrets []hosts.Secret
	asked   bool // secrets is complete
}

// remember begins to read what was kept of the inventory; nil when nothing is kept of it: of the
// demo, of a capture, with --no-last, and without a state directory.
func (a *app) remember(inv *inventory.Inventory) *memory {
	if a.flags.noLast || a.flags.from != "" || a.demoNow != nil {
		return nil
	}
	dir, err := a.stateDir()
	if err != nil {
		return nil // the audit log says so
	}
	m := &memory{path: filepath.Join(dir, lastName(inv.File)), log: a.log, now: a.now, begin: make(chan struct{}), read: make(chan struct{})}
	if m.late = len(inv.Hosts) > recallHere; !m.late {
		close(m.begin)
	}
	go func() {
		<-m.begin
		defer close(m.read)
		var c *capture.Capture
		if c, m.err = readLast(m.path); c != nil {
			m.snap = c.Snapshot()
		}
	}()
	return m
}

// lastName is the name of the file that belongs to an inventory.
func lastName(file string) string {
	key := "this machine"
	if abs, err := filepath.Abs(file); file != "" && err == nil {
		key = abs
	}
	sum := sha256.Sum256([]byte(key))
	return "last-" + hex.EncodeToString(sum[:8]) + ".mwc"
}

// readLast reads a kept state; nil where there is none. What others could have written is not
// believed.
func readLast(path string) (*capture.Capture, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // the first start has nothing to remember
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("no regular file: %s", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("open to others (mode %04o): %s", info.Mode().Perm(), path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("of another user: %s", path)
	}
	return capture.Load(path)
}

// recalled waits a moment for what was kept, and returns nil when it is not there yet.
func (m *memory) recalled() *hosts.Snapshot {
	if m == nil || m.late {
		return nil
	}
	t := time.NewTimer(recallWait)
	defer t.Stop()
	select {
	case <-m.read:
		return m.snap
	case <-t.C:
		return nil
	}
}

// trouble waits until the file was read and says in one line why it is not shown; "" when it is.
func (m *memory) trouble() string {
	if m == nil {
		return ""
	}
	<-m.read
	if m.err == nil {
		return ""
	}
	return "the last known state is not shown: " + m.err.Error() + "; it will be written anew"
}

// attach shows what came too late for the first frame, and keeps what w learns, until the world ends.
// early is what was shown already.
func (m *memory) attach(ctx context.Context, w *world, early *hosts.Snapshot) {
	if m == nil || w.live == nil {
		return
	}
	if m.late {
		time.AfterFunc(recallLate, func() { close(m.begin) })
	}
	ctx, m.end = context.WithCancel(context.WithoutCancel(ctx))
	m.work.Go(func() {
		select {
		case <-m.read:
		case <-ctx.Done():
			return
		}
		if early == nil && m.snap != nil {
			w.live.Recall(m.snap)
		}
		m.snap = nil // the fleet holds what it needs of it
		m.keep(ctx, w)
	})
	w.first = append(w.first, func() error {
		m.end()
		m.work.Wait()
		m.save(context.WithoutCancel(ctx), w, partWait)
		return nil
	})
}

// keep saves now and then, so that a crash costs minutes.
func (m *memory) keep(ctx context.Context, w *world) {
	t := time.NewTimer(firstKeep)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		m.save(ctx, w, keepLimit)
		t.Reset(keepEvery)
	}
}

// save writes what is known, and waits for others no longer than wait, twice. A failure is no reason to
// disturb anybody: it is in the debug log.
func (m *memory) save(ctx context.Context, w *world, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.asked {
		limit, cancel := context.WithTimeout(ctx, wait)
		m.secrets = w.secrets(limit)
		m.asked = limit.Err() == nil
		cancel()
		if !m.asked {
			return // what could hold a secret nobody knows is not written
		}
	}
	limit, cancel := context.WithTimeout(ctx, wait)
	c := w.capture(limit, m.now(), w.names(), false)
	cancel()
	if ctx.Err() != nil || !slices.ContainsFunc(c.Evidence, func(e hosts.Evidence) bool { return len(e.Data) > 0 }) {
		return // nothing was learned
	}
	// It is read again each time: raw evidence of a large fleet is too much to hold for this alone.
	old, err := readLast(m.path)
	if err != nil {
		m.log.Warn("older state not kept", "file", m.path, "err", err)
	}
	if err := m.write(c.Over(old)); err != nil {
		m.log.Warn("last known state not kept", "file", m.path, "err", err)
	}
}

// write saves c without the evidence that holds a secret after all.
func (m *memory) write(c *capture.Capture) error {
	for {
		err := capture.Save(m.path, c, m.secrets)
		var secret *capture.SecretError
		if !errors.As(err, &secret) || secret.Host == "" {
			return err
		}
		m.log.Warn("evidence not kept", "host", secret.Host, "collector", secret.Collector, "err", err)
		c.Evidence = slices.DeleteFunc(slices.Clone(c.Evidence), func(e hosts.Evidence) bool {
			return e.Host == secret.Host && e.Collector == secret.Collector
		})
	}
}

// names are the hosts of the world.
func (w *world) names() []string {
	out := make([]string, 0, len(w.Inventory.Hosts))
	for i := range w.Inventory.Hosts {
		out = append(out, w.Inventory.Hosts[i].Name)
	}
	return out
}
