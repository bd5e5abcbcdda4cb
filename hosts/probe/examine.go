package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
)

// stepTimeout bounds each question to a host.
const stepTimeout = 10 * time.Second

// Host is a host to examine.
type Host struct {
	Name string
	Kind hosts.Kind
	Conn hosts.Conn
	// Facts and State tell how the connection was made; a *transport.Link has both. They may be nil.
	Facts func() transport.Facts
	State func() hosts.Link
	// Sudo is what the inventory allows; it is named in remedies and lets Docker be tried as root.
	Sudo transport.SudoPolicy
	// DockerSocket is the socket of the engine; "" means the usual one.
	DockerSocket string
	// DockerSudo lets the socket be opened as root although Sudo is none.
	DockerSudo bool
}

// Examine asks a host for everything, one question after the other. It never fails: what could not be
// found out is in the report, with the reason.
func Examine(ctx context.Context, h Host, now func() time.Time) Report {
	start := now()
	e := examiner{host: h, report: blank(h.Name)}
	if e.reach(ctx) {
		e.root(ctx)
		e.docker(ctx)
		e.systemd()
		e.journal(ctx)
		e.nginx(ctx)
	}
	e.report.At, e.report.Took = start, now().Sub(start)
	return e.report
}

// examiner is one examination.
type examiner struct {
	host   Host
	report Report
	seen   findings
	isRoot bool  // commands can run as root
	noRoot error // why not
}

// run asks one question.
func (e *examiner) run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*stepTimeout)
	defer cancel()
	if c.Timeout == 0 {
		c.Timeout = stepTimeout
	}
	return e.host.Conn.Run(ctx, c)
}

// reach runs the first question and says how the connection came to be.
func (e *examiner) reach(ctx context.Context) bool {
	res, err := e.run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", lookScript}})
	if err != nil {
		e.unreached(err)
		return false
	}
	e.seen = readFindings(string(res.Stdout))
	if e.seen.user == "" {
		e.report.set(Check{
			ID: idReach, Status: Failed, Reason: "the host runs no shell commands as expected: " + said(res),
			Remedy: "give the login a POSIX shell, without a forced command",
		})
		return false
	}
	reach := Check{ID: idReach, Status: OK, Detail: "through this machine's own shell"}
	if e.host.State != nil {
		s := e.host.State()
		reach.Detail = s.Via
		if s.RTT > 0 {
			reach.Detail += fmt.Sprintf(", round trip %s", s.RTT.Round(100*time.Microsecond))
		}
	}
	e.report.set(reach)
	e.connection()
	return true
}

// said is the last thing a command said, for a reason.
func said(res hosts.Result) string {
	for _, out := range [][]byte{res.Stderr, res.Stdout} {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := hosts.CleanLine(lines[len(lines)-1]); last != "" {
			return clip(last)
		}
	}
	return fmt.Sprintf("exit %d without a word", res.Exit)
}

// clip bounds text from a host.
func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// unreached sorts a failure to the check it belongs to.
func (e *examiner) unreached(err error) {
	reason := strings.TrimPrefix(hosts.CleanLine(err.Error()), e.host.Name+": ")
	reason = strings.TrimPrefix(reason, "not connected: ")
	var hk *hosts.HostKeyError
	switch {
	case errors.As(err, &hk):
		e.report.set(Check{ID: idReach, Status: OK, Detail: hk.Host + " answers"})
		c := Check{ID: idHostKey, Status: Failed, Reason: reason, Remedy: "compare the fingerprint and run: midwatch hosts trust " + e.host.Name}
		if hk.Kind != hosts.HostKeyUnknown {
			c.Remedy = "find out why the key is another one before anything else"
		}
		e.report.set(c)
	case errors.Is(err, hosts.ErrHostKey):
		e.report.set(Check{ID: idHostKey, Status: Failed, Reason: reason, Remedy: "see the known_hosts files of this host"})
	case errors.Is(err, hosts.ErrAuth):
		e.report.set(Check{ID: idReach, Status: OK, Detail: "the ssh server answers"})
		e.report.set(Check{ID: idLogin, Status: Failed, Reason: reason, Remedy: "see whether ssh gets in as that user: ssh -v " + e.host.Name})
	case errors.Is(err, hosts.ErrMissing):
		e.report.set(Check{ID: idReach, Status: OK, Detail: "a docker endpoint, which has no shell"})
	default:
		e.report.set(Check{ID: idReach, Status: Failed, Reason: reason, Remedy: "check address, port, jump host and firewall"})
	}
}

// connection says what is known of the SSH connection.
func (e *examiner) connection() {
	login := Check{ID: idLogin, Status: OK, Detail: fmt.Sprintf("%s (uid %d)", e.seen.user, e.seen.uid)}
	if e.host.Kind == hosts.KindSSH && e.host.Facts != nil {
		f := e.host.Facts()
		if f.Auth != "" {
			login.Detail += " by " + f.Auth
		}
		key := Check{ID: idHostKey, Status: OK, Detail: f.HostKey + ", " + f.HostKeyStatus.String()}
		if f.HostKeyStatus == transport.HostKeyUnverified {
			key.Status, key.Reason = Limited, "nobody verified it: insecure_host_key is set"
			key.Remedy = "take insecure_host_key out and run: midwatch hosts trust " + e.host.Name
		}
		e.report.set(key)
		sessions := Check{ID: idSessions, Status: OK, Detail: fmt.Sprintf("%d at once", f.Sessions)}
		if f.Sessions > 0 && f.Sessions < 4 {
			sessions.Status, sessions.Reason = Limited, "the ssh server allows few sessions on one connection; followed logs share them"
			sessions.Remedy = "raise MaxSessions in sshd_config"
		}
		e.report.set(sessions)
	}
	e.report.set(login)
}

// root finds out whether commands can run as root, and how.
func (e *examiner) root(ctx context.Context) {
	res, err := e.run(ctx, hosts.Cmd{Argv: []string{"id", "-u"}, Sudo: true})
	got := strings.TrimSpace(string(res.Stdout))
	switch {
	case err == nil && got == "0" && e.seen.uid == 0:
		e.isRoot = true
		e.report.set(Check{ID: idRoot, Status: OK, Detail: "the login is root"})
	case err == nil && got == "0":
		e.isRoot = true
		e.report.set(Check{ID: idRoot, Status: OK, Detail: "sudo, policy " + e.host.Sudo.String()})
	default:
		if err == nil {
			err = fmt.Errorf("id -u as root says %q", got)
		}
		e.noRoot = err
		c := Check{ID: idRoot, Status: Failed, Reason: reasonOf(e.host.Name, err), Remedy: e.rootRemedy()}
		switch e.host.Sudo {
		case transport.SudoNone:
			c.Status = Limited // the inventory wants it so
		case transport.SudoNoPasswd:
			if some := e.someSudo(ctx); some != "" {
				c.Status, c.Detail = Limited, "sudo without a password for: "+some
			}
		}
		e.report.set(c)
	}
}

// someSudo lists what sudo allows without a password, when it is not everything.
func (e *examiner) someSudo(ctx context.Context) string {
	res, err := e.run(ctx, hosts.Cmd{Argv: []string{"sudo", "-n", "-l"}})
	if err != nil || res.Exit != 0 {
		return ""
	}
	return readSudoList(string(res.Stdout))
}

func (e *examiner) rootRemedy() string {
	switch e.host.Sudo {
	case transport.SudoNone:
		return `if this host may be read as root, set sudo = "nopasswd" or "password"`
	case transport.SudoNoPasswd:
		return fmt.Sprintf("a sudoers rule without a password: %s ALL=(root) NOPASSWD: ALL", e.seen.user)
	case transport.SudoPassword:
		return "check sudo_password, and that the login may use sudo"
	default:
		return `log in as root, or set another sudo policy`
	}
}

// reasonOf is an error without the name of the host before it.
func reasonOf(host string, err error) string {
	s := strings.TrimPrefix(hosts.CleanLine(err.Error()), host+": ")
	if i := strings.Index(s, hosts.ErrNoSudo.Error()); i >= 0 {
		s = s[i:]
	}
	return clip(s)
}

// docker opens the engine's socket by whichever way works and asks it for its version.
func (e *examiner) docker(ctx context.Context) {
	d := &transport.DockerDialer{
		Conn: e.host.Conn, Socket: e.host.DockerSocket, Sudo: e.host.DockerSudo || e.isRoot,
	}
	version, err := e.engineVersion(ctx, d)
	switch {
	case err == nil:
		e.report.set(Check{ID: idDocker, Status: OK, Detail: fmt.Sprintf("engine %s, by %s", version, d.Way())})
	case errors.Is(err, hosts.ErrMissing) && !e.seen.dockerCLI && !e.seen.dockerSocket:
		e.report.set(Check{ID: idDocker, Status: Absent, Reason: reasonOf(e.host.Name, err)})
	default:
		c := Check{ID: idDocker, Status: Failed, Reason: reasonOf(e.host.Name, err), Remedy: "see systemctl status docker"}
		switch {
		case errors.Is(err, hosts.ErrNotAllowed):
			c.Remedy = fmt.Sprintf("usermod -aG docker %s (which is as good as root), or allow sudo", e.seen.user)
		case errors.Is(err, hosts.ErrMissing):
			c.Remedy = "start the engine, name its socket in the inventory, or install what is missing"
		}
		e.report.set(c)
	}
}

func (e *examiner) engineVersion(ctx context.Context, d *transport.DockerDialer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*stepTimeout)
	defer cancel()
	tr := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return d.Dial(ctx) },
		DisableKeepAlives: true,
	}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/version", nil)
	if err != nil {
		return "", err
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the engine's version: %w", err)
	}
	var v struct{ Version, ApiVersion string } //nolint:revive // the engine's spelling
	if res.StatusCode != http.StatusOK || json.Unmarshal(body, &v) != nil || v.Version == "" {
		return "", fmt.Errorf("the engine answers GET /version with status %d and no version", res.StatusCode)
	}
	return clip(hosts.CleanLine(v.Version)) + " (API " + clip(hosts.CleanLine(v.ApiVersion)) + ")", nil
}
