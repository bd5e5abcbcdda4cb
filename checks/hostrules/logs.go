package hostrules

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func oidcEmptyClient() checks.Check {
	return checks.Check{
		ID:       "oidc-empty-client-id",
		Title:    "a login is sent off without a client id",
		Area:     checks.AreaLogin,
		Severity: checks.Error,
		Why: "The identity provider refuses the login at once: Invalid client_id (\"\"). The application read its settings when it was imported, before they were " +
			"there, or the variable never reached the container; compose puts a blank where a variable is not set, and only warns.",
		Fix:       "Set the client id in the environment of the application and start it again; read settings when they are needed, not at import.",
		Verify:    "curl -sI https://NAME/LOGIN: the Location has a client_id that is not empty, and an https redirect_uri",
		Sources:   []string{"https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest", "https://dexidp.io/docs/"},
		Diagnoses: []string{"oidc-client-id"},
		Needs:     []checks.Need{checks.NeedLogs},
		Eval:      checks.OnHost(evalOIDC),
	}
}

func evalOIDC(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, s := range h.LogSymptoms("oidc-empty-client-id") {
		f := h.Spoken(s)
		if provider(s) {
			f.Title = s.Source.Name + " refuses logins that come without a client id"
		} else {
			f.Title = s.Source.Name + " sends people to the login without a client id"
			if c := h.Container(s.Source.Name); c != nil {
				f.Evidence = append(f.Evidence, clientEnv(h, c))
			}
		}
		out = append(out, f)
	}
	return out
}

// provider reports a line of the identity provider: scanners that ask it without parameters look the
// same, which is why the application's own line counts for more.
func provider(s hosts.Symptom) bool { return strings.Contains(s.Line, "Invalid client_id") }

// clientEnv says whether the container was given a client id at all; values are not facts.
func clientEnv(h *checks.Host, c *hosts.Container) checks.Evidence {
	text := "no variable named *CLIENT_ID* is in its environment: it was never set"
	for _, e := range c.EnvNames {
		if strings.Contains(strings.ToUpper(e), "CLIENT_ID") {
			text = e + " is in its environment: it is blank, or the process read it before it was set (started " + c.Started.UTC().Format("2006-01-02 15:04:05Z") + ")"
		}
	}
	return checks.Evidence{Source: "docker inspect " + c.Name, Text: text, Host: h.Name, At: h.Containers.At}
}

// spoken makes a check of a symptom that says enough by itself.
func spoken(c checks.Check, symptom string, title func(s hosts.Symptom) string) checks.Check {
	if c.Needs == nil {
		c.Needs = []checks.Need{checks.NeedLogs}
	}
	c.Eval = checks.OnHost(func(h *checks.Host) []checks.Finding {
		var out []checks.Finding
		for _, s := range h.LogSymptoms(symptom) {
			f := h.Spoken(s)
			f.Title = title(s)
			out = append(out, f)
		}
		return out
	})
	return c
}

func oidcUnknownClient() checks.Check {
	return spoken(checks.Check{
		ID: "oidc-unknown-client", Title: "the identity provider does not know the client", Area: checks.AreaLogin, Severity: checks.Error,
		Why:       "The application uses a client id that the provider has no entry for: another environment's, or a misspelt one.",
		Fix:       "Compare the client id of the application with the provider's list (staticClients in Dex).",
		Verify:    "the login page of the provider appears",
		Sources:   []string{"https://dexidp.io/docs/"},
		Diagnoses: []string{"oidc-client-id"},
	}, "oidc-unknown-client", func(s hosts.Symptom) string { return s.Source.Name + " refuses a client it does not know" })
}

func oidcRedirect() checks.Check {
	return spoken(checks.Check{
		ID: "oidc-redirect-uri", Title: "the identity provider refuses the address to come back to", Area: checks.AreaLogin, Severity: checks.Error,
		Why:       "The address must be registered letter by letter. One with http:// where https:// is registered comes from a proxy that loses the scheme.",
		Fix:       "If it says http://, mend the forwarded scheme (midwatch check redirect-scheme); else register the address.",
		Verify:    "the login comes back to the application",
		Sources:   []string{"https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2"},
		Diagnoses: []string{"oidc-client-id", "redirect-scheme"},
	}, "oidc-redirect-uri", func(s hosts.Symptom) string { return s.Source.Name + " refuses the redirect address" })
}

func sqliteLocked() checks.Check {
	return spoken(checks.Check{
		ID: "sqlite-locked", Title: "a database says that it is locked", Area: checks.AreaStorage, Severity: checks.Warning,
		Why:       "Somebody holds the write lock longer than others wait: a long transaction, several writers, or a file system whose locks are slow.",
		Fix:       "If it lies on a network file system, move it (sqlite-on-network-fs). Else use one writer and WAL, and keep transactions short.",
		Verify:    "the log no longer says database is locked",
		Sources:   []string{"https://www.sqlite.org/rescode.html#busy"},
		Diagnoses: []string{"sqlite-on-nfs"},
		After:     []string{"sqlite-on-network-fs"},
	}, "sqlite-locked", func(s hosts.Symptom) string {
		return fmt.Sprintf("%s waited for a lock of its database, %d times in 30 minutes", s.Source.Name, s.Count)
	})
}

func noSpace() checks.Check {
	return spoken(checks.Check{
		ID: "no-space-left", Title: "a program could not write for lack of space", Area: checks.AreaHost, Severity: checks.Error,
		Why:       "The file system was full, had no inodes left, or a quota was reached. It may have room again, and what was not written stays unwritten.",
		Fix:       "Free space where it writes; look at df -h, df -i and quotas.",
		Verify:    "the log no longer says no space left on device",
		Sources:   []string{"https://man7.org/linux/man-pages/man2/write.2.html"},
		Diagnoses: []string{"disk-inodes"},
		After:     []string{"disk-full", "inode-full"},
	}, "no-space", func(s hosts.Symptom) string { return s.Source.Name + " could not write: no space left on device" })
}

func kernelOOM() checks.Check {
	return spoken(checks.Check{
		ID: "kernel-oom", Title: "the kernel killed a process for its memory", Area: checks.AreaHost, Severity: checks.Error,
		Why:       "With CONSTRAINT_MEMCG it was the limit of one container or unit, else the machine had nothing left. A container may live on when only a child was killed, and then says nothing of it.",
		Fix:       "Raise the limit, or find what grows; give every container a limit so that one cannot take all.",
		Verify:    "journalctl -k --grep 'Out of memory' has no new line",
		Sources:   []string{"https://docs.kernel.org/admin-guide/cgroup-v2.html#memory"},
		Diagnoses: []string{"oom-restart-loop"},
		Needs:     []checks.Need{checks.NeedSymptoms},
		After:     []string{"container-oom"},
	}, "oom-killed", func(s hosts.Symptom) string {
		return fmt.Sprintf("the kernel killed for memory, %d times in 30 minutes", s.Count)
	})
}

func conntrackFull() checks.Check {
	return spoken(checks.Check{
		ID: "conntrack-full", Title: "the connection table is full", Area: checks.AreaHost, Severity: checks.Error,
		Why:       "New connections are dropped without an answer while old ones go on: some requests time out, at random.",
		Fix:       "sysctl net.netfilter.nf_conntrack_max larger; find who opens so many (conntrack -L | awk '{print $5}' | sort | uniq -c).",
		Verify:    "sysctl net.netfilter.nf_conntrack_count stays well below the maximum",
		Sources:   []string{"https://docs.kernel.org/networking/nf_conntrack-sysctl.html"},
		Diagnoses: []string{"reachability"},
		Needs:     []checks.Need{checks.NeedSymptoms},
	}, "conntrack-full", func(s hosts.Symptom) string { return "the kernel drops new connections: its table is full" })
}

func nfsStall() checks.Check {
	return spoken(checks.Check{
		ID: "nfs-not-responding", Title: "an NFS server does not answer", Area: checks.AreaStorage, Severity: checks.Error,
		Why:       "With hard, the default, everything that touches the mount waits: processes in state D, health endpoints that hang, df that does not return.",
		Fix:       "Bring the server or the way to it back; nothing on this host can be done but wait, or umount -l and restart what used it.",
		Verify:    "journalctl -k says: nfs: server … OK",
		Sources:   []string{"https://man7.org/linux/man-pages/man5/nfs.5.html"},
		Diagnoses: []string{"sqlite-on-nfs", "reachability"},
		Needs:     []checks.Need{checks.NeedSymptoms},
	}, "nfs-not-responding", func(s hosts.Symptom) string { return "the kernel waits for an NFS server" })
}

func logIncomplete() checks.Check {
	return checks.Check{
		ID:        "log-evidence-incomplete",
		Title:     "a log does not hold all that was written",
		Area:      checks.AreaHost,
		Severity:  checks.Warning,
		Why:       "journald drops what a unit writes beyond its rate limit (10,000 messages in 30 s by default), and some drivers of Docker cannot be read. A log without an error then proves nothing.",
		Fix:       "RateLimitBurst= in journald.conf or LogRateLimitBurst= of the unit; Storage=persistent; for containers a driver that can be read (json-file, local, journald).",
		Verify:    "journalctl -u systemd-journald --grep Suppressed has no new line",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/journald.conf.html#RateLimitIntervalSec=", "https://docs.docker.com/engine/logging/dual-logging/"},
		Diagnoses: []string{"journald-loss"},
		Needs:     []checks.Need{checks.NeedSymptoms},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, s := range h.LogSymptoms("journal-suppressed") {
				f := h.Spoken(s)
				f.Title = "journald has dropped messages: " + s.Line
				out = append(out, f)
			}
			for _, s := range h.LogSymptoms("log-unread") {
				f := checks.Unsure("container "+s.Source.Name, "its log could not be read: "+s.Line)
				out = append(out, f)
			}
			return out
		}),
	}
}
