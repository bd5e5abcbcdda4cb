package nginxrules

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"midwatch/checks"
	"midwatch/checks/lint"
)

// Files that end in the middle are what an editor, a full disk or a cut evidence leaves: every rule
// answers about them.
func TestTornFiles(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join("testdata", "*", "*.conf"))
	if err != nil || len(names) < 50 {
		t.Fatalf("%d samples: %v", len(names), err)
	}
	all := All()
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // a sample of our own
		if err != nil {
			t.Fatal(err)
		}
		for cut := len(text) / 7; cut < len(text); cut += len(text)/7 + 1 {
			w, looked := lint.Load([]lint.File{{Path: name, Text: text[:cut]}}, lint.Options{Now: time.Unix(0, 0)})
			if len(looked) != 1 {
				t.Fatalf("%s: %d files", name, len(looked))
			}
			r := checks.Run(w, all, checks.Options{})
			if len(r.Answers) < len(all) {
				t.Errorf("%s cut at %d: %d answers of %d rules", name, cut, len(r.Answers), len(all))
			}
			for _, f := range r.Shown() {
				if f.File != name || f.Line < 0 || len(f.Evidence) == 0 {
					t.Errorf("%s cut at %d: %+v", name, cut, f)
				}
			}
		}
	}
}
