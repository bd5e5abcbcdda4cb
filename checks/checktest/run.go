package checktest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"midwatch/checks"
)

// Run runs the samples of all rules of a package; dir is its testdata.
func Run(t *testing.T, list []checks.Check, dir string) {
	t.Helper()
	for _, c := range list {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			bad, ok := Samples(t, dir, c.ID)
			if len(bad) == 0 || len(ok) == 0 {
				t.Fatalf("%d samples that must fire (bad-*) and %d that must stay silent (ok-*) in %s: a rule wants both", len(bad), len(ok), filepath.Join(dir, c.ID))
			}
			for _, f := range slices.Concat(bad, ok) {
				t.Run(filepath.Base(f), func(t *testing.T) { runSample(t, c, f) })
			}
		})
	}
}

// Samples lists the samples of a rule.
func Samples(t *testing.T, dir, id string) (bad, ok []string) {
	t.Helper()
	find := func(pattern string) []string {
		fs, err := filepath.Glob(filepath.Join(dir, id, pattern))
		if err != nil {
			t.Fatal(err)
		}
		return fs
	}
	return find("bad-*.*"), find("ok-*.*")
}

func runSample(t *testing.T, c checks.Check, file string) {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a sample of our own
	if err != nil {
		t.Fatal(err)
	}
	s, err := load(file, text)
	if err != nil {
		t.Fatal(err)
	}
	r := checks.Run(s.world, []checks.Check{c}, checks.Options{})
	mustFire := strings.HasPrefix(filepath.Base(file), "bad-")
	var got []string
	fired, judged := false, false
	for _, a := range r.Answers {
		judged = judged || a.Status != checks.Skipped || a.Reason != "" && a.Subject != ""
		if a.Status == checks.Unknown && len(a.Findings) == 0 {
			got = append(got, fmt.Sprintf("unknown %s %s", dash(a.Host), a.Reason))
		}
		for i := range a.Findings {
			f := &a.Findings[i]
			complete(t, f)
			fired = fired || f.Status == checks.Found
			if s.marks {
				got = append(got, mark(f, s.lines))
				continue
			}
			got = append(got, Describe(f))
		}
	}
	want := s.want
	for n, sev := range s.lines {
		want = append(want, strings.TrimSpace(fmt.Sprintf("line %d %s", n, sev)))
	}
	slices.Sort(got)
	slices.Sort(want)
	if s.marks {
		got = slices.Compact(got)
	}
	if diff := strings.Join(got, "\n"); diff != strings.Join(want, "\n") {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	switch {
	case mustFire && !fired:
		t.Error("the sample must fire and does not")
	case !mustFire && fired:
		t.Error("the sample must stay silent and does not")
	case !judged:
		t.Error("nothing in the sample is what the rule is about")
	}
}

// complete holds every finding to what a person needs.
func complete(t *testing.T, f *checks.Finding) {
	t.Helper()
	if f.Status != checks.Found {
		if f.Title == "" {
			t.Errorf("%s: unknown without a reason", f.Check)
		}
		return
	}
	if f.Object == "" && f.File == "" {
		t.Errorf("%s: a finding about nothing: %+v", f.Check, f)
	}
	if len(f.Evidence) == 0 || f.Evidence[0].Source == "" || f.Evidence[0].Text == "" {
		t.Errorf("%s: no evidence: %+v", f.Check, f)
	}
	if f.Why == "" || f.Fix == "" || f.Verify == "" || f.Severity == checks.SeverityUnset {
		t.Errorf("%s: why, fix, verify and severity are wanted", f.Check)
	}
}

// Describe writes a finding as the want file of an archive does: severity, host, place, object, with
// "-" for what there is none of; "unknown" in place of the severity for what could not be told.
func Describe(f *checks.Finding) string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if place == "" {
		place = f.Path
	}
	first := f.Severity.String()
	if f.Status == checks.Unknown {
		return fmt.Sprintf("unknown %s %s", dash(f.Host), f.Title)
	}
	return fmt.Sprintf("%s %s %s %s", first, dash(f.Host), dash(place), dash(f.Object))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// mark writes a finding as the marks of a single file do; the severity only where the mark says one.
func mark(f *checks.Finding, lines map[int]string) string {
	if f.Status == checks.Unknown {
		return "unknown " + f.Title
	}
	if lines[f.Line] == "" {
		return fmt.Sprintf("line %d", f.Line)
	}
	return fmt.Sprintf("line %d %s", f.Line, f.Severity)
}
