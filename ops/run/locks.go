package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/remote"
)

// lockLines says of a plan who holds its hosts.
func (r *Runs) lockLines(ctx context.Context, d *deploy.Definition, names []string) []string {
	var out []string
	for _, name := range names {
		looks, err := r.looks(ctx, name)
		if err != nil {
			out = append(out, name+": not known: "+err.Error())
			continue
		}
		for _, l := range looks {
			if l.Deploy == d.Name && l.Env == d.Env {
				out = append(out, (&remote.HeldError{Look: l}).Error())
			}
		}
	}
	if len(out) == 0 {
		return []string{"free"}
	}
	return out
}

func (r *Runs) looks(ctx context.Context, name string) ([]remote.LockLook, error) {
	ctx, cancel := looking(ctx)
	defer cancel()
	h, err := r.remote(ctx, name)
	if err != nil {
		return nil, err
	}
	return h.Locks(ctx)
}

// Locks implements Service.
func (r *Runs) Locks(ctx context.Context) ([]LockState, error) {
	names, err := r.everyHost(ctx)
	if err != nil {
		return nil, err
	}
	all := make([][]remote.LockLook, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { all[i], errs[i] = r.looks(ctx, name) })
	}
	wg.Wait()
	var out []LockState
	for _, looks := range all {
		for _, l := range looks {
			out = append(out, r.lockState(l))
		}
	}
	return out, errors.Join(errs...)
}

func (r *Runs) lockState(l remote.LockLook) LockState {
	return LockState{
		Deploy: l.Deploy, Env: l.Env, Host: l.Host, Run: l.Run, Owner: l.User + "@" + l.Machine, Reason: l.Reason,
		Since: l.Since, Beat: l.Beat, State: l.State(), Mine: l.User == r.p.Who && machine(l.Machine) == machine(r.p.From),
	}
}

// machine is the name of the machine in what an operator's session is called.
func machine(from string) string {
	name, _, _ := strings.Cut(from, ",")
	return name
}

// TakeLock implements Service.
func (r *Runs) TakeLock(ctx context.Context, name, reason string, force bool, typed []string) error {
	reason = strings.Join(strings.Fields(reason), " ")
	if reason == "" {
		return errors.New("lock: a reason is needed; others see it")
	}
	err := r.byHand(ctx, "lock", name, typed, func(d *deploy.Definition, hosts []*remote.Host) error {
		rec := remote.LockRecord{
			Token: remote.NewToken(), Deploy: d.Name, Env: d.Env, User: r.p.Who, Machine: r.p.From, Reason: reason, Frozen: true,
			Version: r.p.Version, PID: os.Getpid(),
		}
		var taken []*remote.Lock
		for _, h := range hosts {
			l, _, err := h.Acquire(ctx, rec, remote.Over{})
			var held *remote.HeldError
			if errors.As(err, &held) && force && held.Look.Stale() {
				l, _, err = h.Acquire(ctx, rec, remote.Over{Token: held.Look.Token, Quiet: held.Look.TTL})
			}
			if err != nil {
				for _, t := range taken {
					err = errors.Join(err, t.Release(ctx))
				}
				return err
			}
			taken = append(taken, l)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	return nil
}

// ReleaseLock implements Service. It gives back what was taken by hand, and what is stale; a lock whose holder
// gives signs of life stays.
func (r *Runs) ReleaseLock(ctx context.Context, name string) error {
	err := r.byHand(ctx, "unlock", name, nil, func(d *deploy.Definition, hosts []*remote.Host) error {
		var errs []error
		for _, h := range hosts {
			looks, err := h.Locks(ctx)
			errs = append(errs, err)
			for _, l := range looks {
				switch {
				case l.Deploy != d.Name || l.Env != d.Env:
				case l.State() == "live":
					errs = append(errs, &remote.HeldError{Look: l})
				default:
					errs = append(errs, h.Held(l.LockRecord).Release(ctx))
				}
			}
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("unlock %s: %w", name, err)
	}
	return nil
}

// byHand does something to the locks of a deploy, through the gate.
func (r *Runs) byHand(ctx context.Context, verb, name string, typed []string, do func(*deploy.Definition, []*remote.Host) error) error {
	d, err := r.definition(ctx, name)
	if err != nil {
		return err
	}
	lay, err := r.lay(d, nil)
	if err != nil {
		return err
	}
	o := ops.Operation{Verb: verb, Object: d.Name + " in " + d.Env, Hosts: lay.locks, Typed: typed}
	if verb == "unlock" {
		o.Hosts = nil // giving back changes nothing that a name would have to be typed for
	}
	perm, err := r.p.Gate.Begin(o)
	if err != nil {
		return err
	}
	var hosts []*remote.Host
	for _, n := range lay.locks {
		h, herr := r.remote(ctx, n)
		if herr != nil {
			err = errors.Join(err, herr)
			continue
		}
		hosts = append(hosts, h)
	}
	if err == nil {
		err = do(d, hosts)
	}
	return errors.Join(err, perm.End(verb+"ed", err))
}

// placed is what of a deploy was put on a host, as the run that did it left word there.
type placed struct {
	Run     string    `json:"run"`
	Release string    `json:"release"`
	At      time.Time `json:"at"`
	Before  *placed   `json:"before,omitempty"`
}

func placedFile(h *remote.Host, deploy, env string) string {
	return path.Join(h.Root, "current", fileName(deploy)+"."+fileName(env)+".json")
}

// current leaves word on the hosts of what the run put there.
func (d *driver) current(ctx context.Context, phase Phase) {
	if phase != Success {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	d.mu.Lock()
	release := orText(d.led.release(), d.id)
	d.mu.Unlock()
	var wg sync.WaitGroup
	for _, l := range d.links {
		wg.Go(func() {
			h := l.once()
			file := placedFile(h, d.open.Deploy, d.open.Env)
			var was placed
			if b, err := h.Get(ctx, file); err == nil {
				_ = unmarshal(b, &was)
			}
			now := placed{Run: d.id, Release: release, At: d.r.p.Now()}
			switch {
			case d.open.Kind == kindRollback && was.Run == d.open.Parent && was.Before != nil:
				now = *was.Before
			case d.open.Kind == kindRollback:
				return // what failed was never put down as current
			case was.Run != "":
				was.Before = nil
				now.Before = &was
			}
			if b, err := marshal(now); err == nil {
				_ = h.Put(ctx, file, b)
			}
		})
	}
	wg.Wait()
}

// Overview implements Service.
func (r *Runs) Overview(ctx context.Context) ([]Overview, error) {
	defs, defErr := r.p.Definitions(ctx)
	names, err := r.everyHost(ctx)
	if err != nil {
		return nil, err
	}
	history, listErr := r.List(ctx, names)
	locks, lockErr := r.Locks(ctx)
	var out []Overview
	for _, d := range defs {
		o := Overview{Name: d.Name, Env: d.Env, About: d.About}
		for i := range history {
			if history[i].Deploy == d.Name && history[i].Env == d.Env {
				o.Last = &history[i]
				break
			}
		}
		for i := range locks {
			if locks[i].Deploy == d.Name && locks[i].Env == d.Env {
				o.Lock = &locks[i]
				break
			}
		}
		if lay, err := r.lay(d, nil); err != nil {
			o.Faults = append(o.Faults, err.Error())
		} else {
			o.Hosts = r.versions(ctx, d, lay.locks)
		}
		out = append(out, o)
	}
	if len(out) > 0 {
		return out, defErr
	}
	return nil, errors.Join(defErr, listErr, lockErr)
}

// versions is what of a deploy is on its hosts. The newest that any of them has is what is wanted on all.
func (r *Runs) versions(ctx context.Context, d *deploy.Definition, names []string) []HostVersion {
	out := make([]HostVersion, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			ctx, cancel := looking(ctx)
			defer cancel()
			out[i] = HostVersion{Host: name, Skew: "unknown"}
			h, err := r.remote(ctx, name)
			if err != nil {
				out[i].Err = err.Error()
				return
			}
			b, err := h.Get(ctx, placedFile(h, d.Name, d.Env))
			if errors.Is(err, remote.ErrMissing) {
				return
			}
			var p placed
			if err == nil {
				err = unmarshal(b, &p)
			}
			if err != nil {
				out[i].Err = err.Error()
				return
			}
			out[i].Release, out[i].Run, out[i].At = p.Release, p.Run, p.At
		})
	}
	wg.Wait()
	newest := HostVersion{}
	for _, v := range out {
		if v.At.After(newest.At) {
			newest = v
		}
	}
	for i := range out {
		v := &out[i]
		v.Wanted = newest.Release
		switch {
		case v.Err != "" || v.Run == "":
		case v.Run == newest.Run || v.Release == newest.Release:
			v.Skew = "ok"
		default:
			v.Skew = "behind"
		}
	}
	return out
}
