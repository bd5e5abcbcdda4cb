package inventory

import (
	"fmt"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/config"
)

// settings reads every key that a host may inherit.
func (p *parser) settings(t *config.Table, h *Host) {
	switch t.Word("kind", "ssh", "local", "docker") {
	case "local":
		h.Kind = hosts.KindLocal
	case "docker":
		h.Kind = hosts.KindDocker
	default:
		h.Kind = hosts.KindSSH
	}
	h.User = t.Str("user", "ops")
	h.Labels = t.StrMap("labels", `role = "edge"`)
	h.Environment = t.Str("environment", "production")
	h.Production = h.Environment == "production"
	if t.Has("production") {
		h.Production = t.Flag("production")
	}
	h.Maintenance = t.Str("maintenance", "disk is being replaced, back on Friday")
	h.Timeouts, h.Intervals = timeouts(t), intervals(t)
	h.Refresh = h.Intervals.Refresh
	p.ssh(t, &h.SSH)
	p.sudo(t, &h.Sudo)
	p.docker(t, &h.Docker)
	p.systemd(t, &h.Systemd)
	p.workers(t, h)
	h.expect()
	p.nginx(t, h)
	p.envoy(t, h)
	p.traefik(t, h)
	p.dokploy(t, h)
}

func timeouts(t *config.Table) Timeouts {
	sub, _ := t.Sub("timeouts", `a table such as { connect = "10s" }`)
	out := Timeouts{
		Connect:   sub.Duration("connect", 100*time.Millisecond, 5*time.Minute, 10*time.Second),
		Command:   sub.Duration("command", 100*time.Millisecond, 10*time.Minute, 10*time.Second),
		Keepalive: sub.Duration("keepalive", 100*time.Millisecond, 5*time.Minute, 8*time.Second),
	}
	sub.Done()
	return out
}

func intervals(t *config.Table) Intervals {
	sub, _ := t.Sub("intervals", `a table such as { refresh = "5s" }`)
	out := Intervals{
		Refresh:   sub.Duration("refresh", 500*time.Millisecond, 24*time.Hour, 5*time.Second),
		Slow:      sub.Duration("slow", time.Second, 24*time.Hour, time.Minute),
		Stats:     sub.Duration("stats", 500*time.Millisecond, time.Hour, 2*time.Second),
		Keepalive: sub.Duration("keepalive", 500*time.Millisecond, time.Hour, 5*time.Second),
	}
	sub.Done()
	return out
}

func (p *parser) ssh(t *config.Table, s *SSH) {
	s.Port = t.Whole("port", 1, 65535, 0, 22)
	if t.Has("jump") {
		items := t.Strs("jump", "bastion")
		s.NoJump = len(items) == 0
		for _, it := range items {
			s.Jump = append(s.Jump, Jump{Dest: it.Text})
		}
		// Whether a jump is a host of ours is known when all hosts were read.
		p.jumps = append(p.jumps, jumpRef{items})
	}
	s.IdentityFiles = config.Texts(t.Strs("identity_files", "~/.ssh/id_ed25519"))
	s.Certificates = config.Texts(t.Strs("certificates", "~/.ssh/id_ed25519-cert.pub"))
	s.KnownHosts = config.Texts(t.Strs("known_hosts", "~/.ssh/known_hosts"))
	s.Config = t.Str("ssh_config", "~/.ssh/config")
	s.Agent = t.Str("agent", "~/.ssh/agent.sock")
	s.Password = p.secret(t, "password")
	s.Passphrase = p.secret(t, "passphrase")
	s.InsecureHostKey = t.Flag("insecure_host_key")
	s.MaxSessions = t.Whole("max_sessions", 1, 1000, 10, 10)
}

func (p *parser) sudo(t *config.Table, s *Sudo) {
	switch t.Word("sudo", "none", "nopasswd", "password", "root") {
	case "nopasswd":
		s.Mode = SudoNoPasswd
	case "password":
		s.Mode = SudoPassword
	case "root":
		s.Mode = SudoRoot
	default:
	}
	s.Password = p.secret(t, "sudo_password")
}

func (p *parser) systemd(t *config.Table, s *Systemd) {
	sub, _ := t.Sub("systemd", `a table such as { targets = ["powernode.target"] }`)
	for _, it := range sub.Strs("targets", "powernode.target") {
		p.unitName(it)
		s.Targets = append(s.Targets, it.Text)
	}
	for _, u := range sub.Each("units", `tables such as { match = "powernode-worker@*.service", check_after = "30s" }`) {
		rule := UnitRule{
			Match:      u.Str("match", "powernode-worker@*.service"),
			Expected:   u.Whole("expected", 1, 10000, 0, 4),
			Restart:    u.Word("restart", "restart", "stop-start", "reload"),
			ReloadWith: u.Word("reload_with", "SIGHUP", "SIGUSR1", "SIGUSR2"),
			CheckAfter: u.Duration("check_after", 0, time.Hour, 0),
			DrainMax:   u.Duration("drain_max", 0, 24*time.Hour, 0),
			Cooldown:   u.Duration("cooldown", 0, 24*time.Hour, 0),
			EnvFile:    u.Str("env_file", "/etc/powernode/worker-%i.conf"),
			Ports:      p.ports(u, "ports"),
			Line:       p.Line(u.At()),
		}
		if !u.Has("match") {
			p.Missing(u.At(), u.At().String()+" has no match", `want match = "powernode-worker@*.service"`)
		}
		if rule.Match != "" {
			p.unitName(config.Item{Text: rule.Match, At: u.At().At("match")})
		}
		u.Done()
		s.Units = append(s.Units, rule)
	}
	sub.Done()
}

func (p *parser) workers(t *config.Table, h *Host) {
	for _, u := range t.Each("workers", `a table such as { unit = "cxbcore@*.service", upstream = "cxb", expected = 4 }`) {
		w := Workers{
			Unit:     u.Str("unit", "cxbcore@*.service"),
			Upstream: u.Str("upstream", "cxb_workers"),
			Expected: u.Whole("expected", 0, 10000, 0, 4),
			CountEnv: u.Str("count_env", "CXBCORE_WORKERS"),
			MaxConns: u.Whole("max_conns", 0, 1_000_000, 0, 1),
			Outboxes: p.paths(u, "outboxes", "/var/lib/cxbcore/outbox"),
			Line:     p.Line(u.At()),
		}
		if w.Unit == "" && w.Upstream == "" {
			p.Missing(u.At(), u.At().String()+" names neither a unit nor an upstream", `want unit = "…" or upstream = "…"`)
		}
		if w.Unit != "" {
			p.unitName(config.Item{Text: w.Unit, At: u.At().At("unit")})
		}
		u.Done()
		h.Workers = append(h.Workers, w)
	}
}

// expect puts what checks compare with into the plain values of the host.
func (h *Host) expect() {
	for _, u := range h.Systemd.Units {
		h.Units = append(h.Units, hosts.UnitRule{Match: u.Match, Ports: u.Ports, Expected: u.Expected, CheckAfter: u.CheckAfter, Restart: u.Restart, ReloadWith: u.ReloadWith})
	}
	for _, w := range h.Workers {
		h.Pools = append(h.Pools, hosts.WorkerPool{
			Unit: w.Unit, Upstream: w.Upstream, Expected: w.Expected, CountEnv: w.CountEnv, MaxConns: w.MaxConns, Outboxes: w.Outboxes,
		})
	}
}

// secret reads where a secret comes from. A secret in plain text is refused whatever it looks like:
// inventories are copied, shown and committed.
func (p *parser) secret(t *config.Table, key string) Secret {
	raw, at, ok := t.Get(key)
	if !ok {
		return Secret{}
	}
	return p.secretValue(at, raw)
}

const secretAdvice = `want { env = "NAME" }, { file = "~/path with mode 0600" }, { cmd = ["bws", "secret", "get", "ID"] } or { prompt = true }`

func (p *parser) secretValue(at config.Path, raw any) Secret {
	m, ok := raw.(map[string]any)
	if !ok {
		what := fmt.Sprintf("%s is %s", at, config.TypeName(raw))
		if _, isText := raw.(string); isText {
			what = fmt.Sprintf("%s is a secret in plain text, which is refused", at)
		}
		p.Fault(at, what, secretAdvice)
		return Secret{}
	}
	t := p.Table(config.Layer{At: at, M: m})
	s := Secret{
		Env:    t.Str("env", "SUDO_PASSWORD"),
		File:   t.Str("file", "~/.config/midwatch/sudo"),
		Cmd:    config.Texts(t.Strs("cmd", "bws")),
		Prompt: t.Flag("prompt"),
		Agent:  t.Flag("agent"),
		Field:  t.Str("field", "value"),
	}
	t.Done()
	sources := 0
	for _, set := range []bool{s.Env != "", s.File != "", len(s.Cmd) > 0, s.Prompt, s.Agent} {
		if set {
			sources++
		}
	}
	switch {
	case sources != 1:
		p.Fault(at, fmt.Sprintf("%s names %d sources", at, sources), "want exactly one of env, file, cmd, prompt, agent")
	case s.Field != "" && len(s.Cmd) == 0:
		p.Fault(at, at.String()+".field goes with cmd only", "remove field, or use cmd")
	}
	return s
}
