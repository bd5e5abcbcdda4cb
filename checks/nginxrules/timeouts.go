package nginxrules

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func timeouts504() checks.Check {
	return checks.Check{
		ID:       "nginx-timeouts-504",
		Title:    "nginx gave up waiting for the application",
		Area:     checks.AreaNginx,
		Severity: checks.Error,
		Why: "A probe got 504: the upstream did not answer within the timeouts of this place. error.log says which phase it was, " +
			"\"upstream timed out … while connecting to upstream\" or \"while reading response header\".",
		Fix:     "While connecting: the application is not reachable or does not accept, no timeout helps. While reading: mend what is slow, or raise proxy_read_timeout here and in every proxy in front.",
		Verify:  "the probe is answered; curl -so /dev/null -w '%{http_code} %{time_total}' URL",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout"},
		After:   []string{"nginx-upstream-all-down"},
		Eval:    checks.OnNginx(evalTimeouts),
	}
}

func evalTimeouts(n *checks.Nginx) []checks.Finding {
	if n.Host == nil {
		return checks.NotHere("a file does not tell how requests end")
	}
	var out []checks.Finding
	for _, h := range n.World.Hosts {
		for _, p := range h.Probes.Value {
			if len(p.Results) == 0 || p.Results[len(p.Results)-1].Status != 504 || !probes(n, h, p) {
				continue
			}
			r := p.Results[len(p.Results)-1]
			o := ask(n, p)
			if o == nil || o.Kind != nginx.Proxied || o.Pass.Name != "proxy_pass" {
				continue
			}
			passed := n.HTTP.Passed(nginx.Request{}, o)
			at := passed.TimeoutLine
			if at == nil {
				at = o.Pass
			}
			l := level{n: n, server: o.Choice.Server, loc: o.Location, scope: o.Scope}
			f := n.At(at, l.object())
			f.Key = p.Target
			f.Title = fmt.Sprintf("%s gets 504: nginx waits %s to connect and %s between two reads", p.Target, passed.ConnTimeout, passed.ReadTimeout)
			f.Evidence = append(f.Evidence, n.Line(o.Pass), checks.Evidence{
				Source: p.Target, Text: fmt.Sprintf("504 after %s", r.Took.Round(1e6)), Host: h.Name, At: r.At,
			})
			if o.Upstream != nil {
				f.Covers = append(f.Covers, "upstream "+o.Upstream.Name)
			}
			out = append(out, f)
		}
	}
	if p := n.Host.Part(logPart(n)); !p.Known && len(out) == 0 {
		return []checks.Finding{checks.Unsure("", p.Why())}
	}
	for _, s := range logged(n, "upstream-timed-out") {
		l, ok := place(n, s.Line)
		if !ok {
			f := n.Host.Spoken(s)
			f.Title = "nginx gave up waiting" + phase(s.Line)
			out = append(out, f)
			continue
		}
		setting := "proxy_read_timeout"
		if strings.Contains(s.Line, "while connecting") {
			setting = "proxy_connect_timeout"
		}
		d := l.scope.Value(setting)
		if d == nil {
			d = l.pass()
		}
		f := l.at(d, s)
		f.Title = fmt.Sprintf("nginx gave up waiting%s: %s is %s here", phase(s.Line), setting, l.value(setting, "60s"))
		out = append(out, f)
	}
	return out
}

// phase is what nginx was waiting for, by its own words.
func phase(line string) string {
	_, rest, ok := strings.Cut(line, "while ")
	if !ok {
		return ""
	}
	what, _, _ := strings.Cut(rest, ",")
	return " while " + what
}

// ask follows the request of a probe through the configuration, or gives nil.
func ask(n *checks.Nginx, p hosts.Probe) *nginx.Outcome {
	u, err := url.Parse(p.Target)
	if err != nil {
		return nil
	}
	r := nginx.Request{Host: u.Host, URI: u.RequestURI(), TLS: u.Scheme == "https"}
	r.At.Port = 80
	if r.TLS {
		r.At.Port = 443
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		r.At.Port = uint16(port)
	}
	if !strings.HasPrefix(r.URI, "/") {
		r.URI = "/"
	}
	return n.HTTP.Handle(r)
}
