package catalog

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"midwatch/checks"
)

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// A rule is data, and none of it may be missing.
func TestRegistry(t *testing.T) {
	t.Parallel()
	all := All()
	seen := map[string]bool{}
	for _, c := range all {
		if !idForm.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("id %q: not of the form, or twice", c.ID)
		}
		seen[c.ID] = true
		for name, text := range map[string]string{"title": c.Title, "area": string(c.Area), "why": c.Why, "fix": c.Fix, "verify": c.Verify} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", c.ID, name)
			}
		}
		if c.Severity == checks.SeverityUnset || c.Eval.On() == "" || len(c.Sources) == 0 {
			t.Errorf("%s wants a severity, an Eval and sources", c.ID)
		}
		for _, d := range c.Diagnoses {
			if !slices.ContainsFunc(Diagnoses(), func(x Diagnosis) bool { return x.ID == d }) {
				t.Errorf("%s belongs to a diagnosis %q that there is not", c.ID, d)
			}
		}
		for _, kind := range []string{"bad", "ok"} {
			if found, _ := filepath.Glob(filepath.Join("..", "*", "testdata", c.ID, kind+"-*.*")); len(found) == 0 {
				t.Errorf("%s has no sample %s-*", c.ID, kind)
			}
		}
	}
	for _, c := range all {
		for _, a := range c.After {
			if !seen[a] {
				t.Errorf("%s comes after %q, which there is not", c.ID, a)
			}
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	list, unknown := Select(All(), "upgrade-header", "nginx-hardcoded-connection-upgrade", "disk-full", "nonsense")
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	if !slices.Contains(ids, "nginx-hardcoded-connection-upgrade") || !slices.Contains(ids, "disk-full") || slices.Contains(ids, "container-oom") {
		t.Errorf("selected %v", ids)
	}
	if !slices.Equal(unknown, []string{"nonsense"}) {
		t.Errorf("unknown %v", unknown)
	}
}
