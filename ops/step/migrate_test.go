package step

import (
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// schema is a migration of a file that holds the version.
func schema(b *bench) *deploy.Migrate {
	db := b.path("db")
	write(b.t, db, "41\n", 0o644)
	s := &deploy.Migrate{
		Command:    deploy.Command{Argv: argv("sh", "-c", `echo migrating; echo 44 >"$1"`, "sh", db)},
		Marker:     deploy.Command{Argv: argv("cat", db)},
		Reversible: "yes",
		Down:       argv("sh", "-c", `echo 41 >"$1"`, "sh", db),
	}
	b.Settings = s
	return s
}

func TestMigrateForwardAndBack(t *testing.T) {
	b := newBench(t, nil)
	schema(b)
	before := read(t, b.path("db"))
	if c := b.plan(migrate{}); !c.Unknown || !strings.HasPrefix(c.Lines[0], "schema 41 → ?") || c.Back != BackCompensating || len(c.Asks) != 0 {
		t.Errorf("%+v", c)
	}
	u := b.record(migrate{})
	if read(t, b.path("db")) != before || b.probe(migrate{}, u) != NotStarted {
		t.Error("planning or recording has an effect")
	}
	u, seen := b.run(migrate{})
	if !seen.OK || !seen.Changed || seen.Line != "schema 41 → 44" || b.outputs["before"] != "41" || b.outputs["after"] != "44" {
		t.Errorf("%+v %v", seen, b.outputs)
	}
	if b.probe(migrate{}, u) != Ended || b.drift(migrate{}, u) != nil {
		t.Error("after")
	}
	if err := (migrate{}).Act(t.Context(), b.Env, u); err != nil || len(b.jobs.started) != 1 {
		t.Errorf("it ran again: %v %q", err, b.jobs.started)
	}
	write(t, b.path("db"), "45\n", 0o644)
	if d := b.drift(migrate{}, u); len(d) != 1 || d[0] != "schema is 45, this run left 44" {
		t.Errorf("%q", d)
	}
	b.Undoing = true
	b.back(migrate{}, u)
	if got := read(t, b.path("db")); got != before {
		t.Errorf("%q", got)
	}
}

func TestMigrateWithoutAWayBack(t *testing.T) {
	b := newBench(t, nil)
	s := schema(b)
	s.Reversible, s.Backup = "", deploy.Text(b.path("dump"))
	_, err := migrate{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "dump is absent: make it first")
	write(t, b.path("dump"), "", 0o644)
	_, err = migrate{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "is empty")
	write(t, b.path("dump"), "all of it", 0o600)
	if c := b.plan(migrate{}); c.Back != BackIrreversible || len(c.Asks) != 1 {
		t.Errorf("%+v", c)
	}
	u := b.forward(migrate{})
	if !strings.Contains(string(u.Data), digest([]byte("all of it"))) {
		t.Errorf("the record does not name the backup: %s", u.Data)
	}
	wantRefused(t, migrate{}.Undo(t.Context(), b.Env, u), "no declared way back", "go forward", b.path("dump"))
	if seen, _ := (migrate{}).Undone(t.Context(), b.Env, u); seen.OK || seen.Line != "schema is 44, was 41" {
		t.Errorf("%+v", seen)
	}
	// Old code on a new schema: nothing is taken back.
	s.Reversible, b.Step = "expand-contract", "two"
	u = b.forward(migrate{})
	b.back(migrate{}, u)
	if got := read(t, b.path("db")); got != "44\n" {
		t.Errorf("%q", got)
	}
}

func TestMigrateThatFailsOrChangesNothing(t *testing.T) {
	b := newBench(t, nil)
	s := schema(b)
	s.Command.Argv = argv("sh", "-c", "echo relation exists >&2; exit 1")
	if _, seen := b.run(migrate{}); seen.OK || !strings.Contains(seen.Line, "exit 1: relation exists") {
		t.Errorf("%+v", seen)
	}
	s.Command.Argv, b.Step = argv("true"), "none"
	if _, seen := b.run(migrate{}); !seen.OK || seen.Changed || seen.Line != "schema is still 41" {
		t.Errorf("%+v", seen)
	}
	s.Marker.Argv = argv("false")
	if _, err := (migrate{}).Plan(t.Context(), b.Env); err == nil {
		t.Error("a marker that fails is planned over")
	}
	s.Marker.Argv, s.Command.Argv = nil, nil
	_, err := migrate{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "no command")
}

func TestMigrateOnBootAndByOthers(t *testing.T) {
	b := newBench(t, nil)
	s := schema(b)
	s.Variant, s.Until = "on_boot", &deploy.Probe{Argv: argv("test", "-e", b.path("up"))}
	looks := 0
	b.conn.meddle = func(a []string) {
		if a[0] == "test" {
			if looks++; looks == 2 {
				write(t, b.path("up"), "", 0o644)
				write(t, b.path("db"), "42\n", 0o644)
			}
		}
	}
	if _, seen := b.run(migrate{}); !seen.OK || seen.Line != "schema 41 → 42" || len(b.jobs.started) != 0 {
		t.Errorf("%+v", seen)
	}
	b.conn.meddle = nil
	s.Variant, s.Until = "external", nil
	b.answers = []Answer{{Yes: true, Who: "dba"}, {Who: "dba"}}
	if _, seen := b.run(migrate{}); !seen.OK || seen.Line != "schema is still 42" {
		t.Errorf("%+v", seen)
	}
	if _, seen := b.run(migrate{}); seen.OK || !strings.Contains(seen.Line, "migrated: no by dba") {
		t.Errorf("%+v", seen)
	}
	for variant, want := range map[string]Class{"": Reattach, "on_boot": Repeat, "external": AskHuman} {
		if got := (migrate{}).Class(&deploy.Migrate{Variant: variant}); got != want {
			t.Errorf("%q: %v", variant, got)
		}
	}
}

func TestMarkerWithSecretsStaysSecret(t *testing.T) {
	b := newBench(t, nil)
	b.secrets["db"] = "sentinel-db"
	s := schema(b)
	s.Marker.Argv = argv("sh", "-c", `[ "$PW" = sentinel-"db" ] && echo "rows" && echo 41`)
	s.Marker.Env = map[string]deploy.Sensitive{"PW": "${secret.db}"}
	u := b.record(migrate{})
	if !strings.Contains(string(u.Data), `"before":"41"`) {
		t.Errorf("%s", u.Data)
	}
	b.noSecret("sentinel-db", u)
}
