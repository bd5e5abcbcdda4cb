package composerules

import (
	"strings"

	"midwatch/checks"
)

func latestImage() checks.Check {
	return checks.Check{
		ID:       "image-latest-or-untagged",
		Title:    "the image has no fixed version",
		Area:     checks.AreaCompose,
		Severity: checks.Warning,
		Why: "A moving tag means something else tomorrow: a container made again runs other code than the one before, two hosts run different code under one name, " +
			"and there is nothing to roll back to.",
		Fix:       "Name the version, best with its digest: image: NAME:VERSION@sha256:…",
		Verify:    "docker inspect -f '{{.Image}}' CONTAINER equals docker image inspect -f '{{.Id}}' NAME:VERSION",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/services/#image"},
		Diagnoses: []string{"unpinned-image"},
		Eval:      checks.OnCompose(evalImage),
	}
}

// moves reports a tag that points to whatever is newest of something: stable, alpine, nightly. What
// stays names a version, and a version has a digit.
func moves(tag string) bool { return !strings.ContainsAny(tag, "0123456789") }

func evalImage(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		if s.Image == nil || s.Image.Str() == "" || strings.Contains(s.Image.Str(), "@sha256:") {
			continue
		}
		if ref := s.Image.Str(); strings.HasSuffix(ref, ":") || strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], "${") {
			continue // its tag is a variable that nobody has said: compose-env-unset speaks of it
		}
		f := c.At(s.Image.Pos, "service "+s.Name)
		name, tag := cutTag(s.Image.Str())
		switch {
		case s.Build != nil && (tag == "" || tag == "latest"):
			f.Title, f.Severity, f.Key = name+" is built here under a tag that does not tell builds apart", checks.Info, "built"
		case tag == "":
			f.Title, f.Key = name+" has no tag, which means latest", "untagged"
		case tag == "latest":
			f.Title, f.Key = name+" is pulled as latest", "latest"
		case moves(tag):
			f.Title, f.Severity, f.Key = name+":"+tag+" moves with every release", checks.Info, "floating"
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// cutTag splits a reference; a port of a registry is no tag.
func cutTag(ref string) (name, tag string) {
	slash := strings.LastIndexByte(ref, '/')
	if colon := strings.LastIndexByte(ref, ':'); colon > slash {
		return ref[:colon], ref[colon+1:]
	}
	return ref, ""
}
