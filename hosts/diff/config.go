package diff

import (
	"slices"

	"midwatch/hosts"
)

// Config lists how the configuration of one host changed from a to b: compose and nginx files line
// by line, the routes of Envoy and Traefik. Only what could be read on both sides is compared, so a
// proxy that is restarting has not lost its configuration.
func Config(a, b *hosts.HostFacts) []Change {
	d := &differ{host: b.Host.Name}
	if again(a.Compose, b.Compose) {
		d.texts(composeTexts(a.Compose.Value, b.Compose.Value))
	}
	if again(a.Nginx, b.Nginx) {
		x, y := both(a.Nginx.Value, b.Nginx.Value, func(n hosts.Nginx) (string, bool) { return n.Container, n.Config != nil && n.Error == "" })
		d.texts(filesOf(x), filesOf(y))
	}
	if again(a.Envoy, b.Envoy) {
		x, y := both(a.Envoy.Value, b.Envoy.Value, func(e hosts.Envoy) (string, bool) { return e.Admin, e.Config != nil && e.Error == "" })
		d.objects("route", envoyRoutes(x), envoyRoutes(y))
	}
	if again(a.Traefik, b.Traefik) {
		x, y := both(a.Traefik.Value, b.Traefik.Value, func(t hosts.Traefik) (string, bool) { return t.From, t.Error == "" })
		d.objects("route", traefikRoutes(x), traefikRoutes(y))
	}
	return d.out
}

func again[T any](a, b hosts.Part[T]) bool {
	return a.Known() && b.Standing() == hosts.Fresh && !a.At.Equal(b.At)
}

// both keeps of two lists what has the same key in both and is readable in both.
func both[T any](a, b []T, key func(T) (string, bool)) (x, y []T) {
	in := func(list []T, k string) bool {
		return slices.ContainsFunc(list, func(v T) bool { other, ok := key(v); return ok && other == k })
	}
	keep := func(list, other []T) (out []T) {
		for _, v := range list {
			if k, ok := key(v); ok && in(other, k) {
				out = append(out, v)
			}
		}
		return out
	}
	return keep(a, b), keep(b, a)
}

// composeTexts are the files of projects that are there on both sides, without those that could not
// be read on one.
func composeTexts(a, b []hosts.ComposeProject) (x, y map[string]string) {
	x, y = map[string]string{}, map[string]string{}
	for _, p := range b {
		i := slices.IndexFunc(a, func(o hosts.ComposeProject) bool { return o.Name == p.Name })
		if i < 0 {
			continue
		}
		unread := map[string]bool{}
		for _, list := range [][]hosts.ComposeFile{a[i].Files, p.Files} {
			for _, f := range list {
				unread[f.Path] = unread[f.Path] || f.Error != ""
			}
		}
		for _, f := range a[i].Files {
			if !unread[f.Path] {
				x[f.Path] = f.Text
			}
		}
		for _, f := range p.Files {
			if !unread[f.Path] {
				y[f.Path] = f.Text
			}
		}
	}
	return x, y
}
