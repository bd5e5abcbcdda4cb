package envoyrules

import (
	"fmt"

	"midwatch/checks"
	"midwatch/checks/ports"
)

func adminExposed() checks.Check {
	return checks.Check{
		ID:        "envoy-admin-exposed",
		Title:     "the admin interface of Envoy is open to others",
		Area:      checks.AreaEnvoy,
		Severity:  checks.Error,
		Why:       "Whoever reaches it can stop Envoy (/quitquitquit), change its log levels and read its configuration; it has no password.",
		Fix:       "admin.address: 127.0.0.1, or no ports: entry for it (or one that begins with 127.0.0.1:).",
		Verify:    "nc -vz HOST PORT from another machine is refused",
		Sources:   []string{docAdmin},
		Diagnoses: []string{"exposed-internal-port"},
		Eval:      checks.OnEnvoy(evalAdmin),
	}
}

func evalAdmin(e *checks.Envoy) []checks.Finding {
	a := e.Config.Admin
	if a == nil || a.Pipe != "" || a.Port == 0 {
		return checks.NotHere("the dump does not tell where the admin interface listens")
	}
	if ports.ExposureOf(a.Address) != ports.Everyone {
		return nil
	}
	f := e.At(a.Path, "admin interface", fmt.Sprintf("%s:%d", a.Address, a.Port))
	f.Title = fmt.Sprintf("the admin interface listens on every address, port %d", a.Port)
	if e.Host == nil {
		f.Severity = checks.Warning // a container may keep it to itself
		return []checks.Finding{f}
	}
	if c := e.Host.Container(e.Facts.Container); c != nil && c.NetMode != "host" {
		for _, p := range c.Ports {
			if int(p.ContainerPort) == a.Port && p.HostPort != 0 && ports.ExposureOf(p.HostIP) != ports.Loopback {
				f.Evidence = append(f.Evidence, e.Host.Find("", checks.NeedContainers, fmt.Sprintf("%s publishes %s:%d->%d", c.Name, p.HostIP, p.HostPort, p.ContainerPort)).Evidence...)
				return []checks.Finding{f}
			}
		}
		return nil // open inside the container's own networks only
	}
	return []checks.Finding{f}
}
