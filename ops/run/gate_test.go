package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/audit"
	"midwatch/ops/deploy"
	"midwatch/ops/journal"
	"midwatch/ops/step"
)

// tree is a digest of everything below a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		h.Write([]byte(p))
		h.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestReadOnly calls every public operation of ops without a write lease: none changes anything on a host. A new
// method has to be put on one of the lists.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"), deploy.Step{ID: "go", Kind: "approve", Settings: &deploy.Approve{}})
	anna := w.person(t, "anna", nil)
	first := anna.begin(t, Options{Yes: true})
	anna.wait(t, first)
	os.Remove(w.path("h1", "conf"))
	run := anna.begin(t, Options{})
	st := anna.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	for mine, theirs := "", "-"; mine != theirs; {
		mine = w.read(t, "operators/anna/runs", run+"/journal.jsonl")
		theirs = w.read(t, "h1", "midwatch/runs/"+run+"/journal.jsonl")
	}
	bob := w.person(t, "bob", nil)
	forth, err := bob.Plan(t.Context(), "web", Options{})
	if err != nil {
		t.Fatal(err)
	}
	forth.Faults = nil
	back, err := bob.PlanRollback(t.Context(), first, Options{})
	if err != nil {
		t.Fatal(err)
	}
	back.Faults = nil
	anna.gate.Lock()
	bob.gate.Lock()
	ctx := t.Context()
	changes := map[string][]func(o *operator) error{
		"Start": {
			func(o *operator) error {
				_, err := o.Start(ctx, forth, Options{Takeover: true, Consent: true})
				return err
			},
			func(o *operator) error {
				_, err := o.Start(ctx, back, Options{Takeover: true, Consent: true})
				return err
			},
		},
		"Resume":      {func(o *operator) error { return o.Resume(ctx, first, Options{Takeover: true}) }},
		"Answer":      {func(o *operator) error { return o.Answer(ctx, run, st.Questions[0].ID, step.Answer{Yes: true}) }},
		"TakeLock":    {func(o *operator) error { return o.TakeLock(ctx, "web", "why", true, nil) }},
		"ReleaseLock": {func(o *operator) error { return o.ReleaseLock(ctx, "web") }},
	}
	for _, verb := range []string{verbPause, verbGo, verbCancel, verbRetry, verbSkip} {
		changes["Order"] = append(changes["Order"], func(o *operator) error {
			return o.Order(ctx, run, Order{Verb: verb, Step: "conf", Reason: "why"})
		})
	}
	reads := map[string]func() error{
		"Definitions": func() error { _, err := bob.Definitions(ctx); return err },
		"Overview":    func() error { _, err := bob.Overview(ctx); return err },
		"Plan":        func() error { _, err := bob.Plan(ctx, "web", Options{}); return err },
		"PlanDefinition": func() error {
			_, err := bob.PlanDefinition(ctx, w.defs[0], Options{})
			return err
		},
		"PlanRollback": func() error { _, err := bob.PlanRollback(ctx, first, Options{}); return err },
		"Candidates":   func() error { _, err := bob.Candidates(ctx, "web"); return err },
		"List":         func() error { _, err := bob.List(ctx, []string{"h1"}); return err },
		"Show":         func() error { _, err := bob.Show(ctx, run); return err },
		"Next":         func() error { _, _, err := bob.Next(ctx, run, 0); return err },
		"Output":       func() error { _, _, err := bob.Output(ctx, run, "conf", "h1", 0); return err },
		"Locks":        func() error { _, err := bob.Locks(ctx); return err },
		"Close":        nil, // leaves everything as it is
	}
	before := tree(t, w.hostDir("h1"))
	same := func(what string) {
		t.Helper()
		if tree(t, w.hostDir("h1")) != before {
			t.Fatalf("%s changed something on the host", what)
		}
	}
	for i := range reflect.TypeFor[*Runs]().NumMethod() {
		name := reflect.TypeFor[*Runs]().Method(i).Name
		read, ok := reads[name]
		if len(changes[name]) == 0 && !ok {
			t.Errorf("Runs.%s: say whether it changes anything", name)
		}
		if read != nil {
			if err := read(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			same(name)
		}
		for n, change := range changes[name] {
			for who, o := range map[string]*operator{"who drives": anna, "a colleague": bob} {
				if err := change(o); !errors.Is(err, hosts.ErrReadOnly) {
					t.Errorf("%s %d by %s: %v, want read-only", name, n, who, err)
				}
				same(name)
			}
		}
	}
	// Of the gate itself: what lets operations through, and what does not.
	gate := []string{"Begin", "Busy", "Close", "Container", "Lease", "Lock", "Unlock"}
	for i := range reflect.TypeFor[*ops.Manager]().NumMethod() {
		if name := reflect.TypeFor[*ops.Manager]().Method(i).Name; !slices.Contains(gate, name) {
			t.Errorf("Manager.%s: say whether it changes anything", name)
		}
	}
	if _, err := bob.gate.Begin(ops.Operation{Verb: "x", Hosts: []string{"h1"}}); !errors.Is(err, hosts.ErrReadOnly) {
		t.Errorf("Begin: %v", err)
	}
	// Nothing but a permit of the gate can say that something begins.
	permit := []string{"Act", "Context", "End", "ID", "Reason", "Then"}
	for i := range reflect.TypeFor[*ops.Permit]().NumMethod() {
		if name := reflect.TypeFor[*ops.Permit]().Method(i).Name; !slices.Contains(permit, name) {
			t.Errorf("Permit.%s: say what it is", name)
		}
	}
}

// TestAudit: every action of a run is in the operator's log before it happens and after, with its run and plan; the
// same lines lie on the host.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
	o := w.person(t, "anna", nil)
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil {
		t.Fatal(err)
	}
	run, err := o.Start(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.wait(t, run)
	b, err := os.ReadFile(o.audit)
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := audit.Verify(bytes.NewReader(b)); err != nil || rep.Err() != nil || len(rep.Open) > 0 {
		t.Errorf("%+v %v", rep, err)
	}
	recs, _ := audit.Records(bytes.NewReader(b))
	var got []string
	for _, r := range recs[1:] {
		if r.Run != run || r.Plan != p.Fingerprint || r.Reason != "page 3141" || r.Who != "anna" || r.From != "anna-laptop" {
			t.Errorf("%+v", r)
		}
		got = append(got, r.Phase+" "+r.Verb+" "+r.Host+" "+r.Object)
	}
	want := "begin deploy h1 web in production|begin file h1 conf|end file h1 conf|end deploy h1 web in production"
	if strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
	if recs[2].Before == "" || recs[3].After == "" {
		t.Errorf("digests %+v %+v", recs[2], recs[3])
	}
	files, _ := filepath.Glob(w.path("h1", "midwatch/audit/*"))
	if len(files) != 1 {
		t.Fatalf("on the host: %v", files)
	}
	far, _ := os.ReadFile(files[0])
	if lines := bytes.SplitAfter(b, []byte("\n")); !bytes.HasPrefix(far, bytes.Join(lines[1:4], nil)) {
		t.Errorf("on the host:\n%s\nhere:\n%s", far, b)
	}
}

// TestClocksApart: operators whose clocks are ten minutes off see the same: what is live is live, what is stale is
// stale, by the clock of the host.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		w := newWorld(t, "h1")
		w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"), deploy.Step{ID: "go", Kind: "approve", Settings: &deploy.Approve{}})
		w.now = func() time.Time { return time.Now().Add(off) }
		anna := w.person(t, "anna", nil)
		w.now = nil
		bob := w.person(t, "bob", nil)
		run := anna.begin(t, Options{})
		st := anna.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
		locks, err := bob.Locks(t.Context())
		if err != nil || len(locks) != 1 || locks[0].State != "live" || locks[0].Beat > time.Minute || locks[0].Since > time.Minute {
			t.Errorf("%v: %+v %v", off, locks, err)
		}
		if _, err := bob.Start(t.Context(), must(bob.Plan(t.Context(), "web", Options{})), Options{Takeover: true}); err == nil {
			t.Errorf("%v: taken from a live holder", off)
		}
		if got := anna.driver(run).began("conf", "h1"); time.Since(got).Abs() > 5*time.Minute {
			t.Errorf("%v: by the host's clock the step began %v ago", off, time.Since(got))
		}
		if err := anna.Answer(t.Context(), run, st.Questions[0].ID, step.Answer{Yes: true}); err != nil {
			t.Fatal(err)
		}
		anna.wait(t, run)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestTornJournal: what a crash left of a record is cut off and said.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, deploy.Step{ID: "go", Kind: "approve", Settings: &deploy.Approve{}}, fileStep("conf", "all", "conf", "new"))
	o := w.person(t, "anna", nil)
	run := o.begin(t, Options{})
	o.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	o.Close(t.Context())
	name := filepath.Join(w.root, "operators/anna/runs", run, "journal.jsonl")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"v":1,"seq":99,"t":"20`)
	f.Close()
	again := New(o.p)
	if st, err := again.Show(t.Context(), run); err != nil || st.Phase != Interrupted {
		t.Errorf("%s %v", describe(st), err)
	}
	if err := again.Resume(t.Context(), run, Options{}); err != nil {
		t.Fatal(err)
	}
	o.Runs = again
	st := o.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	if len(st.Warnings) == 0 || !strings.Contains(st.Warnings[0], "cut off") {
		t.Errorf("warnings %q", st.Warnings)
	}
	if err := o.Answer(t.Context(), run, st.Questions[0].ID, step.Answer{Yes: true}); err != nil {
		t.Fatal(err)
	}
	if st := o.wait(t, run); st.Phase != Success {
		t.Error(describe(st))
	}
	if g, err := journal.Load(name); err != nil || g.Fault != nil {
		t.Errorf("%v %v", g.Fault, err)
	}
}
