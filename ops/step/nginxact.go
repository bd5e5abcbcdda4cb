package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
)

func (nginxKind) Act(ctx context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	x, err := ngxOf(e)
	if err != nil {
		return err
	}
	rec, err := unpack[nginxRecord](u)
	if err != nil {
		return err
	}
	if taken := x.mark(ctx, blobTaken); taken != nil {
		return nil // before a crash; the verification looks again
	}
	if old, err := x.conf(ctx); err == nil {
		if err := x.idle(ctx, old); err != nil {
			return err
		}
	}
	for i, f := range rec.Files {
		if err := actFile(ctx, e, x.m, &x.s.Files[i], f); err != nil {
			return x.restore(ctx, rec, err)
		}
	}
	fault, err := x.test(ctx)
	if err != nil {
		return err
	}
	if fault != "" {
		return x.restore(ctx, rec, fmt.Errorf("%w: %s: nginx -t: %s", ErrNotDone, x.m.name, fault))
	}
	conf, err := x.conf(ctx)
	if err != nil {
		return err
	}
	for _, want := range x.s.Require {
		if !strings.Contains(conf.text, want) {
			return x.restore(ctx, rec, fmt.Errorf("%w: %s: the configuration does not hold %q, which the definition requires", ErrNotDone, x.m.name, want))
		}
	}
	if err := writeBlob(ctx, e, blobTold, true); err != nil {
		return err
	}
	err = x.reload(ctx, conf)
	if !errors.Is(err, errKept) {
		return err
	}
	return x.restore(ctx, rec, errors.Join(err, writeBlob(ctx, e, blobTold, false)))
}

// errKept is an nginx that goes on with the configuration it had.
var errKept = fmt.Errorf("%w: the old configuration serves on", ErrNotDone)

// restore puts the files back after cause, so that the next start of nginx finds what it runs with.
func (x ngx) restore(ctx context.Context, rec nginxRecord, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	for i := len(rec.Files) - 1; i >= 0; i-- {
		if err := undoFile(ctx, x.e, rec.Files[i]); err != nil {
			return fmt.Errorf("%w; and its files could not be put back: %w", cause, err)
		}
	}
	return fmt.Errorf("%w; its files are back as they were: correct them and try again", cause)
}

func (x ngx) mark(ctx context.Context, name string) *reloadMark {
	var m *reloadMark
	readBlob(ctx, x.e, x.way(name), &m)
	return m
}

// way keeps the marks of the way forward and back, and of attempts, apart.
func (x ngx) way(name string) string {
	if x.e.Undoing {
		name = "back-" + name
	}
	return fmt.Sprintf("%d-%s", x.e.Try, name)
}

// reload tells nginx to take the configuration and returns when it is seen to have done so. Where that was
// ordered before a crash, it is only looked at.
func (x ngx) reload(ctx context.Context, conf ngxConf) error {
	m := x.mark(ctx, blobReload)
	if m == nil {
		var err error
		if m, err = x.before(ctx, conf); err != nil {
			return err
		}
		if err := writeBlob(ctx, x.e, x.way(blobReload), m); err != nil {
			return err
		}
	}
	now, err := x.procs(ctx, conf)
	if err != nil {
		return err
	}
	if done, _ := reloaded(m.Procs, now); !done {
		switch _, err := x.m.must(ctx, "reload nginx", x.argv("-s", "reload")...); {
		case err != nil && linkLost(err): // whether it was told is not known: the mark is kept, and it is looked again
			return err
		case err != nil:
			return fmt.Errorf("%w: %w", errKept, err)
		}
	}
	line, err := x.confirm(ctx, conf, m)
	if err != nil {
		return err
	}
	m.Line = line
	say(x.e, "nginx: "+line, false)
	return writeBlob(ctx, x.e, x.way(blobTaken), m)
}

// before reads how things stand: workers, and where the error logs end.
func (x ngx) before(ctx context.Context, conf ngxConf) (*reloadMark, error) {
	p, err := x.procs(ctx, conf)
	if err != nil {
		return nil, err
	}
	if p.Master == 0 {
		return nil, refused("%s: nginx does not run: start it first", x.m.name)
	}
	m := &reloadMark{Procs: p, Logs: map[string]int{}}
	if m.Since, err = hostClock(ctx, x.e); err != nil {
		return nil, err
	}
	if !x.logIsFile(conf) {
		return m, nil
	}
	out, err := x.m.script(ctx, "measure "+conf.errorLog, nil, `stat -Lc %s -- "$1" 2>/dev/null || echo 0`, conf.errorLog)
	if err != nil {
		return nil, err
	}
	var size int
	_, _ = fmt.Sscan(out, &size)
	m.Logs[conf.errorLog] = size
	return m, nil
}

func (x ngx) logIsFile(conf ngxConf) bool {
	return x.s.Container == "" && strings.HasPrefix(conf.errorLog, "/") && !strings.HasPrefix(conf.errorLog, "/dev/")
}

// logged is what the error log has got since the mark; known is false where it cannot be read.
func (x ngx) logged(ctx context.Context, conf ngxConf, m *reloadMark) (text string, known bool, err error) {
	since := m.Since.Format(time.RFC3339Nano)
	switch {
	case x.s.Container != "":
		r, err := x.m.run(ctx, nil, "docker", "logs", "--since", since, string(x.s.Container))
		return string(r.Stderr), err == nil && r.Exit == 0, err
	case x.logIsFile(conf):
		// A log that was put aside meanwhile begins anew.
		out, err := x.m.script(ctx, "read "+conf.errorLog, nil,
			`[ -e "$1" ] || exit 0; s=$(stat -Lc %s -- "$1"); f=$2; [ "$s" -ge "$f" ] || f=0; tail -c "+$((f + 1))" -- "$1" | head -c 262144`,
			conf.errorLog, fmt.Sprint(m.Logs[conf.errorLog]))
		return out, err == nil, err
	case conf.errorLog == "stderr" || strings.HasPrefix(conf.errorLog, "/dev/std"):
		r, err := x.m.run(ctx, nil, "journalctl", "-u", "nginx", "--no-pager", "-q", "-o", "cat", "--since", fmt.Sprintf("@%d.%06d", m.Since.Unix(), m.Since.Nanosecond()/1000))
		return string(r.Stdout), err == nil && r.Exit == 0, err
	}
	return "", false, nil
}

// confirm waits until new workers take the connections, and the error log says nothing against it.
func (x ngx) confirm(ctx context.Context, conf ngxConf, m *reloadMark) (line string, err error) {
	within := orElse(x.s.Within, 5*time.Second)
	start := time.Now()
	err = again(ctx, x.e, 200*time.Millisecond, func() (bool, error) {
		log, known, err := x.logged(ctx, conf, m)
		if err != nil {
			start = time.Now() // nobody has looked meanwhile
			return false, err
		}
		e, final := emergencies(log)
		if final || len(e) > 0 && time.Since(start) > within {
			for _, l := range e {
				say(x.e, l, true)
			}
			return true, fmt.Errorf("%w: %s: nginx did not take the new one, though it passes nginx -t: %s", errKept, x.m.name, emergency(e[0]))
		}
		now, err := x.procs(ctx, conf)
		if err != nil {
			return false, err
		}
		done, what := reloaded(m.Procs, now)
		if done {
			line = what
			if !known {
				line += "; its error log goes to " + either(conf.errorLog, "nowhere") + " and was not looked at"
			}
			return true, nil
		}
		if time.Since(start) > within {
			return true, fmt.Errorf("%w: %s: nginx was told to reload, and %s after %s", ErrNotDone, x.m.name, what, within)
		}
		note(x.e, "waiting for new workers: %s", what)
		return false, nil
	})
	return line, err
}

// busyWait is how long busy upstreams are waited for when the step does not say.
const busyWait = 10 * time.Minute

// idle waits until upstreams that count their connections have none, because a reload forgets the counts: a
// worker at work could get a second call.
func (x ngx) idle(ctx context.Context, conf ngxConf) error {
	if len(conf.capped) == 0 || x.whenBusy() == "force" {
		return nil
	}
	limit := orElse(x.s.BusyWait, busyWait)
	start, busy := time.Now(), ""
	err := again(ctx, x.e, time.Second, func() (bool, error) {
		n, detail, err := x.busy(ctx, conf)
		if err != nil {
			return false, err
		}
		if n == 0 {
			busy = ""
			return true, nil
		}
		busy = fmt.Sprintf("%d connections (%s)", n, strings.Join(detail, ", "))
		took := time.Since(start)
		note(x.e, "upstreams with max_conns are busy, %s, waiting %s / %s", busy, clock(took), clock(limit))
		return took >= limit || x.whenBusy() == "ask", nil
	})
	if err != nil || busy == "" {
		return err
	}
	what := fmt.Sprintf("upstreams with max_conns are busy, %s, and a reload forgets that", busy)
	if x.whenBusy() == "wait" || x.e.Ask == nil {
		return refused("%s: %s, still after %s: try again later, or set when_busy to force", x.m.name, what, clock(limit))
	}
	a, err := x.e.Ask(ctx, Question{Kind: "confirm", Text: x.m.name + ": " + what + ": reload all the same?"})
	if err == nil && !a.Yes {
		err = fmt.Errorf("%w: %s: %s", ErrDeclined, x.m.name, what)
	}
	return err
}

// busy counts the connections to members of the capped upstreams, as the host's sockets tell.
func (x ngx) busy(ctx context.Context, conf ngxConf) (int, []string, error) {
	if x.s.Container != "" {
		return 0, nil, refused("%s: the connections of nginx in %s cannot be counted from outside, and upstreams (%s) have max_conns: set when_busy to force",
			x.m.name, hosts.CleanLine(string(x.s.Container)), conf.names())
	}
	tcp, err := x.m.must(ctx, "count connections", "ss", "-tnH", "state", "established")
	if err != nil {
		return 0, nil, err
	}
	unix, err := x.m.must(ctx, "count connections", "ss", "-xnH", "state", "established")
	if err != nil {
		return 0, nil, err
	}
	n, detail := countBusy(tcp+unix, conf.capped)
	return n, detail, nil
}
