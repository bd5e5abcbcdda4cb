package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// ProbeSpec is a health endpoint to ask.
type ProbeSpec struct {
	Probe        hosts.Probe
	Method       string
	Header       map[string]string
	Body         string
	Secrets      func(context.Context) (map[string]hosts.Secret, error) // headers that are secret; nil for none
	ExpectStatus [][2]int                                               // inclusive ranges; nil: 200 to 299
	ExpectBody   string                                                 // text that must be in the body
	ExpectState  []string
	ExpectJSON   map[string]any // values that must be equal, by dotted path
	Capacity     string         // dotted path of the number of workers in the answer
	Resolve      string         // address that is dialled instead of the URL's host
	CertDays     int            // fewer days left fail the probe; 0 never does
	Follow       bool           // follow redirects
	Timeout      time.Duration
	// Host and ServerName override what the URL says, for asking one instance by its address.
	Host, ServerName string
	Roots            *x509.CertPool // nil: the system's
}

// maxProbeBody is how much of an answer is looked at.
const maxProbeBody = 64 << 10

// Ask runs a probe once. Certificates are checked by our own hand, so that a bad one can be shown,
// and tolerated where the inventory says so.
func Ask(ctx context.Context, dial Dial, s ProbeSpec, now func() time.Time) hosts.ProbeResult {
	if s.Timeout <= 0 {
		s.Timeout = timeout
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	res := hosts.ProbeResult{At: now(), Capacity: -1, Workers: -1, Busy: -1}
	var err error
	switch {
	case s.Probe.Kind == "tcp" || s.Probe.Kind == "tls":
		err = s.askTCP(ctx, dial, &res)
	default:
		err = s.askHTTP(ctx, dial, &res)
	}
	res.Took = now().Sub(res.At)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		res.OK, res.Reason = false, fmt.Sprintf("no answer within %s", s.Timeout)
	case err != nil:
		res.OK, res.Reason = false, hosts.CleanLine(redact.Text(cause(err).Error()))
	}
	return res
}

func (s ProbeSpec) askTCP(ctx context.Context, dial Dial, res *hosts.ProbeResult) error {
	conn, err := dial(ctx, "tcp", strings.TrimPrefix(strings.TrimPrefix(s.Probe.Target, "tls://"), "tcp://"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.Probe.Kind == "tls" {
		name := s.ServerName
		if name == "" {
			name, _, _ = net.SplitHostPort(strings.TrimPrefix(s.Probe.Target, "tls://"))
		}
		var seen atomic.Pointer[hosts.ProbeCert]
		c := tls.Client(conn, s.tlsConfig(name, res.At, &seen))
		err := c.HandshakeContext(ctx)
		res.Cert = seen.Load()
		if err != nil {
			return err
		}
	}
	res.OK = true
	return s.certificate(res)
}

// redirected dials another host on the same port, as curl --resolve does.
func redirected(dial Dial, host string) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return dial(ctx, network, net.JoinHostPort(host, port))
	}
}

func (s ProbeSpec) askHTTP(ctx context.Context, dial Dial, res *hosts.ProbeResult) error {
	u, err := url.Parse(s.Probe.Target)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not a URL", s.Probe.Target)
	}
	name := s.ServerName
	if name == "" {
		name = u.Hostname()
	}
	if s.Resolve != "" {
		dial = redirected(dial, s.Resolve)
	}
	// A handshake may go on after the request was given up, so it writes to a place of its own.
	var seen atomic.Pointer[hosts.ProbeCert]
	c := client(dial, s.tlsConfig(name, res.At, &seen))
	c.Timeout = s.Timeout
	if s.Follow {
		c.CheckRedirect = nil
	}
	defer c.CloseIdleConnections()
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Probe.Target, strings.NewReader(s.Body))
	if err != nil {
		return err
	}
	if s.Secrets != nil {
		secrets, err := s.Secrets(ctx)
		if err != nil {
			return err
		}
		for k, v := range secrets {
			req.Header.Set(k, v.Reveal())
		}
	}
	if s.Host != "" {
		req.Host = s.Host
	}
	for k, v := range s.Header {
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	res.Cert = seen.Load()
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProbeBody))
	if err != nil && len(body) == 0 {
		return err
	}
	res.Status = resp.StatusCode
	s.judge(res, resp, body)
	return s.certificate(res)
}

// judge decides whether an answer is a healthy one.
func (s ProbeSpec) judge(res *hosts.ProbeResult, resp *http.Response, body []byte) {
	doc := readState(res, body)
	if n, ok := atPath(doc, s.Capacity).(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			res.Workers = int(i)
		}
	}
	text := redact.Text(string(body[:min(len(body), 2048)]))
	res.Body = hosts.Clean(text)
	html := strings.Contains(resp.Header.Get("Content-Type"), "text/html")
	health := s.Probe.Kind != "" && s.Probe.Kind != "page" && !page(s.Probe.Target)
	switch {
	case !statusWanted(resp.StatusCode, s.ExpectStatus):
		res.Reason = fmt.Sprintf("HTTP %d", resp.StatusCode)
		if to := resp.Header.Get("Location"); to != "" {
			res.Reason += " to " + hosts.CleanLine(to)
		}
		if res.State != "" {
			res.Reason += ", status " + res.State
		}
	case s.ExpectBody != "" && !bytes.Contains(body, []byte(s.ExpectBody)):
		res.Reason = fmt.Sprintf("the answer does not hold %q", s.ExpectBody)
	case differs(doc, s.ExpectJSON) != "":
		res.Reason = differs(doc, s.ExpectJSON)
	case len(s.ExpectState) > 0 && !contains(s.ExpectState, res.State):
		res.Reason = fmt.Sprintf("status is %q", res.State)
	case health && html && s.ExpectBody == "":
		res.Reason = "an HTML page answered, not a health endpoint (a single-page app's fallback?)"
	case len(s.ExpectState) == 0 && len(s.ExpectJSON) == 0 && badState(res.State):
		res.Reason = fmt.Sprintf("HTTP %d, but its status is %q", resp.StatusCode, res.State)
	default:
		res.OK = true
	}
}

// page reports that a URL has no path: a page is what a client expects there.
func page(target string) bool {
	u, err := url.Parse(target)
	return err == nil && (u.Path == "" || u.Path == "/")
}

// atPath finds a value by its dotted path; nil when it is not there.
func atPath(doc map[string]any, path string) any {
	if path == "" {
		return nil
	}
	var v any = doc
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// differs says which expected value is not there, "" when all are.
func differs(doc map[string]any, want map[string]any) string {
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got := atPath(doc, path); fmt.Sprint(got) != fmt.Sprint(want[path]) {
			return hosts.CleanLine(fmt.Sprintf("%s is %v, not %v", path, got, want[path]))
		}
	}
	return ""
}

func statusWanted(got int, want [][2]int) bool {
	if len(want) == 0 {
		return got >= 200 && got < 300
	}
	for _, w := range want {
		if got >= w[0] && got <= w[1] {
			return true
		}
	}
	return false
}

// readState takes status and fleet capacity from a JSON body, under the names in use.
func readState(res *hosts.ProbeResult, body []byte) map[string]any {
	var doc map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&doc) != nil {
		return nil
	}
	for _, k := range []string{"status", "state", "health"} {
		if s, ok := doc[k].(string); ok {
			res.State = hosts.CleanLine(s)
			break
		}
	}
	for _, k := range []string{"healthy", "ok"} {
		if b, ok := doc[k].(bool); ok && res.State == "" {
			res.State = map[bool]string{true: "ok", false: "unhealthy"}[b]
		}
	}
	number := func(names ...string) int {
		for _, n := range names {
			if v, ok := doc[n].(json.Number); ok {
				if i, err := v.Int64(); err == nil {
					return int(i)
				}
			}
		}
		return -1
	}
	res.Capacity = number("capacity", "total_capacity", "max_calls", "max_concurrent_calls")
	res.Workers = number("workers", "total_workers", "worker_count")
	res.Busy = number("busy", "active_calls", "in_use", "busy_workers")
	return doc
}

func badState(s string) bool {
	switch strings.ToLower(s) {
	case "", "ok", "up", "healthy", "pass", "passing", "green", "ready", "live", "alive", "running", "success":
		return false
	}
	return true
}

// tlsConfig takes any certificate at the moment at and puts down in seen what it was; certificate
// judges it afterwards.
func (s ProbeSpec) tlsConfig(name string, at time.Time, seen *atomic.Pointer[hosts.ProbeCert]) *tls.Config {
	return &tls.Config{
		ServerName: name, MinVersion: tls.VersionTLS10, //nolint:gosec // an old server is to be seen, not refused
		InsecureSkipVerify: true, //nolint:gosec // verified below, by hand, so that the fault can be told
		VerifyConnection: func(cs tls.ConnectionState) error {
			leaf := cs.PeerCertificates[0]
			c := &hosts.ProbeCert{Subject: hosts.CleanLine(leaf.Subject.CommonName), Issuer: hosts.CleanLine(leaf.Issuer.CommonName), From: leaf.NotBefore, Until: leaf.NotAfter}
			for _, n := range leaf.DNSNames {
				c.Names = append(c.Names, hosts.CleanLine(n))
			}
			for _, ip := range leaf.IPAddresses {
				c.Names = append(c.Names, ip.String())
			}
			mid := x509.NewCertPool()
			for _, x := range cs.PeerCertificates[1:] {
				mid.AddCert(x)
			}
			_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Intermediates: mid, Roots: s.Roots, CurrentTime: at})
			c.Verified = err == nil
			if err != nil {
				c.Fault = hosts.CleanLine(err.Error())
			}
			seen.Store(c)
			return nil
		},
	}
}

// certificate fails the probe for a certificate that does not verify, unless that is tolerated,
// and then says so.
func (s ProbeSpec) certificate(res *hosts.ProbeResult) error {
	if res.Cert == nil {
		return nil
	}
	if left := int(res.Cert.Until.Sub(res.At).Hours() / 24); res.Cert.Verified && s.CertDays > 0 && left < s.CertDays {
		return fmt.Errorf("certificate: %d days left", left)
	}
	if res.Cert.Verified {
		return nil
	}
	if s.Probe.Tolerant {
		res.Tolerated = res.Cert.Fault
		return nil
	}
	return fmt.Errorf("certificate: %s", res.Cert.Fault)
}

// probeRaw is the evidence of one probe's run.
type probeRaw struct {
	Probe  hosts.Probe       `json:"probe"`
	Result hosts.ProbeResult `json:"result"`
}

// Probe asks one health endpoint again and again.
func Probe(host string, dial Dial, s ProbeSpec, now func() time.Time) Reader {
	every := s.Probe.Every
	if every <= 0 {
		every = 30 * time.Second
	}
	r := Reader{ID: CollectProbe, Source: strings.TrimSpace(s.Method + " " + redact.Text(s.Probe.Target)), Every: every}
	r.Read = func(ctx context.Context, _ *hosts.HostFacts) hosts.Evidence {
		res := Ask(ctx, dial, s, now)
		p := s.Probe
		p.Target = redact.Text(p.Target)
		return evidence(host, r.ID, r.Source, res.At, res.Took, probeRaw{p, res}, nil)
	}
	return r
}

// maxProbeResults bounds the history of one probe.
const maxProbeResults = 240

// applyProbes adds a run to the history of its probe.
func applyProbes(f *hosts.HostFacts, ev hosts.Evidence) {
	raw, err := parseJSON[probeRaw](ev.Data, "evidence of a probe")
	if err != nil {
		f.Probes = f.Probes.Failed(hosts.Clean(err.Error()), "", ev.Source, ev.At)
		return
	}
	out := append([]hosts.Probe(nil), f.Probes.Value...)
	at := -1
	for i := range out {
		if out[i].Name == raw.Probe.Name {
			at = i
		}
	}
	if at < 0 {
		out = append(out, raw.Probe)
		at = len(out) - 1
	}
	old := out[at].Results
	if len(old) >= maxProbeResults {
		old = old[len(old)-maxProbeResults+1:]
	}
	out[at].Results = append(old[:len(old):len(old)], raw.Result)
	f.Probes = hosts.Read(out, ev.Source, ev.At)
}
