package composerules

import (
	"fmt"
	"path"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func envInContext() checks.Check {
	return checks.Check{
		ID:       "env-file-in-build-context",
		Title:    "a file of secrets goes into the image",
		Area:     checks.AreaHardening,
		Severity: checks.Error,
		Why: "The build sends the folder to the engine, and COPY . puts all of it into a layer: whoever can pull the image reads the .env. " +
			"In a .dockerignore the line .env keeps out only the one at the top; Docker wants **/.env.",
		Fix:       "In the .dockerignore of the context: **/.env* and below it !**/.env.example. Then build again, and change the secrets if the image has left the machine.",
		Verify:    "docker run --rm --entrypoint sh IMAGE -c 'find / -xdev -name \".env*\" -type f' prints nothing",
		Sources:   []string{"https://docs.docker.com/build/concepts/context/#dockerignore-files", "https://docs.docker.com/build/building/secrets/"},
		Diagnoses: []string{"env-in-build-context"},
		Eval:      checks.OnCompose(evalEnvInContext),
	}
}

func evalEnvInContext(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	builds := 0
	for _, s := range c.Project.Services {
		if s.Build == nil || s.Build.Remote() {
			continue
		}
		builds++
		ctx := c.Contexts[s.Build.ContextKey()]
		if ctx == nil {
			continue
		}
		if f, ok := judgeContext(c, s, ctx); ok {
			out = append(out, f)
		}
	}
	if builds > 0 && c.Contexts == nil {
		return checks.NotHere("the folders that images are built from were not looked at; lint does, beside the compose file")
	}
	return out
}

// example reports a file that is meant to be shared.
func example(name string) bool {
	for _, w := range []string{"example", "sample", "template", "dist", "defaults"} {
		if strings.Contains(path.Base(name), w) {
			return true
		}
	}
	return false
}

func judgeContext(c *checks.Compose, s *compose.Service, ctx *compose.Context) (checks.Finding, bool) {
	copies, n := ctx.Copies()
	ignore := ctx.IgnoreFile
	if ignore == "" {
		ignore = "no .dockerignore"
	}
	f := c.At(s.Build.Pos, "service "+s.Name)
	if copies != "" {
		name := s.Build.Dockerfile
		if name == "" {
			name = "Dockerfile"
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Source: fmt.Sprintf("%s:%d", path.Join(ctx.Dir, name), n), Text: copies})
	}
	for _, e := range ctx.EnvFiles {
		if example(e) || ctx.Ignored(e) {
			continue
		}
		f.Evidence = append(f.Evidence, checks.Evidence{Source: ctx.Dir, Text: e + " is in the context and not kept out by " + ignore})
		f.Title = e + " goes into the image of " + s.Name
		if copies == "" {
			f.Severity = checks.Info // it is sent to the engine and, as far as the Dockerfile tells, not kept
			f.Title = e + " is sent to the engine when " + s.Name + " is built"
		}
		return f, true
	}
	for _, e := range []string{".env", "folder/.env"} {
		if copies == "" || ctx.Ignored(e) {
			continue
		}
		f.Severity, f.Key = checks.Warning, "future"
		f.Title = fmt.Sprintf("a %s would go into the image of %s", e, s.Name)
		f.Evidence = append(f.Evidence, checks.Evidence{Source: ctx.Dir, Text: ignore + " does not keep out " + e})
		return f, true
	}
	return checks.Finding{}, false
}
