package step

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/redact"
	"midwatch/ops/deploy"
)

// nginxKind places files of an nginx, tests them, reloads it and wants to see that it took them ("nginx"): what
// the reload itself answers proves nothing (deploy model §3.5).
type nginxKind struct{}

// nginxRecord is what was there before.
type nginxRecord struct {
	Files  []fileRecord `json:"files"`
	Dump   string       `json:"dump"` // SHA-256 of nginx -T before
	Capped []string     `json:"capped,omitempty"`
}

// Blobs of an nginx step.
const (
	blobReload = "nginx-reload.json" // written before the reload was ordered
	blobTaken  = "nginx-taken.json"  // written when it was seen to be taken
	blobTold   = "nginx-told.json"   // whether the way forward has told nginx anything
)

// reloadMark is how things stood when a reload was ordered.
type reloadMark struct {
	Procs ngxProcs       `json:"procs"`
	Logs  map[string]int `json:"logs"`  // error logs and their sizes
	Since time.Time      `json:"since"` // by the host's clock
	Line  string         `json:"line,omitempty"`
}

func (nginxKind) Class(any) Class { return Repeat }

// Late reports that the reload of a way back waits for the files of other steps.
func (nginxKind) Late(any) bool { return true }

// ngx is one nginx: of a host or in a container.
type ngx struct {
	e *Env
	m machine
	s *deploy.Nginx
}

func ngxOf(e *Env) (ngx, error) {
	s, err := settings[deploy.Nginx](e)
	if err != nil {
		return ngx{}, err
	}
	return ngx{e, target(e), s}, nil
}

func (x ngx) argv(args ...string) []string {
	argv := append([]string{"nginx"}, args...)
	if x.s.Container != "" {
		return append([]string{"docker", "exec", string(x.s.Container)}, argv...)
	}
	return argv
}

// conf reads the configuration on disk. A fault in it comes back as a refusal.
func (x ngx) conf(ctx context.Context) (ngxConf, error) {
	dump, err := x.m.run(ctx, nil, x.argv("-T")...)
	switch {
	case err != nil:
		return ngxConf{}, err
	case dump.Exit == 127 || dump.Exit == 126:
		return ngxConf{}, refused("%s: nginx cannot be started: %s", x.m.name, lastLine(dump.Stderr))
	case dump.Exit != 0:
		return ngxConf{}, refused("%s: nginx -t: %s", x.m.name, testFault(string(dump.Stderr)))
	}
	version, err := x.m.run(ctx, nil, x.argv("-V")...)
	if err != nil {
		return ngxConf{}, err
	}
	return readConf(string(dump.Stdout), string(version.Stderr)), nil
}

// test is nginx -t: "" or what is wrong.
func (x ngx) test(ctx context.Context) (fault string, err error) {
	r, err := x.m.run(ctx, nil, x.argv("-t")...)
	if err != nil || r.Exit == 0 {
		return "", err
	}
	return testFault(string(r.Stderr)), nil
}

// procs are the processes of this nginx.
func (x ngx) procs(ctx context.Context, c ngxConf) (ngxProcs, error) {
	if x.s.Container != "" {
		out, err := x.m.must(ctx, "list the processes of "+string(x.s.Container), "docker", "top", string(x.s.Container), "-eo", "pid,ppid,args")
		return parseProcs(out, 0), err
	}
	out, err := login(x.e).script(ctx, "list the processes of nginx", nil, `cat "$1" 2>/dev/null || echo 0; exec ps -eo pid=,ppid=,args=`, c.pidFile)
	if err != nil {
		return ngxProcs{}, err
	}
	first, rest, _ := strings.Cut(out, "\n")
	var master int
	if _, err := fmt.Sscan(first, &master); err != nil || master <= 0 {
		return ngxProcs{}, nil
	}
	return parseProcs(rest, master), nil
}

func (x ngx) wishes(ctx context.Context) (out []wish, err error) {
	for i := range x.s.Files {
		w, err := wishFile(ctx, x.e, x.m, &x.s.Files[i])
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func (nginxKind) Plan(ctx context.Context, e *Env) (Change, error) {
	x, err := ngxOf(e)
	if err != nil {
		return Change{}, err
	}
	wishes, err := x.wishes(ctx)
	if err != nil {
		return Change{}, err
	}
	c := planFiles(wishes)
	conf, err := x.conf(ctx)
	switch {
	case errors.Is(err, ErrRefused):
		c.Lines = append(c.Lines, "! as it is now, "+err.Error())
	case err != nil:
		return c, err
	}
	c.Saw += "nginx " + digest([]byte(conf.text))
	if c.Nothing && x.s.OnlyIfChanged {
		c.Lines = append(c.Lines, "nginx is not reloaded")
		return c, nil
	}
	if c.Nothing {
		c.Nothing, c.Back = false, BackNone
	}
	c.Lines = append(c.Lines, "nginx is tested and reloaded")
	if len(conf.capped) > 0 {
		c.Lines = append(c.Lines, "! the reload forgets the connections that max_conns counts, of "+conf.names()+"; when they are busy: "+x.whenBusy())
	}
	if len(c.BackLines) > 0 {
		c.BackLines = append(c.BackLines, "nginx is tested and reloaded")
	}
	return c, nil
}

// planFiles is the plan of the files; diffs come without secrets.
func planFiles(wishes []wish) Change {
	c := Change{Nothing: true, Back: BackNone}
	for i := range wishes {
		w := &wishes[i]
		one := w.change()
		c.Saw += one.Saw + "\n"
		c.Lines = append(c.Lines, one.Lines...)
		if one.Nothing {
			continue
		}
		c.Nothing, c.Back = false, BackReversible
		c.BackLines = append(c.BackLines, one.BackLines...)
		if !w.secret && !w.absent {
			d, _, _ := textDiff(hosts.CleanLine(w.before.Path), redact.Nginx(w.old), redact.Nginx(string(w.content)))
			one.Detail = []Detail{d}
		}
		c.Detail = append(c.Detail, one.Detail...)
	}
	return c
}

func (x ngx) whenBusy() string { return either(x.s.WhenBusy, "wait") }

func (nginxKind) Record(ctx context.Context, e *Env) (Undo, error) {
	x, err := ngxOf(e)
	if err != nil {
		return Undo{}, err
	}
	wishes, err := x.wishes(ctx)
	if err != nil {
		return Undo{}, err
	}
	u := Undo{Kind: "nginx", Way: BackReversible}
	rec := nginxRecord{}
	same := true
	for i := range wishes {
		one, err := wishes[i].record(ctx, e, x.m, "nginx", fmt.Sprintf("file-%d", i))
		if err != nil {
			return u, err
		}
		f, err := unpack[fileRecord](one)
		if err != nil {
			return u, err
		}
		same = same && one.Nothing
		rec.Files = append(rec.Files, f)
		u.Lines, u.Blobs = append(u.Lines, one.Lines...), append(u.Blobs, one.Blobs...)
	}
	conf, err := x.conf(ctx)
	switch {
	case errors.Is(err, ErrRefused) && !same: // the files may be what mends it
	case err != nil:
		return u, err
	default:
		if err := x.runs(ctx, conf); err != nil {
			return u, err
		}
	}
	rec.Dump = digest([]byte(conf.text))
	for _, c := range conf.capped {
		rec.Capped = append(rec.Capped, c.name)
	}
	if u.Nothing = same && x.s.OnlyIfChanged; same {
		u.Way = BackNone
	} else {
		u.Lines = append(u.Lines, "nginx is tested and reloaded")
	}
	u.Data = data(rec)
	return u, nil
}

// runs refuses an nginx that is not there to be reloaded.
func (x ngx) runs(ctx context.Context, conf ngxConf) error {
	p, err := x.procs(ctx, conf)
	if err == nil && p.Master == 0 {
		return refused("%s: nginx does not run (no process in %s): start it first", x.m.name, path.Clean(conf.pidFile))
	}
	return err
}
