package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"midwatch/ops/remote"
)

const (
	journalFile = "journal.jsonl"
	tokenFile   = "lock.token"
)

// token is that of this run's locks: it is kept here, so that the same operator may go on at once after a crash.
func (d *driver) token() (string, error) {
	if t := readToken(d.dir); t != "" {
		return t, nil
	}
	t := remote.NewToken()
	if err := os.WriteFile(filepath.Join(d.dir, tokenFile), []byte(t+"\n"), 0o600); err != nil {
		return "", err
	}
	return t, nil
}

func readToken(dir string) string {
	b, _ := os.ReadFile(filepath.Join(dir, tokenFile))
	return strings.TrimSpace(string(b))
}

// takeLocks takes the lock on every host, in their order, or on none. over is a run whose lock may be taken over
// when its driver gives no sign; anybody's stale lock is with takeover.
func (d *driver) takeLocks(ctx context.Context, over string, takeover bool) error {
	token, err := d.token()
	if err != nil {
		return err
	}
	rec := remote.LockRecord{
		Token: token, Run: d.id, Deploy: d.open.Deploy, Env: d.open.Env, User: d.r.p.Who, Machine: d.r.p.From, Reason: d.perm.Reason(),
		Plan: d.led.plan.Fingerprint, TTL: orDefault(d.lay.def.Lock.TTL, remote.DefaultTTL), Version: d.r.p.Version, PID: os.Getpid(),
	}
	old := ""
	if over != "" {
		// The lock of a run of this machine that nobody drives: its journal is ours.
		old = readToken(d.r.runDir(over))
	}
	var taken []*link
	for _, name := range slices.Sorted(slices.Values(d.open.LockHosts)) {
		l := d.links[name]
		lock, clock, err := take(ctx, l.once(), rec, over, old, takeover)
		if err != nil {
			for _, t := range taken {
				_ = t.lock.Release(ctx)
			}
			return err
		}
		l.took(lock)
		l.mirror.Clock = clock
		taken = append(taken, l)
	}
	return nil
}

// take takes the lock on a host, over another's when that is allowed.
func take(ctx context.Context, h *remote.Host, rec remote.LockRecord, over, old string, takeover bool) (*remote.Lock, time.Duration, error) {
	lock, clock, err := h.Acquire(ctx, rec, remote.Over{})
	var held *remote.HeldError
	if !errors.As(err, &held) {
		return lock, clock, err
	}
	look := held.Look
	if old != "" && look.Token == old {
		return h.Acquire(ctx, rec, remote.Over{Token: old, Force: true})
	}
	mine := over != "" && look.Run == over || look.Run == rec.Run
	if mine && look.Quiet() || takeover && look.Stale() {
		lock, clock, err = h.Acquire(ctx, rec, remote.Over{Token: look.Token, Quiet: look.TTL, Jobs: mine})
	}
	return lock, clock, err
}

// locked puts the directory of the run on every host, and says that the locks are held.
func (d *driver) locked(ctx context.Context) error {
	for _, name := range d.open.LockHosts {
		l := d.links[name]
		if err := l.once().MakeDir(ctx, filepath.Join(l.host.Root, "runs", d.id)); err != nil {
			return err
		}
		if err := d.append(KindLockTaken, spot{host: name}, 0, lockData{Clock: l.mirror.Clock, TookOver: l.lock.Record.TookOver}); err != nil {
			return err
		}
	}
	if err := d.append(KindState, spot{}, 0, stateData{Phase: Active}); err != nil {
		return err
	}
	for _, name := range d.open.LockHosts {
		if err := d.links[name].sync(ctx); err != nil {
			return err
		}
	}
	d.meta(ctx)
	return nil
}
