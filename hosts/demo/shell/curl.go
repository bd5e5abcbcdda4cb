package shell

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// curlProgram is curl with -s -S -f -i -I -k -L -X -H -d -m -o -w -v --unix-socket --resolve --connect-to.
func curlProgram(p *proc) int {
	opts, urls, bad := flags(p.args[1:], "XHdmowuAbceT", "--request", "--header", "--data", "--max-time", "--output", "--write-out", "--unix-socket",
		"--resolve", "--connect-to", "--connect-timeout", "--user-agent", "--cacert", "--data-raw", "--retry", "--user", "--json")
	if bad != "" || len(urls) == 0 {
		return p.die(2, "curl: try 'curl --help' for more information")
	}
	ctx := p.ctx
	if m := opts["-m"] + opts["--max-time"]; m != "" {
		if d, ok := duration(m); ok {
			c, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			ctx = c
		}
	}
	q := &curl{p: p, opts: opts, method: "GET"}
	body := last(opts["-d"] + opts["--data"] + opts["--data-raw"])
	switch {
	case opts["-X"]+opts["--request"] != "":
		q.method = opts["-X"] + opts["--request"]
	case opts["-I"] != "" || has(opts, "--head"):
		q.method = "HEAD"
	case body != "":
		q.method = "POST"
	}
	code := 0
	for _, u := range urls {
		if c := q.fetch(ctx, u, body); c != 0 {
			code = c
		}
	}
	return code
}

type curl struct {
	p      *proc
	opts   map[string]string
	method string
}

func (c *curl) fetch(ctx context.Context, url, body string) int {
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	silent := c.opts["-s"] != "" && c.opts["-S"] == ""
	fail := func(code int, text string) int {
		if !silent {
			c.p.die(code, "curl: (%d) %s", code, text)
		}
		c.writeOut(nil, 0)
		return code
	}
	req, err := http.NewRequestWithContext(ctx, c.method, url, strings.NewReader(body))
	if err != nil {
		return fail(3, "URL using bad/illegal format or missing URL")
	}
	req.Header.Set("User-Agent", "curl/7.88.1")
	req.Header.Set("Accept", "*/*")
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range append(many(c.opts["-H"]), many(c.opts["--header"])...) {
		k, v, _ := strings.Cut(h, ":")
		if strings.EqualFold(k, "host") {
			req.Host = strings.TrimSpace(v)
			continue
		}
		req.Header.Set(k, strings.TrimSpace(v))
	}
	start := time.Now()
	resp, err := c.client().Do(req)
	if err != nil {
		return fail(curlCode(ctx, err))
	}
	defer resp.Body.Close()
	if (c.opts["-f"] != "" || has(c.opts, "--fail")) && resp.StatusCode >= 400 {
		return fail(22, "The requested URL returned error: "+strconv.Itoa(resp.StatusCode))
	}
	if c.opts["-i"] != "" || c.method == "HEAD" {
		c.p.print(headText(resp))
	}
	if o := c.opts["-o"] + c.opts["--output"]; o != "" {
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
		if err := c.p.save(o, data, false); err != nil {
			return fail(23, "Failure writing output to destination")
		}
	} else if _, err := io.Copy(writer{c.p}, resp.Body); err != nil && ctx.Err() != nil {
		return fail(28, "Operation timed out")
	}
	c.writeOut(resp, time.Since(start))
	return 0
}

func headText(r *http.Response) string {
	var b strings.Builder
	b.WriteString(r.Proto + " " + r.Status + "\r\n")
	for k, v := range r.Header {
		for _, x := range v {
			b.WriteString(k + ": " + x + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

func (c *curl) client() *http.Client {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if s := c.opts["--unix-socket"]; s != "" {
			return c.p.m.Dial(ctx, c.p.cred(), "unix", s)
		}
		host, port, _ := net.SplitHostPort(addr)
		for _, r := range many(c.opts["--resolve"]) {
			if f := strings.SplitN(r, ":", 3); len(f) == 3 && f[0] == host && f[1] == port {
				addr = net.JoinHostPort(f[2], port)
			}
		}
		for _, r := range many(c.opts["--connect-to"]) {
			if f := strings.Split(r, ":"); len(f) == 4 && (f[0] == host || f[0] == "") && (f[1] == port || f[1] == "") {
				addr = net.JoinHostPort(f[2], f[3])
			}
		}
		return c.p.m.Dial(ctx, c.p.cred(), network, addr)
	}
	tr := &http.Transport{
		DialContext: dial, DisableKeepAlives: true,
		// The certificates of the demo fleet are nobody's: -k decides only what is said about them.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: c.opts["-k"] != "" || has(c.opts, "--insecure")}, //nolint:gosec // as curl -k
	}
	cl := &http.Client{Transport: tr}
	if c.opts["-L"] == "" && !has(c.opts, "--location") {
		cl.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return cl
}

// curlCode is curl's exit status and message for an error.
func curlCode(ctx context.Context, err error) (int, string) {
	text := err.Error()
	var cert *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		return 28, "Operation timed out"
	case strings.Contains(text, "no such host"):
		return 6, "Could not resolve host"
	case errors.As(err, &cert):
		return 60, "SSL certificate problem: " + cert.Err.Error()
	case strings.Contains(text, "refused"), strings.Contains(text, "no route"), strings.Contains(text, "connect"):
		return 7, "Failed to connect: " + lastPart(text)
	case strings.Contains(text, "EOF"), strings.Contains(text, "reset"):
		return 52, "Empty reply from server"
	default:
		return 56, "Recv failure: " + lastPart(text)
	}
}

func lastPart(s string) string { return s[strings.LastIndex(s, ": ")+1:] }

// writeOut prints -w with the variables scripts use.
func (c *curl) writeOut(r *http.Response, took time.Duration) {
	w := c.opts["-w"] + c.opts["--write-out"]
	if w == "" {
		return
	}
	code, redirect := "000", ""
	if r != nil {
		code, redirect = strconv.Itoa(r.StatusCode), r.Header.Get("Location")
	}
	sec := strconv.FormatFloat(took.Seconds(), 'f', 6, 64)
	c.p.print(strings.NewReplacer("%{http_code}", code, "%{response_code}", code, "%{time_total}", sec, "%{time_starttransfer}", sec,
		"%{redirect_url}", redirect, `\n`, "\n", `\t`, "\t").Replace(w))
}
