package inventory

import (
	"fmt"
	"time"

	"midwatch/hosts"
)

// settings reads every key that a host may inherit.
func (p *parser) settings(t *table, h *Host) {
	switch t.word("kind", "ssh", "local", "docker") {
	case "local":
		h.Kind = hosts.KindLocal
	case "docker":
		h.Kind = hosts.KindDocker
	default:
		h.Kind = hosts.KindSSH
	}
	h.User = t.str("user", "ops")
	h.Labels = t.strMap("labels", `role = "edge"`)
	h.Environment = t.str("environment", "production")
	h.Production = h.Environment == "production"
	if t.has("production") {
		h.Production = t.flag("production")
	}
	h.Maintenance = t.str("maintenance", "disk is being replaced, back on Friday")
	h.Timeouts, h.Intervals = timeouts(t), intervals(t)
	h.Refresh = h.Intervals.Refresh
	p.ssh(t, &h.SSH)
	p.sudo(t, &h.Sudo)
	p.docker(t, &h.Docker)
	p.systemd(t, &h.Systemd)
	p.workers(t, h)
	p.nginx(t, h)
	p.envoy(t, h)
	p.traefik(t, h)
	p.dokploy(t, h)
}

func timeouts(t *table) Timeouts {
	sub, _ := t.sub("timeouts", `a table such as { connect = "10s" }`)
	out := Timeouts{
		Connect:   sub.duration("connect", 100*time.Millisecond, 5*time.Minute, 10*time.Second),
		Command:   sub.duration("command", 100*time.Millisecond, 10*time.Minute, 10*time.Second),
		Keepalive: sub.duration("keepalive", 100*time.Millisecond, 5*time.Minute, 8*time.Second),
	}
	sub.done()
	return out
}

func intervals(t *table) Intervals {
	sub, _ := t.sub("intervals", `a table such as { refresh = "5s" }`)
	out := Intervals{
		Refresh:   sub.duration("refresh", 500*time.Millisecond, 24*time.Hour, 5*time.Second),
		Slow:      sub.duration("slow", time.Second, 24*time.Hour, time.Minute),
		Stats:     sub.duration("stats", 500*time.Millisecond, time.Hour, 2*time.Second),
		Keepalive: sub.duration("keepalive", 500*time.Millisecond, time.Hour, 5*time.Second),
	}
	sub.done()
	return out
}

func (p *parser) ssh(t *table, s *SSH) {
	s.Port = t.whole("port", 1, 65535, 0, 22)
	if t.has("jump") {
		items := t.strs("jump", "bastion")
		s.NoJump = len(items) == 0
		for _, it := range items {
			s.Jump = append(s.Jump, Jump{Dest: it.text})
		}
		// Whether a jump is a host of ours is known when all hosts were read.
		p.jumps = append(p.jumps, jumpRef{items})
	}
	s.IdentityFiles = texts(t.strs("identity_files", "~/.ssh/id_ed25519"))
	s.Certificates = texts(t.strs("certificates", "~/.ssh/id_ed25519-cert.pub"))
	s.KnownHosts = texts(t.strs("known_hosts", "~/.ssh/known_hosts"))
	s.Config = t.str("ssh_config", "~/.ssh/config")
	s.Agent = t.str("agent", "~/.ssh/agent.sock")
	s.Password = p.secret(t, "password")
	s.Passphrase = p.secret(t, "passphrase")
	s.InsecureHostKey = t.flag("insecure_host_key")
	s.MaxSessions = t.whole("max_sessions", 1, 1000, 10, 10)
}

func (p *parser) sudo(t *table, s *Sudo) {
	switch t.word("sudo", "none", "nopasswd", "password", "root") {
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

func (p *parser) systemd(t *table, s *Systemd) {
	sub, _ := t.sub("systemd", `a table such as { targets = ["powernode.target"] }`)
	for _, it := range sub.strs("targets", "powernode.target") {
		p.unitName(it)
		s.Targets = append(s.Targets, it.text)
	}
	for _, u := range sub.each("units", `tables such as { match = "powernode-worker@*.service", check_after = "30s" }`) {
		rule := UnitRule{
			Match:      u.str("match", "powernode-worker@*.service"),
			Expected:   u.whole("expected", 1, 10000, 0, 4),
			Restart:    u.word("restart", "restart", "stop-start", "reload"),
			ReloadWith: u.word("reload_with", "SIGHUP", "SIGUSR1", "SIGUSR2"),
			CheckAfter: u.duration("check_after", 0, time.Hour, 0),
			DrainMax:   u.duration("drain_max", 0, 24*time.Hour, 0),
			Cooldown:   u.duration("cooldown", 0, 24*time.Hour, 0),
			EnvFile:    u.str("env_file", "/etc/powernode/worker-%i.conf"),
			Ports:      p.ports(u, "ports"),
			Line:       p.line(u.at()),
		}
		if !u.has("match") {
			p.missing(u.at(), u.at().String()+" has no match", `want match = "powernode-worker@*.service"`)
		}
		if rule.Match != "" {
			p.unitName(item{rule.Match, u.at().at("match")})
		}
		u.done()
		s.Units = append(s.Units, rule)
	}
	sub.done()
}

func (p *parser) workers(t *table, h *Host) {
	for _, u := range t.each("workers", `a table such as { unit = "cxbcore@*.service", upstream = "cxb", expected = 4 }`) {
		w := Workers{
			Unit:     u.str("unit", "cxbcore@*.service"),
			Upstream: u.str("upstream", "cxb_workers"),
			Expected: u.whole("expected", 0, 10000, 0, 4),
			CountEnv: u.str("count_env", "CXBCORE_WORKERS"),
			MaxConns: u.whole("max_conns", 0, 1_000_000, 0, 1),
			Outboxes: p.paths(u, "outboxes", "/var/lib/cxbcore/outbox"),
			Line:     p.line(u.at()),
		}
		if w.Unit == "" && w.Upstream == "" {
			p.missing(u.at(), u.at().String()+" names neither a unit nor an upstream", `want unit = "…" or upstream = "…"`)
		}
		if w.Unit != "" {
			p.unitName(item{w.Unit, u.at().at("unit")})
		}
		u.done()
		h.Workers = append(h.Workers, w)
	}
}

// secret reads where a secret comes from. A secret in plain text is refused whatever it looks like:
// inventories are copied, shown and committed.
func (p *parser) secret(t *table, key string) Secret {
	raw, at, ok := t.get(key)
	if !ok {
		return Secret{}
	}
	return p.secretValue(at, raw)
}

const secretAdvice = `want { env = "NAME" }, { file = "~/path with mode 0600" }, { cmd = ["bws", "secret", "get", "ID"] } or { prompt = true }`

func (p *parser) secretValue(at path, raw any) Secret {
	m, ok := raw.(map[string]any)
	if !ok {
		what := fmt.Sprintf("%s is %s", at, typeName(raw))
		if _, isText := raw.(string); isText {
			what = fmt.Sprintf("%s is a secret in plain text, which is refused", at)
		}
		p.fault(at, what, secretAdvice)
		return Secret{}
	}
	t := p.table(layer{at, m})
	s := Secret{
		Env:    t.str("env", "SUDO_PASSWORD"),
		File:   t.str("file", "~/.config/midwatch/sudo"),
		Cmd:    texts(t.strs("cmd", "bws")),
		Prompt: t.flag("prompt"),
		Agent:  t.flag("agent"),
		Field:  t.str("field", "value"),
	}
	t.done()
	sources := 0
	for _, set := range []bool{s.Env != "", s.File != "", len(s.Cmd) > 0, s.Prompt, s.Agent} {
		if set {
			sources++
		}
	}
	switch {
	case sources != 1:
		p.fault(at, fmt.Sprintf("%s names %d sources", at, sources), "want exactly one of env, file, cmd, prompt, agent")
	case s.Field != "" && len(s.Cmd) == 0:
		p.fault(at, at.String()+".field goes with cmd only", "remove field, or use cmd")
	}
	return s
}
