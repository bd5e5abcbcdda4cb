package worlds

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// request is one request on its way through a world; every hop writes its own line about it.
type request struct {
	at     time.Time
	id     string
	client string
	agent  string
	method string
	path   string
	host   string
	status int
	flags  string // Envoy's response flags, "" for none
	bytes  int
	took   time.Duration
	up     string // upstream host:port

	peer   string      // who connected to the server that looks at it
	header http.Header // nil for the world's own traffic
	sent   string      // body of a request over the wire
	live   bool        // came over the wire
}

func newRequest(now time.Time, r *rand.Rand, host, method, path string) request {
	return request{
		at: now, id: uuid(r), client: address(r), agent: browser(r), method: method, path: path, host: host, status: 200,
		bytes: 200 + r.IntN(9000), took: time.Duration(4+r.ExpFloat64()*38) * time.Millisecond,
	}
}

func browser(r *rand.Rand) string {
	return choose(r,
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
	)
}

// envoy is the line of Envoy's default access log.
func (q request) envoy() string {
	flags, service, up := q.flags, strconv.FormatInt(q.took.Milliseconds(), 10), q.up
	if flags == "" {
		flags = "-"
	} else {
		service = "-"
	}
	if up == "" {
		up = "-"
	}
	in := 0
	if q.method == "POST" {
		in = 100 + q.bytes/7
	}
	return fmt.Sprintf(`[%s] "%s %s HTTP/1.1" %d %s %d %d %d %s "%s" "%s" "%s" "%s" "%s"`, q.at.UTC().Format("2006-01-02T15:04:05.000Z"),
		q.method, q.path, q.status, flags, in, q.bytes, q.took.Milliseconds()+1, service, q.client, q.agent, q.id, q.host, up)
}

// nginx is a line of the combined log with the client's forwarded address, the time and the request
// ID at its end; peer is who connected.
func (q request) nginx(peer string) string {
	return fmt.Sprintf(`%s - - [%s] "%s %s HTTP/1.1" %d %d "-" "%s" "%s" rt=%.3f rid=%s`, peer, q.at.UTC().Format("02/Jan/2006:15:04:05 +0000"),
		q.method, q.path, q.status, q.bytes, q.agent, q.client, q.took.Seconds(), q.id)
}

// nginxErr is a line of the error log about the upstream.
func (q request) nginxErr(pid int, what, peer, server, upstream string) string {
	return fmt.Sprintf(`%s [error] %d#%d: *%d %s while %s, client: %s, server: %s, request: "%s %s HTTP/1.1", upstream: "%s%s", host: "%s"`,
		q.at.UTC().Format("2006/01/02 15:04:05"), pid, pid, 1000+q.bytes, what, phase(what), peer, server, q.method, q.path, upstream, q.path, q.host)
}

func phase(what string) string {
	if what[0] == 'c' || what[0] == 'n' {
		return "connecting to upstream"
	}
	return "reading response header from upstream"
}

// uvicorn is a line of uvicorn's access log.
func (q request) uvicorn(peer string) string {
	return fmt.Sprintf(`INFO:     %s:%d - "%s %s HTTP/1.1" %d %s`, peer, 32768+q.bytes%28000, q.method, q.path, q.status, statusText(q.status))
}

func statusText(code int) string {
	t := map[int]string{
		200: "OK", 201: "Created", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests",
		500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
	}
	if s := t[code]; s != "" {
		return s
	}
	return "OK"
}

// traceback is what Python prints about an exception that nobody caught.
func traceback(file, fn, code, err string) []string {
	return []string{
		"ERROR:    Exception in ASGI application",
		"Traceback (most recent call last):",
		`  File "/usr/local/lib/python3.11/site-packages/uvicorn/protocols/http/h11_impl.py", line 404, in run_asgi`,
		"    result = await app(  # type: ignore[func-returns-value]",
		`  File "/usr/local/lib/python3.11/site-packages/fastapi/routing.py", line 301, in app`,
		"    raw_response = await run_endpoint_function(",
		fmt.Sprintf(`  File "%s", line %d, in %s`, file, 40+len(fn)*7, fn),
		"    " + code,
		err,
	}
}
