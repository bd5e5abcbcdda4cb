package report

import (
	"fmt"
	"strings"
	"time"

	"midwatch/checks"
)

// Page documents one check in Markdown. related names checks by id, for those it comes after; nil for
// none.
func Page(c *checks.Check, related map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", c.ID, sentence(c.Title))
	fmt.Fprintf(&b, "- severity: %s\n- area: %s\n- looks at: %s\n", c.Severity, c.Area, looksAt(c))
	if len(c.Needs) > 0 {
		var needs []string
		for _, n := range c.Needs {
			needs = append(needs, string(n))
		}
		fmt.Fprintf(&b, "- needs: %s; without them the answer is unknown\n", strings.Join(needs, ", "))
	}
	if len(c.Diagnoses) > 0 {
		fmt.Fprintf(&b, "- part of: %s\n", strings.Join(c.Diagnoses, ", "))
	}
	for _, id := range c.After {
		fmt.Fprintf(&b, "- hidden under: %s", id)
		if t := related[id]; t != "" {
			fmt.Fprintf(&b, " (%s)", t)
		}
		b.WriteString("\n")
	}
	if c.Holds > 0 {
		fmt.Fprintf(&b, "- shown when it has lasted %s\n", c.Holds.Round(time.Second))
	}
	fmt.Fprintf(&b, "\n**Why.** %s\n\n**Fix.** %s\n\n**Verify.** %s\n", c.Why, c.Fix, c.Verify)
	if len(c.Sources) > 0 {
		b.WriteString("\n")
		for _, s := range c.Sources {
			fmt.Fprintf(&b, "- <%s>\n", s)
		}
	}
	return b.String()
}

func looksAt(c *checks.Check) string {
	words := map[string]string{
		"nginx": "nginx configurations, in files and on hosts", "compose": "compose files, given ones and those of hosts", "envoy": "dumps of Envoy, in files and of hosts",
		"host": "each host of a snapshot", "fleet": "all hosts of a snapshot together",
	}
	var out []string
	for on := range strings.SplitSeq(c.Eval.On(), " and ") {
		out = append(out, words[on])
	}
	return strings.Join(out, "; ")
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
