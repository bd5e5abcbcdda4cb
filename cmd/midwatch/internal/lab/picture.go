//go:build lab

package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/checks/trace"
	"midwatch/cmd/midwatch/internal/picture"
)

// World is the proxies, services and containers that a test put on h1 and h2; see testdata/lab/picture.
type World struct {
	l     *Lab
	names *strings.Replacer   // @A1@, @A2@, @H2@, @GW@ and the secrets
	known map[string]string   // the secrets that were planted, by the place
	files map[string][]string // lines of a configuration, by "host/container file"
	edges string              // what the inventory has to tell
}

const pictures = "../../../../testdata/lab/picture"

// labels of what is put on the hosts, so that all of it can be found and removed again.
const labelled = "midwatch.picture"

// Picture puts the world on the hosts; it is gone when the test ends.
func (l *Lab) Picture(t *testing.T) *World {
	t.Helper()
	l.NeedEngine(t, "h1", "h2")
	for _, h := range []string{"h1", "h2"} {
		l.Exec(t, h, "sh", "-ec", clearUp)
		after(t, l.execArgv(t, h, "sh", "-ec", clearUp)...)
	}
	a1, h2 := l.Host(t, "h1").Address, l.Host(t, "h2").Address
	parts := strings.Split(a1, ".")
	parts[3] = "211"
	a2 := strings.Join(parts, ".")
	after(t, l.execArgv(t, "h1", "sh", "-c", "ip addr del "+a2+"/24 dev eth0 || true")...)
	l.Exec(t, "h1", "sh", "-c", "ip addr add "+a2+"/24 dev eth0 2>/dev/null || true")
	for _, h := range []string{"h1", "h2"} {
		l.Exec(t, h, "docker", "network", "create", "--label", labelled, "labpic")
	}
	gw := strings.TrimSpace(l.Exec(t, "h1", "docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "labpic"))
	w := &World{
		l: l, files: map[string][]string{}, known: planted(),
		edges: "\n[edges.app]\npublic = \"app.test\"\nport = 80\nhost = \"h1\"\nto = 8100\n\n[edges.up]\npublic = \"up.test\"\nport = 80\nhost = \"h1\"\nto = 8100\n",
	}
	names := []string{"@A1@", a1, "@A2@", a2, "@H2@", h2, "@GW@", gw}
	for place, secret := range w.known {
		names = append(names, "@"+place+"@", secret)
	}
	w.names = strings.NewReplacer(names...)
	w.units(t, "h1", "1", "2")
	for file, text := range secretFiles {
		w.write(t, "h1", file, w.names.Replace(text))
	}
	w.units(t, "h2", "1")
	for _, n := range []string{"edge", "side", "one", "two", "hostnet"} {
		w.config(t, "h1", n)
	}
	w.config(t, "h2", "back")
	l.Exec(t, "h1", "sh", "-ec", w.names.Replace(h1Containers))
	l.Exec(t, "h2", "sh", "-ec", w.names.Replace(h2Containers))
	for _, h := range []string{"h1", "h2"} {
		w.config(t, h, "")
		l.Exec(t, h, "sh", "-ec", "nginx -t 2>&1; systemctl reset-failed nginx; systemctl restart nginx; cat >/dev/null")
	}
	for _, c := range []string{"edge", "side", "one", "two", "hostnet"} {
		w.runs(t, "h1", c)
	}
	w.runs(t, "h2", "back")
	return w
}

// clearUp removes everything that Picture may have left on a host.
const clearUp = `
ids=$(docker ps -aq --filter label=midwatch.picture); [ -z "$ids" ] || docker rm -f -v $ids >/dev/null
docker volume rm -f labpic-sock >/dev/null
ids=$(docker network ls -q --filter label=midwatch.picture); [ -z "$ids" ] || docker network rm $ids >/dev/null
systemctl stop 'labpic@*' labpic-tcp 2>/dev/null || true
rm -rf /etc/systemd/system/labpic@.service /etc/systemd/system/labpic-tcp.service /etc/labpic /run/labpic /etc/nginx/conf.d/labpic.conf
systemctl daemon-reload
systemctl restart nginx`

const h1Containers = `
svc="--label midwatch.picture -d --network labpic --restart unless-stopped"
docker run $svc --name api1 -e PLAIN=@CONTAINERENV@ -e DATABASE_URL=postgres://app:@ENVURL@@db/app --label app.password=@LABEL@ \
  --label "app.upstream=https://bob:@LABELURL@@other.test/" --label com.docker.compose.project=labpic \
  --label com.docker.compose.service=api1 --label com.docker.compose.project.config_files=/etc/labpic/compose.yml \
  --label com.docker.compose.project.working_dir=/etc/labpic lab/svc:1 serve -id h1/api1 >/dev/null
docker run $svc --name api2 lab/svc:1 serve -id h1/api2 >/dev/null
docker run $svc --name pub -p 127.0.0.1:9102:8080 lab/svc:1 serve -id h1/pub >/dev/null
docker run $svc --name socky -v labpic-sock:/sock lab/svc:1 serve -id h1/socky -listen unix:/sock/app.sock >/dev/null
docker run --label midwatch.picture -d --network labpic --name gone lab/svc:1 crash -after 0s -code 4 >/dev/null
docker run $svc --name edge -p 8110:80 -p 8111:8080 -p 8112:8082 --add-host host.docker.internal:host-gateway \
  -v labpic-sock:/sock -v /run/labpic:/hostsock -v /etc/labpic/edge.conf:/etc/nginx/nginx.conf:ro lab/nginx:1 >/dev/null
docker run --label midwatch.picture -d --network container:edge --name side -v /etc/labpic/side.conf:/etc/nginx/nginx.conf:ro lab/nginx:1 >/dev/null
docker run $svc --name one -p @A1@:8120:80 -v /etc/labpic/one.conf:/etc/nginx/nginx.conf:ro lab/nginx:1 >/dev/null
docker run $svc --name two -p @A2@:8120:80 -v /etc/labpic/two.conf:/etc/nginx/nginx.conf:ro lab/nginx:1 >/dev/null
docker run --label midwatch.picture -d --network host --name hostnet -v /etc/labpic/hostnet.conf:/etc/nginx/nginx.conf:ro lab/nginx:1 >/dev/null`

const h2Containers = `
svc="--label midwatch.picture -d --network labpic --restart unless-stopped"
docker run $svc --name app lab/svc:1 serve -id h2/app >/dev/null
docker run $svc --name back -p 8140:80 -v /etc/labpic/back.conf:/etc/nginx/nginx.conf:ro lab/nginx:1 >/dev/null`

// units starts services of the host itself: one on a port, and instances of a template on unix sockets.
func (w *World) units(t *testing.T, host string, instances ...string) {
	t.Helper()
	w.write(t, host, "/etc/systemd/system/labpic@.service", `[Unit]
Description=Lab: service %i on a unix socket
[Service]
ExecStartPre=/bin/mkdir -p /run/labpic
ExecStart=/usr/local/bin/svc serve -id `+host+`/labpic@%i.service -listen unix:/run/labpic/app%i.sock
`)
	w.write(t, host, "/etc/systemd/system/labpic-tcp.service", w.names.Replace(`[Unit]
Description=Lab: service on a port of the loopback
[Service]
Environment=PLAIN=@UNITENV@ "QUOTED=with a blank @UNITENV@"
EnvironmentFile=-/etc/labpic/unit.env
ExecStart=/usr/bin/env API_TOKEN=@UNITEXEC@ /usr/local/bin/svc serve -id `+host+`/labpic-tcp.service -listen 127.0.0.1:9101
`))
	argv := []string{"systemctl", "start", "labpic-tcp"}
	for _, i := range instances {
		argv = append(argv, "labpic@"+i)
	}
	l := w.l
	l.Exec(t, host, "systemctl", "daemon-reload")
	l.Exec(t, host, argv...)
	for _, i := range instances {
		Poll(t, 20*time.Second, "the socket of labpic@"+i, func() (bool, string) {
			out, err := try(t.Context(), l.execArgv(t, host, "test", "-S", "/run/labpic/app"+i+".sock")...)
			return err == nil, out
		})
	}
}

// config signs a configuration, puts it on the host and remembers its lines. container is "" for the
// host's own nginx.
func (w *World) config(t *testing.T, host, container string) {
	t.Helper()
	name, to, seen := "host.conf", "/etc/nginx/conf.d/labpic.conf", "/etc/nginx/conf.d/labpic.conf"
	if container != "" {
		name, to, seen = container+".conf", "/etc/labpic/"+container+".conf", "/etc/nginx/nginx.conf"
	}
	data, err := os.ReadFile(filepath.Join(pictures, host, name))
	if err != nil {
		t.Fatal(err)
	}
	text := picture.Sign(w.names.Replace(string(data)), host, container)
	w.files[host+"/"+container+" "+seen] = strings.Split(text, "\n")
	w.write(t, host, to, text)
}

func (w *World) write(t *testing.T, host, file, text string) {
	t.Helper()
	w.l.Write(t, host, file, text)
}

// runs waits until a container of nginx says what it has read.
func (w *World) runs(t *testing.T, host, container string) {
	t.Helper()
	Poll(t, 30*time.Second, container+" runs on "+host, func() (bool, string) {
		out, err := try(t.Context(), w.l.execArgv(t, host, "sh", "-c", "docker exec "+container+" nginx -t 2>&1; docker logs "+container+" 2>&1 | tail -3")...)
		return err == nil && strings.Contains(out, "test is successful"), out
	})
}

// Line is picture.Lines from the files as they are on the hosts.
func (w *World) Line(host, container, file string, line int) string {
	lines := w.files[host+"/"+container+" "+file]
	if line < 1 || line > len(lines) {
		return ""
	}
	return lines[line-1]
}

// Pairs is the table with the addresses of this lab.
func (w *World) Pairs(t *testing.T) []picture.Pair {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(pictures, "pairs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := picture.Parse(w.names.Replace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return pairs
}

// Real sends a pair byte for byte and says what the real nginx answered.
func (w *World) Real(t *testing.T, p picture.Pair) picture.Answer {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	address := u.Host
	if strings.HasSuffix(u.Host, ".test") { // a name in front of the fleet
		address = w.l.Host(t, "h1").Address + ":8100"
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, target, _ := strings.Cut(strings.TrimPrefix(p.URL, "http://"), "/")
	var b strings.Builder
	fmt.Fprintf(&b, "%s /%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n", p.Method, target, p.Host())
	for _, h := range p.Headers {
		if !strings.EqualFold(h.Name, "Host") {
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	if _, err := conn.Write([]byte(b.String() + "\r\n")); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	defer resp.Body.Close()
	a := picture.Answer{
		Status: resp.StatusCode, Way: slices.Clone(resp.Header.Values("X-Way")), By: resp.Header.Get("X-Answered-By"),
		Saw: resp.Header.Get("X-Saw"), Location: resp.Header.Get("Location"),
	}
	slices.Reverse(a.Way) // what is nearest to the client signs last
	return a
}

// Promises asks "midwatch trace" for every pair, a few at a time.
func (w *World) Promises(t *testing.T, p *Program, pairs []picture.Pair, flags ...string) []*trace.Trace {
	t.Helper()
	out, errs := make([]*trace.Trace, len(pairs)), make([]error, len(pairs))
	turn := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for i, pair := range pairs {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			cmd := p.command(t.Context(), append(slices.Clone(flags), append(pair.Args(), "--timeout", "60s")...)...)
			text, err := cmd.Output()
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				errs[i] = err
				return
			}
			out[i] = new(trace.Trace)
			if err := json.Unmarshal(text, out[i]); err != nil {
				errs[i] = fmt.Errorf("trace %s: %w\n%s", pair, err, text)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return out
}
