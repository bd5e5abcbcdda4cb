package run

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"midwatch/ops/journal"
	"midwatch/ops/remote"
)

// parent is the run that a rollback takes back.
type parent struct {
	r   *Runs
	id  string
	led *ledger
	j   *journal.Journal
}

// openParent takes the journal of the run that is to be taken back: whoever drives it on this machine must not.
func (r *Runs) openParent(ctx context.Context, d *driver, id string) (*parent, error) {
	if _, err := r.fetch(ctx, id, d.open.LockHosts); err != nil {
		return nil, err
	}
	j, g, err := journal.Open(filepath.Join(r.runDir(id), journalFile))
	if err != nil {
		return nil, err
	}
	return &parent{r: r, id: id, led: replay(g.Records), j: j}, nil
}

// drop gives the journal back.
func (p *parent) drop() {
	if p != nil && p.j != nil {
		_ = p.j.Close()
		p.j = nil
	}
}

func (p *parent) append(k string, at spot, n int, v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	rec, err := p.j.Append(Record{T: p.r.p.Now().UTC().Round(time.Millisecond), Run: p.id, K: k, Step: at.step, Host: at.host, Try: n, D: b})
	if err == nil {
		p.led.apply(rec)
	}
	return err
}

// tell brings the hosts' copies of the parent's journal, and its summary there, up to date.
func (p *parent) tell(ctx context.Context, d *driver) error {
	for _, name := range d.open.LockHosts {
		l := d.links[name]
		if err := l.host.Mirror(p.id, l.lock).Append(ctx, p.j.Bytes); err != nil {
			return err
		}
		if err := putState(ctx, l.once(), p.led.state()); err != nil && !remote.Unreached(err) {
			return err
		}
	}
	return nil
}

// begin says that the run is being taken back.
func (p *parent) begin(ctx context.Context, d *driver) error {
	if p.led.phase == RollingBack {
		return nil
	}
	if err := p.append(KindState, spot{}, 0, stateData{Phase: RollingBack, Note: "by run " + d.id, By: d.open.Who}); err != nil {
		return err
	}
	return p.tell(ctx, d)
}

// close says what of the run was taken back.
func (p *parent) close(ctx context.Context, d *driver, good bool) error {
	defer p.drop()
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	d.mu.Lock()
	type undone struct {
		at  spot
		res resultData
		n   int
	}
	var all []undone
	for _, s := range d.led.steps {
		for _, h := range s.hosts {
			if h.undone != "" {
				all = append(all, undone{spot{s.plan.ID, h.host}, resultData{State: h.undone, Line: h.line}, h.undoTry})
			}
		}
	}
	d.mu.Unlock()
	for _, u := range all {
		if was := p.led.step(u.at.step).host(u.at.host); was.undone == u.res.State {
			continue
		}
		if err := p.append(KindUndoResult, u.at, u.n, u.res); err != nil {
			return err
		}
	}
	left := 0
	for _, s := range p.led.steps {
		for _, h := range s.hosts {
			if h.owed() {
				left++
			}
		}
	}
	st := stateData{Phase: RolledBack, Note: "by run " + d.id, By: d.open.Who}
	switch {
	case !good:
		st.Phase = RollbackFailed
	case left > 0:
		st.Note += fmt.Sprintf(", in part: %d left as they are", left)
	}
	if d.open.Bad {
		st.Bad = orText(p.led.release(), p.id)
	}
	if err := p.append(KindState, spot{}, 0, st); err != nil {
		return err
	}
	return p.tell(ctx, d)
}
