//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rig is the built binary with definitions beside its inventory, and the sources they deploy.
type rig struct {
	*Program
	t   *testing.T
	lab *Lab
}

// rig copies definitions and their trees from testdata/lab, with words put in.
func (l *Lab) rig(t *testing.T, hosts []string, words map[string]string, names ...string) *rig {
	t.Helper()
	inventory := strings.ReplaceAll(l.Inventory(hosts...), "sudo = ", "environment = \"lab\"\nsudo = ")
	p := l.Program(t, inventory+"[runs]\nyes = [\"lab\"]\n")
	r := &rig{p, t, l}
	for _, n := range names {
		r.copy(n, words)
	}
	for _, h := range hosts {
		after(t, l.execArgv(t, h, "rm", "-rf", "/var/lib/midwatch")...)
	}
	return r
}

// copy puts a file or tree of testdata/lab beside the inventory; a ".toml" is a definition.
func (r *rig) copy(name string, words map[string]string) {
	r.t.Helper()
	from := filepath.Join("../../../../testdata/lab", name)
	pairs := make([]string, 0, 2*len(words))
	for k, v := range words {
		pairs = append(pairs, "@"+k+"@", v)
	}
	fill := strings.NewReplacer(pairs...)
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(filepath.Dir(from), p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(r.Home, "deploys", rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, []byte(fill.Replace(string(b))), info.Mode().Perm()); err != nil {
			return err
		}
		return os.Chmod(to, info.Mode().Perm())
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// source writes a file beside the definitions.
func (r *rig) source(name, content string, mode os.FileMode) {
	r.t.Helper()
	p := filepath.Join(r.Home, "deploys", name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), mode); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		r.t.Fatal(err)
	}
}

// lastRun is the newest run of a deploy in the history.
func (r *rig) lastRun() (id, phase, note string) {
	r.t.Helper()
	out := r.MustRun(r.t, 0, "runs", "list", "--json")
	var doc struct {
		Runs []struct{ ID, State, Note string }
	}
	if err := json.Unmarshal([]byte(out.Stdout), &doc); err != nil || len(doc.Runs) == 0 {
		r.t.Fatalf("runs list --json: %v\n%s", err, out.Stdout)
	}
	return doc.Runs[0].ID, doc.Runs[0].State, doc.Runs[0].Note
}

// deploy runs a deploy that must succeed, and returns its id.
func (r *rig) deploy(name string, args ...string) string {
	r.t.Helper()
	out := r.Run(r.t, append([]string{"deploy", name, "--yes", "--reason", "lab"}, args...)...)
	if out.Exit != 0 {
		r.t.Fatalf("deploy %s: exit %d\n%s%s", name, out.Exit, out.Stdout, out.Stderr)
	}
	id, phase, _ := r.lastRun()
	r.t.Logf("%s: %s in %s", id, phase, out.Took.Round(time.Second))
	return id
}

// rollback takes a run back; it must succeed.
func (r *rig) rollback(id string, args ...string) {
	r.t.Helper()
	out := r.Run(r.t, append([]string{"rollback", id, "--yes", "--reason", "lab"}, args...)...)
	if out.Exit != 0 {
		r.t.Fatalf("rollback %s: exit %d\n%s%s", id, out.Exit, out.Stdout, out.Stderr)
	}
	r.t.Logf("rolled back in %s:\n%s", out.Took.Round(time.Second), out.Stdout)
}

// fails runs a deploy that must fail, and returns all that was said.
func (r *rig) fails(name string, args ...string) string {
	r.t.Helper()
	out := r.Run(r.t, append([]string{"deploy", name, "--yes", "--reason", "lab"}, args...)...)
	if out.Exit == 0 {
		r.t.Fatalf("deploy %s succeeds\n%s%s", name, out.Stdout, out.Stderr)
	}
	return out.Stdout + out.Stderr
}

// same compares two pictures of hosts line by line.
func same(t *testing.T, what, before, after string) {
	t.Helper()
	if before == after {
		return
	}
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	in := func(list []string, l string) bool {
		for _, x := range list {
			if x == l {
				return true
			}
		}
		return false
	}
	for _, l := range a {
		if !in(b, l) {
			t.Errorf("%s: - %s", what, l)
		}
	}
	for _, l := range b {
		if !in(a, l) {
			t.Errorf("%s: + %s", what, l)
		}
	}
}

const scriptTree = `cd "$1" 2>/dev/null || exit 0
find . -printf '%p %y %m %U:%G %l\n' | sort
find . -type f -exec sha256sum {} + | sort -k2`

// tree is a directory of a host: types, modes, owners, links and contents.
func (l *Lab) tree(t *testing.T, host, dir string) string {
	t.Helper()
	return l.Exec(t, host, "sh", "-c", scriptTree, "sh", dir)
}

const scriptProject = `for c in $(docker ps -aq --filter "label=com.docker.compose.project=$1"); do
docker inspect -f '{{.Name}} {{.Image}} {{if eq .State.Status "created"}}exited{{else}}{{.State.Status}}{{end}} {{range .Mounts}}{{.Source}}{{end}}' $c; done | sort
docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep "^$1/" | grep -v midwatch-undo | sort`

// hub is all that the cortex deploy may touch on its host. A job that had ended is compared by its image.
func (l *Lab) hub(t *testing.T) string {
	t.Helper()
	return l.tree(t, "h1", "/srv/cortex") + "\n" + l.Exec(t, "h1", "sh", "-c", scriptProject, "sh", "cortex")
}

// TestDeployCortex takes the cortex deploy forward twice and back once: files, modes, image ids, what runs and
// what the names of images mean are as before.
func TestDeployCortex(t *testing.T) {
	l := Open(t)
	l.NeedCompose(t, "h1")
	words := func(version string) map[string]string {
		return map[string]string{"VERSION": version, "EDGE": l.Host(t, "h1").Address}
	}
	r := l.rig(t, []string{"h1"}, words("1"), "cortex.toml", "cortex")
	after(t, l.execArgv(t, "h1", "sh", "-c", `docker ps -aq --filter label=com.docker.compose.project=cortex | xargs -r docker rm -f >/dev/null
docker network rm cortex_default >/dev/null 2>&1; docker images --format '{{.Repository}}:{{.Tag}}' | grep -E '^cortex/|midwatch-undo' | xargs -r docker rmi -f >/dev/null; rm -rf /srv/cortex`)...)
	l.put(t, "h1", "/etc/nginx/conf.d/edge.conf", "server { listen 8003; location / { proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; proxy_pass http://127.0.0.1:8002; } }\n")
	after(t, l.execArgv(t, "h1", "sh", "-c", "rm -f /etc/nginx/conf.d/edge.conf; nginx -s reload")...)
	l.Exec(t, "h1", "nginx", "-s", "reload")
	// What is the host's own: settings, data and a file whose mode somebody chose.
	l.Exec(t, "h1", "sh", "-c", `mkdir -p /srv/cortex/data /srv/cortex/scripts && echo API_TOKEN=sentinel-env >/srv/cortex/.env && chmod 600 /srv/cortex/.env
echo rows >/srv/cortex/data/db && chown 7:8 /srv/cortex/data/db && echo old >/srv/cortex/VERSION && chmod 640 /srv/cortex/VERSION && chown 7:8 /srv/cortex/VERSION`)
	r.source("cortex/node_modules/junk.js", "junk", 0o644)
	r.source("cortex/.env.local", "API_TOKEN=wrong", 0o644)
	r.source("cortex/data/db", "no rows", 0o644)

	r.deploy("cortex")
	first := l.hub(t)
	for _, want := range []string{"./VERSION f 640 7:8", "./data/db f 644 7:8", "./scripts/hub.sh f 755", "cortex-hub-1", "cortex-schema-1", "cortex/front:latest"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first deploy left no %q in\n%s", want, first)
		}
	}
	for _, bad := range []string{"node_modules", ".env.local", "no rows"} {
		if strings.Contains(first, bad) {
			t.Errorf("%s was sent", bad)
		}
	}
	if got := l.answeredBy(t, "h1", "http://127.0.0.1:8003/"); got != "front-1" {
		t.Errorf("the edge is answered by %q", got)
	}

	r.copy("cortex", words("2"))
	r.source("cortex/hub/extra/new.txt", "new in 2", 0o600)
	if err := os.Remove(filepath.Join(r.Home, "deploys/cortex/front/VERSION")); err != nil {
		t.Fatal(err)
	}
	r.source("cortex/front/Dockerfile", "FROM lab/svc:1\nCOPY Dockerfile /Dockerfile\n", 0o644)
	plan := r.MustRun(t, 0, "deploy", "cortex", "--plan").Stdout
	for _, want := range []string{"? build cortex/hub:latest", "? recreate hub", "1 new, 1 deleted"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan does not hold %q:\n%s", want, plan)
		}
	}
	second := r.deploy("cortex")
	if got := l.answeredBy(t, "h1", "http://127.0.0.1:8003/"); got != "front-2" {
		t.Errorf("the edge is answered by %q", got)
	}
	if l.hub(t) == first {
		t.Fatal("the second deploy changed nothing")
	}
	r.rollback(second)
	same(t, "h1", first, l.hub(t))
	if got := l.answeredBy(t, "h1", "http://127.0.0.1:8003/"); got != "front-1" {
		t.Errorf("after the rollback the edge is answered by %q", got)
	}
	l.noSentinel(t, r, "h1", "sentinel-env")
}

// answeredBy is who signed the answer to a request made on a host.
func (l *Lab) answeredBy(t *testing.T, host, url string) string {
	t.Helper()
	out := l.Exec(t, host, "curl", "-s", "-m", "10", "-D", "-", "-o", "/dev/null", url)
	for line := range strings.Lines(out) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, "X-Answered-By") {
			return strings.TrimSpace(v)
		}
	}
	return out
}

// noSentinel looks for a secret in everything midwatch keeps, here and on the host.
func (l *Lab) noSentinel(t *testing.T, r *rig, host, secret string) {
	t.Helper()
	if out, _ := try(t.Context(), l.execArgv(t, host, "grep", "-rl", secret, "/var/lib/midwatch")...); out != "" {
		t.Errorf("%s is in %s", secret, out)
	}
	if out, _ := try(t.Context(), "grep", "-rl", secret, r.Home); out != "" {
		t.Errorf("%s is in %s", secret, out)
	}
}

const scriptFleet = `echo "current -> $(readlink -f /srv/cxb/core/current | sed 's,/releases/.*,/releases,')"
cd /srv/cxb/core/current/. 2>/dev/null && { find . -printf '%p %y %m %U:%G %l\n' | sort; find . -type f -exec sha256sum {} + | sort -k2; }
for u in $(systemctl list-units --all --plain --no-legend 'cxb-core@*' | cut -d' ' -f1 | sort); do
  p=$(systemctl show --value -p MainPID $u)
  echo "$u $(systemctl is-active $u) $(systemctl is-enabled $u 2>/dev/null) runs $(cat /proc/$p/cwd/VERSION 2>/dev/null)"
done
nginx -T 2>/dev/null | sha256sum
curl -s -m 5 http://127.0.0.1:8010/health | grep -o '"release":"[^"]*"'
curl -s -m 5 http://127.0.0.1:8010/health/fleet | grep -o '"capacity":[0-9]*'
true`

// fleetPicture is all that the cxb deploy may touch on a host: the release that is current, with its files, units
// and the release each runs, the configuration of nginx, and what the fleet answers.
func (l *Lab) fleetPicture(t *testing.T, host string) string {
	t.Helper()
	return l.Exec(t, host, "sh", "-c", scriptFleet)
}

func (l *Lab) workers(t *testing.T, host string) string {
	t.Helper()
	out, _ := try(t.Context(), l.execArgv(t, host, "sh", "-c", `pgrep -P $(cat /run/nginx.pid) | sort | tr '\n' ' '`)...)
	return out
}

// prepareFleet puts the unit files on the hosts; everything of the fleet is gone when the test ends.
func (l *Lab) prepareFleet(t *testing.T, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		after(t, l.execArgv(t, h, "sh", "-c", `systemctl kill -s KILL 'cxb-core@*'; systemctl stop 'cxb-core@*'; systemctl reset-failed 'cxb-core@*'
rm -rf /srv/cxb /etc/nginx/conf.d/fleet.conf /run/cxb; nginx -s reload; systemctl daemon-reload`)...)
		l.put(t, h, "/etc/systemd/system/cxb-core@.service", fixture(t, "cxb/cxb-core@.service"))
		l.put(t, h, "/run/cxb.env", "DRAIN=2s\n")
		l.Exec(t, h, "sh", "-c", "mkdir -p /srv/cxb/core; systemctl daemon-reload")
	}
}

func (r *rig) fleetSource(version, front string) {
	r.t.Helper()
	words := map[string]string{"VERSION": version, "FRONT": front}
	r.copy("cxb.toml", words)
	if err := os.RemoveAll(filepath.Join(r.Home, "deploys/core")); err != nil {
		r.t.Fatal(err)
	}
	r.copy("cxb/core", words)
}

// TestDeployTroubles deploys what cannot work to the fleet: each ends at the canary with one line that says
// what, where and what now, the way back is taken by itself, and both hosts are as before. A disk that is full
// and a login without rights are told before anything is changed.
func TestDeployTroubles(t *testing.T) {
	l := Open(t)
	r := l.rig(t, []string{"h1", "h2"}, nil, "full.toml")
	l.prepareFleet(t, "h1", "h2")
	r.fleetSource("one", "a")
	r.deploy("cxb")
	before := map[string]string{"h1": l.fleetPicture(t, "h1"), "h2": l.fleetPicture(t, "h2")}
	r.fleetSource("two", "b")
	for name, c := range map[string]struct {
		file, content string
		words         []string
	}{
		"a release that crashes": {"core/BROKEN", "", []string{"h1: cxb-core@1.service: ", "restart storm", "this release is broken"}},
		"a front that cannot bind": {
			"core/fleet-h1.conf", frontOn(22),
			[]string{"passes nginx -t", "bind() to 0.0.0.0:22 failed (98: Address already in use)", "files are back as they were"},
		},
		"a front that is wrong": {"core/fleet-h1.conf", frontOn(8010) + "nonsense on;\n", []string{`unknown directive "nonsense" in /etc/nginx/conf.d/fleet.conf:`, "files are back as they were"}},
	} {
		t.Run(name, func(t *testing.T) {
			r.fleetSource("two", "b")
			r.source(c.file, c.content, 0o644)
			said := r.fails("cxb")
			id, phase, note := r.lastRun()
			t.Logf("%s: %s: %s", id, phase, note)
			said += r.MustRun(t, 0, "runs", "show", id).Stdout
			for _, w := range c.words {
				if !strings.Contains(said, w) && !strings.Contains(note, w) {
					t.Errorf("%q was not said:\n%s", w, said)
				}
			}
			for h := range before {
				same(t, h, before[h], l.fleetPicture(t, h))
			}
		})
	}
	t.Run("a full disk", func(t *testing.T) {
		after(t, l.execArgv(t, "h1", "sh", "-c", "umount /srv/full; rmdir /srv/full")...)
		l.Exec(t, "h1", "sh", "-c", "mkdir -p /srv/full && mount -t tmpfs -o size=256k tmpfs /srv/full && mkdir /srv/full/app && echo old >/srv/full/app/file")
		r.source("big/file", strings.Repeat("0123456789abcdef", 40_000), 0o644)
		was := l.tree(t, "h1", "/srv/full")
		said := r.fails("full")
		if !strings.Contains(said, "disk full") || !strings.Contains(said, "h1") {
			t.Errorf("said:\n%s", said)
		}
		if id, _, _ := r.lastRun(); strings.Contains(r.Run(t, "rollback", id, "--plan").Stdout, "TAKEN BACK") {
			r.rollback(id)
		}
		same(t, "h1", was, l.tree(t, "h1", "/srv/full"))
	})
}

// frontOn is a front that passes nginx -t, on some port.
func frontOn(port int) string {
	return fmt.Sprintf("map $http_upgrade $fleet_connection { default upgrade; \"\" close; }\n"+
		"upstream fleet { zone fleet 64k; server unix:/run/cxb/1.sock max_conns=1; }\nserver { listen %d; location / { proxy_pass http://fleet; } }\n", port)
}

// TestDeployCxb takes the fleet to a release, to another with another front, and back: files, units, nginx and
// answers of both hosts are as before. A release whose front is the same reloads no nginx.
func TestDeployCxb(t *testing.T) {
	l := Open(t)
	r := l.rig(t, []string{"h1", "h2"}, nil)
	l.prepareFleet(t, "h1", "h2")
	r.fleetSource("one", "a")
	r.deploy("cxb")
	first := map[string]string{}
	for h, n := range map[string]int{"h1": 3, "h2": 2} {
		first[h] = l.fleetPicture(t, h)
		for _, want := range []string{`"release":"one"`, fmt.Sprintf(`"capacity":%d`, n), fmt.Sprintf("cxb-core@%d.service active disabled runs one", n), "./bin/fleet f 755"} {
			if !strings.Contains(first[h], want) {
				t.Errorf("%s: no %q in\n%s", h, want, first[h])
			}
		}
	}

	r.fleetSource("two", "b")
	second := r.deploy("cxb")
	for h := range first {
		if p := l.fleetPicture(t, h); !strings.Contains(p, `"release":"two"`) || strings.Contains(p, "runs one") {
			t.Errorf("%s after the second deploy:\n%s", h, p)
		}
	}
	r.rollback(second)
	for h := range first {
		same(t, h, first[h], l.fleetPicture(t, h))
	}

	was := l.workers(t, "h1")
	r.fleetSource("three", "a")
	r.deploy("cxb")
	if now := l.workers(t, "h1"); now != was {
		t.Errorf("nginx was reloaded for a front that is the same: workers %s, were %s", now, was)
	}
}
