package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/checks"
	"midwatch/checks/lint"
)

// No file makes a rule fail: files are other people's, and half of one is common.
func FuzzRules(f *testing.F) {
	for _, pattern := range []string{"*.conf", "*.yml", "*.json"} {
		names, err := filepath.Glob(filepath.Join("..", "*", "testdata", "*", pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, n := range names {
			text, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
			f.Add(text[:len(text)/2])
		}
	}
	all := All()
	f.Fuzz(func(t *testing.T, text []byte) {
		w, _ := lint.Load([]lint.File{{Path: "f", Text: text}}, lint.Options{Merge: true, Live: []lint.File{{Path: "g", Text: text}}})
		for _, u := range checks.Run(w, all, checks.Options{}).Unknowns() {
			if strings.HasPrefix(u.Title, "the check itself failed") {
				t.Errorf("%s: %s", u.Check, u.Title)
			}
		}
	})
}

// Every diagnosis has checks to answer it.
func TestDiagnosesHaveChecks(t *testing.T) {
	t.Parallel()
	for _, d := range Diagnoses() {
		if list, _ := Select(All(), d.ID); len(list) == 0 {
			t.Errorf("diagnosis %s has no checks", d.ID)
		}
		if d.Title == "" || d.Symptom == "" {
			t.Errorf("diagnosis %s wants a title and a symptom", d.ID)
		}
	}
}
