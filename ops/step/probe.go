package step

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// probeTime is how long a probe may take that says nothing about it.
const probeTime = 5 * time.Second

// probed is what a probe saw.
type probed struct {
	ok      bool
	line    string // what was asked and what came, for people
	number  float64
	counted bool  // number was there
	err     error // that it could not be made at all; lost says whether the host was not reached
	lost    error // the way to the host is cut: nothing was seen, neither good nor bad
}

func good(format string, a ...any) probed { return probed{ok: true, line: fmt.Sprintf(format, a...)} }
func bad(format string, a ...any) probed  { return probed{line: fmt.Sprintf(format, a...)} }

// unseen is a probe that could not be made.
func unseen(err error, format string, a ...any) probed {
	out := bad(format, a...)
	out.err = err
	return out
}

// runProbe looks once. A probe that could not be made is not ok, and says why.
func runProbe(ctx context.Context, e *Env, p deploy.Probe) probed {
	out := runProbeOnce(ctx, e, p)
	if out.err != nil && e.Host != "" && ctx.Err() == nil {
		out.lost = lostLink(ctx, e, out.err)
	}
	return out
}

// lostLink tells a host that is not reached from a service that does not answer: a timeout may be either, so
// the host is asked for a sign of life.
func lostLink(ctx context.Context, e *Env, err error) error {
	switch {
	case errors.Is(err, hosts.ErrUnreached), errors.Is(err, hosts.ErrClosed):
		return err
	case errors.Is(err, hosts.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		if _, err := e.Conn.Run(ctx, hosts.Cmd{Argv: []string{"true"}, Timeout: probeTime}); err != nil && linkLost(err) {
			return err
		}
	}
	return nil
}

func runProbeOnce(ctx context.Context, e *Env, p deploy.Probe) probed {
	ctx, cancel := context.WithTimeout(ctx, orElse(p.Timeout, probeTime))
	defer cancel()
	switch {
	case p.HTTP != "":
		return probeHTTP(ctx, e, p)
	case p.TCP != "":
		return probeTCP(ctx, e, p)
	case len(p.Argv) > 0:
		return probeArgv(ctx, e, p)
	case p.Log != "":
		return probeLog(ctx, e, p)
	case p.Unit != "":
		return probeUnit(ctx, e, p)
	}
	return bad("a probe that asks for nothing: name http, tcp, argv, log or unit")
}

// from is the machine a probe looks from.
func from(e *Env, p deploy.Probe) machine {
	if p.From == "here" || e.Host == "" {
		return here(e)
	}
	return watcher(e)
}

// hasSecret reports that a value holds a secret once it is revealed.
func hasSecret(s deploy.Sensitive) bool { return strings.Contains(string(s), "${secret.") }

// headers reveals a request's headers, those that hold secrets apart from the others.
func headers(ctx context.Context, e *Env, in map[string]deploy.Sensitive) (plain map[string]string, secret map[string]hosts.Secret, err error) {
	plain, secret = map[string]string{}, map[string]hosts.Secret{}
	for _, k := range sortedKeys(in) {
		v, err := e.Reveal(ctx, in[k])
		if err != nil {
			return nil, nil, fmt.Errorf("header %s: %w", hosts.CleanLine(k), err)
		}
		if hasSecret(in[k]) {
			secret[k] = v
		} else {
			plain[k] = v.Reveal()
		}
	}
	return plain, secret, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func probeHTTP(ctx context.Context, e *Env, p deploy.Probe) probed {
	plain, secret, err := headers(ctx, e, p.Header)
	if err != nil {
		return bad("%v", err)
	}
	dial, asked := unixURL(string(p.HTTP))
	r := Request{
		Method: p.Method, URL: asked, Host: dial, Header: plain, Secret: secret,
		NoRedirect: true, WebSocket: p.WebSocket, Timeout: orElse(p.Timeout, probeTime),
	}
	if p.From != "here" && e.Host != "" {
		r.Via = e.Conn
	}
	resp, err := e.HTTP.Do(ctx, r)
	name := shortURL(string(p.HTTP))
	if dial != "" {
		name = hosts.CleanLine(string(p.HTTP))
	}
	if err != nil {
		text := hosts.CleanLine(err.Error())
		if !strings.HasPrefix(text, name) {
			text = name + ": " + text
		}
		return unseen(err, "%s", text)
	}
	why, out := judgeAnswer(p, resp)
	if why != "" {
		out.line = fmt.Sprintf("%s: %s", name, why)
		return out
	}
	out.ok, out.line = true, fmt.Sprintf("%s: %d", name, resp.Status)
	if out.counted {
		out.line += fmt.Sprintf(", %s is %s", p.Number, strconv.FormatFloat(out.number, 'f', -1, 64))
	}
	return out
}

// judgeAnswer says what is wrong with an answer, "" when nothing is.
func judgeAnswer(p deploy.Probe, resp Response) (why string, out probed) {
	if w := wrongStatus(p, resp); w != "" {
		return w, out
	}
	head := http.Header(resp.Header)
	for _, k := range sortedKeys(p.NotHeader) {
		if got := head.Get(k); got != "" && strings.EqualFold(got, p.NotHeader[k]) {
			return fmt.Sprintf("%d, but header %s is %s", resp.Status, k, brief(got)), out
		}
	}
	if p.RedirectTo != "" {
		re, err := regexp.Compile(p.RedirectTo)
		if err != nil {
			return "redirect_to: " + err.Error(), out
		}
		if to := head.Get("Location"); !re.MatchString(to) {
			return fmt.Sprintf("%d to %q, which is not %s", resp.Status, brief(to), p.RedirectTo), out
		}
	}
	if p.Contains != "" && !strings.Contains(string(resp.Body), string(p.Contains)) {
		return fmt.Sprintf("%d, but the answer does not hold %q", resp.Status, brief(string(p.Contains))), out
	}
	return judgeJSON(p, resp, out)
}

func wrongStatus(p deploy.Probe, resp Response) string {
	switch {
	case p.WebSocket && resp.Status != http.StatusSwitchingProtocols:
		return fmt.Sprintf("%d, not 101: no websocket", resp.Status)
	case p.WebSocket:
		return ""
	case p.Status != 0 && resp.Status != p.Status:
		return fmt.Sprintf("%d, not %d", resp.Status, p.Status)
	case p.Status == 0 && (resp.Status < 200 || resp.Status > 399):
		return strconv.Itoa(resp.Status)
	}
	return ""
}

func judgeJSON(p deploy.Probe, resp Response, out probed) (string, probed) {
	if len(p.JSON) == 0 && p.Number == "" {
		return "", out
	}
	doc, err := decodeJSON(resp.Body)
	if err != nil {
		return fmt.Sprintf("%d, but %v", resp.Status, err), out
	}
	for _, path := range sortedKeys(p.JSON) {
		got, ok := jsonAt(doc, path)
		if !ok {
			return path + " is not in the answer", out
		}
		if !jsonIs(got, string(p.JSON[path])) {
			return fmt.Sprintf("%s is %s, not %s", path, brief(jsonText(got)), brief(string(p.JSON[path]))), out
		}
	}
	if p.Number == "" {
		return "", out
	}
	got, ok := jsonAt(doc, p.Number)
	if !ok {
		return p.Number + " is not in the answer", out
	}
	n, err := strconv.ParseFloat(jsonText(got), 64)
	if err != nil {
		return fmt.Sprintf("%s is %s, not a number", p.Number, brief(jsonText(got))), out
	}
	out.number, out.counted = n, true
	return "", out
}

// brief makes a value from outside short and safe to show.
func brief(s string) string {
	const most = 80
	s = hosts.CleanLine(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func probeTCP(ctx context.Context, e *Env, p deploy.Probe) probed {
	m := from(e, p)
	c, err := m.conn.Dial(ctx, "tcp", string(p.TCP))
	if err != nil {
		return unseen(err, "tcp %s: %s", p.TCP, hosts.CleanLine(err.Error()))
	}
	_ = c.Close()
	return good("tcp %s: open", p.TCP)
}

func probeArgv(ctx context.Context, e *Env, p deploy.Probe) probed {
	argv := texts(p.Argv)
	name := brief(strings.Join(argv, " "))
	m, dir := from(e, p), string(p.Dir)
	m.sudo = false // a probe needs no root
	if m.conn == e.Local {
		dir = localPath(e, dir)
	}
	res, err := m.inDir(ctx, dir, nil, argv...)
	switch {
	case err != nil:
		return unseen(err, "%s: %s", name, hosts.CleanLine(err.Error()))
	case res.Exit != 0:
		return bad("%v", &failure{name, fmt.Sprintf("exit %d", res.Exit), res})
	}
	out := good("%s: exit 0", name)
	if p.Match != "" {
		re, err := regexp.Compile(p.Match)
		if err != nil {
			return bad("match: %v", err)
		}
		if !re.Match(res.Stdout) && !re.Match(res.Stderr) {
			return bad("%s: exit 0, but the output does not match %s", name, p.Match)
		}
	}
	if n, err := strconv.ParseFloat(strings.TrimSpace(string(res.Stdout)), 64); err == nil {
		out.number, out.counted = n, true
		out.line = fmt.Sprintf("%s: %s", name, strconv.FormatFloat(n, 'f', -1, 64))
	}
	return out
}

// texts are expanded values as strings.
func texts(in []deploy.Text) []string {
	out := make([]string, len(in))
	for i, t := range in {
		out[i] = string(t)
	}
	return out
}

// maxLog is how much of a log a probe reads.
const maxLog = 16 << 20

func probeLog(ctx context.Context, e *Env, p deploy.Probe) probed {
	since, err := logSince(e, p.Since)
	if err != nil {
		return bad("log of %s: %v", p.Log, err)
	}
	argv := []string{"docker", "logs", "--since", since, "--", string(p.Log)}
	if unit, ok := strings.CutPrefix(string(p.Log), "unit:"); ok {
		argv = []string{"journalctl", "--no-pager", "-q", "-o", "cat", "--since", "@" + since, "-u", unit}
	}
	m := from(e, p)
	// Both streams together: docker gives a container's standard error as its own.
	res, err := m.exec(ctx, hosts.Cmd{Argv: append([]string{"sh", "-c", `exec "$@" 2>&1`, "sh"}, argv...), Limit: maxLog, Timeout: scriptTime})
	switch {
	case err != nil:
		return unseen(err, "log of %s: %s", p.Log, hosts.CleanLine(err.Error()))
	case res.Exit != 0:
		return bad("log of %s: %s", p.Log, lastLine(res.Stdout))
	case res.Truncated:
		return bad("log of %s: more than %d MiB since then: not all of it was looked at", p.Log, maxLog>>20)
	}
	return judgeLog(p, res.Stdout)
}

func judgeLog(p deploy.Probe, log []byte) probed {
	if p.MustNot != "" {
		re, err := regexp.Compile(p.MustNot)
		if err != nil {
			return bad("must_not: %v", err)
		}
		for line := range strings.SplitSeq(string(log), "\n") {
			if re.MatchString(line) {
				return bad("log of %s: %s", p.Log, brief(line))
			}
		}
	}
	if p.Match != "" {
		re, err := regexp.Compile(p.Match)
		if err != nil {
			return bad("match: %v", err)
		}
		if !re.Match(log) {
			return bad("log of %s: nothing matches %s yet", p.Log, p.Match)
		}
	}
	return good("log of %s: %d lines, nothing against it", p.Log, strings.Count(string(log), "\n"))
}

// logSince is the moment a log is read from, in seconds by the host's clock.
func logSince(e *Env, since string) (string, error) {
	id := ""
	if since != "" {
		s, ok := strings.CutPrefix(since, "step:")
		if !ok {
			return "", fmt.Errorf("since %q: say step:ID", since)
		}
		id = s
	}
	if e.Started == nil {
		return "", errors.New("when the run began is not known")
	}
	at := e.Started(id)
	switch {
	case at.IsZero() && id == "":
		return "", errors.New("when the run began is not known")
	case at.IsZero():
		return "", fmt.Errorf("step %s has not begun on this host", id)
	}
	return fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000), nil
}

func probeUnit(ctx context.Context, e *Env, p deploy.Probe) probed {
	m := from(e, p)
	m.sudo = false // anybody may ask
	res, err := m.run(ctx, nil, "systemctl", "is-active", "--", string(p.Unit))
	switch state := strings.TrimSpace(string(res.Stdout)); {
	case err != nil:
		return unseen(err, "unit %s: %s", p.Unit, hosts.CleanLine(err.Error()))
	case state == "active":
		return good("unit %s: active", p.Unit)
	case state == "":
		return bad("unit %s: %s", p.Unit, lastLine(res.Stderr))
	default:
		return bad("unit %s: %s", p.Unit, brief(state))
	}
}
