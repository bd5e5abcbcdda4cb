package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/themes"
)

// severities are the values of --severity.
var severities = []string{"info", "warning", "error", "critical"}

// outputFlags choose the form of findings beside --json.
type outputFlags struct{ sarif, markdown bool }

func (o *outputFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.sarif, "sarif", false, "print SARIF 2.1.0, which code hosts show beside the line")
	cmd.Flags().BoolVar(&o.markdown, "markdown", false, "print Markdown")
	cmd.MarkFlagsMutuallyExclusive("sarif", "markdown")
}

// selectChecks are the checks that ids and names of diagnoses mean; all without names.
func selectChecks(names []string) ([]checks.Check, error) {
	list, unknown := catalog.Select(catalog.All(), names...)
	if len(unknown) > 0 {
		return nil, wrong("no check and no diagnosis %q; midwatch check --list names them", strings.Join(unknown, `", "`))
	}
	return list, nil
}

func completeChecks(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, d := range catalog.Diagnoses() {
		out = append(out, cobra.CompletionWithDesc(d.ID, d.Title))
	}
	for _, c := range catalog.All() {
		out = append(out, cobra.CompletionWithDesc(c.ID, c.Title))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// atLeast keeps the findings of a severity and those above it.
func atLeast(fs []checks.Finding, severity string) []checks.Finding {
	least, err := checks.ParseSeverity(severity)
	if err != nil {
		return fs
	}
	return slices.DeleteFunc(fs, func(f checks.Finding) bool { return f.Severity < least })
}

// printFindings prints for people: each finding with its evidence and what to do, then what could not
// be told, and a line that counts.
func (a *app) printFindings(found, unknown []checks.Finding, rest string) error {
	st := a.styles(a.stdout)
	var b strings.Builder
	for i := range found {
		f := &found[i]
		j := report.JSON(f)
		b.WriteString(st.Normal.Render(severityRole(f.Severity), j.Severity) + " " + report.Place(f) + st.Normal.Render(themes.Muted, "  "+j.Check) + "\n")
		b.WriteString("  " + j.Title + "\n")
		for _, e := range j.Evidence {
			b.WriteString(st.Normal.Render(themes.Muted, "  "+e.Source+" | "+hosts.CleanLine(strings.TrimSpace(e.Text))) + "\n")
		}
		b.WriteString("  fix: " + strings.ReplaceAll(j.Fix, "\n", "\n  ") + "\n")
	}
	for _, line := range report.Group(unknown) {
		b.WriteString(st.Normal.Render(themes.Unknown, "unknown") + " " + line + "\n")
	}
	b.WriteString(st.Normal.Render(themes.Muted, countFindings(found, unknown)+rest) + "\n")
	return a.printf("%s", b.String())
}

func countFindings(found, unknown []checks.Finding) string {
	n := map[checks.Severity]int{}
	for i := range found {
		n[found[i].Severity]++
	}
	var parts []string
	for s := checks.Critical; s >= checks.Info; s-- {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	text := "no findings"
	if len(parts) > 0 {
		text = strings.Join(parts, ", ")
	}
	if len(unknown) > 0 {
		text += fmt.Sprintf("; %d answers unknown", len(unknown))
	}
	return text
}

func severityRole(s checks.Severity) themes.Role {
	switch s {
	case checks.Critical, checks.Error:
		return themes.Bad
	case checks.Warning:
		return themes.Warn
	default:
		return themes.Info
	}
}

func readLimited(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxLint+1))
	if err == nil && len(text) > maxLint {
		err = fmt.Errorf("larger than %d MiB: no configuration", maxLint>>20)
	}
	return text, err
}

func readFileLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f)
}
