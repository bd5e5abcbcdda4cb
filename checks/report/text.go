package report

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

// Place says where a finding is: host, then file and line, path or object.
func Place(f *checks.Finding) string {
	at := f.File
	switch {
	case f.File != "" && f.Line > 0:
		at = fmt.Sprintf("%s:%d", f.File, f.Line)
	case f.File == "" && f.Path != "":
		at = f.Path
	}
	subject := ""
	if strings.Contains(f.Subject, "[") {
		subject = f.Subject // which of several on the host
	}
	return hosts.CleanLine(strings.Join(nonEmpty(f.Host, subject, at, f.Object), " "))
}

// Copy gives one finding in Markdown, for a ticket.
func Copy(f *checks.Finding) string {
	j := JSON(f)
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n`%s` at %s\n\n", j.Severity, j.Title, j.Check, Place(f))
	for _, e := range j.Evidence {
		fmt.Fprintf(&b, "> %s\n>\n>     %s\n\n", e.Source, strings.ReplaceAll(strings.TrimSpace(e.Text), "\n", "\n>     "))
	}
	fmt.Fprintf(&b, "**Why.** %s\n\n**Fix.** %s\n\n**Verify.** %s\n", j.Why, j.Fix, j.Verify)
	return b.String()
}

// Markdown gives findings as a document: a table, then each with its evidence.
func Markdown(title string, fs, unknown []checks.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", title)
	if len(fs) == 0 {
		b.WriteString("No findings.\n")
	} else {
		b.WriteString("| severity | check | where | what |\n|---|---|---|---|\n")
	}
	for i := range fs {
		f := &fs[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Severity, f.Check, cell(Place(f)), cell(hosts.CleanLine(f.Title)))
	}
	for i := range fs {
		b.WriteString("\n" + Copy(&fs[i]))
	}
	if len(unknown) > 0 {
		b.WriteString("\n## Unknown\n\n")
		for _, g := range Group(unknown) {
			fmt.Fprintf(&b, "- %s\n", g)
		}
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// withoutPart takes off what could not be read, where a reason begins with it: a host that is away is one
// reason for all its parts.
func withoutPart(reason string) string {
	part, rest, ok := strings.Cut(reason, ": ")
	if ok && checks.IsNeed(part) {
		return rest
	}
	return reason
}

// Group says what could not be told, one line for each reason and host, with how many checks wait for it.
func Group(unknown []checks.Finding) []string {
	type key struct{ host, why string }
	var order []key
	ids := map[key][]string{}
	for i := range unknown {
		f := &unknown[i]
		k := key{f.Host, withoutPart(f.Title)}
		if k.host == "" {
			k.host = f.Subject // a file
		}
		if ids[k] == nil {
			order = append(order, k)
		}
		ids[k] = append(ids[k], f.Check)
	}
	var out []string
	for _, k := range order {
		what := ids[k][0]
		if n := len(ids[k]); n > 1 {
			what = fmt.Sprintf("%d checks", n)
		}
		out = append(out, hosts.CleanLine(strings.Join(nonEmpty(k.host, what+" unknown:", k.why), " ")))
	}
	return out
}
