package report

import (
	"slices"
	"strings"

	"midwatch/checks"
)

// SARIF gives findings in the format 2.1.0 that code hosts show beside the line.
func SARIF(version string, list []checks.Check, fs []checks.Finding) any {
	rules := []sarifRule{}
	index := map[string]int{}
	for i := range list {
		c := &list[i]
		r := sarifRule{
			ID: c.ID, Short: sarifText{c.Title}, Full: sarifText{c.Why},
			Help:    sarifHelp{Text: "Fix: " + c.Fix + "\nVerify: " + c.Verify, Markdown: Page(c, nil)},
			Default: sarifLevel{level(c.Severity)}, Properties: map[string]any{"tags": []string{string(c.Area)}},
		}
		if len(c.Sources) > 0 {
			r.URI = c.Sources[0]
		}
		index[c.ID] = len(rules)
		rules = append(rules, r)
	}
	results := []sarifResult{}
	for i := range fs {
		results = append(results, result(&fs[i], index))
	}
	return map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{map[string]any{
			"tool":    map[string]any{"driver": map[string]any{"name": "midwatch", "version": version, "rules": rules}},
			"results": results,
		}},
	}
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifHelp struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Short      sarifText      `json:"shortDescription"`
	Full       sarifText      `json:"fullDescription"`
	Help       sarifHelp      `json:"help"`
	URI        string         `json:"helpUri,omitempty"`
	Default    sarifLevel     `json:"defaultConfiguration"`
	Properties map[string]any `json:"properties"`
}

type sarifResult struct {
	Rule         string             `json:"ruleId"`
	Index        int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []any              `json:"locations"`
	Prints       map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

func level(s checks.Severity) string {
	switch s {
	case checks.Critical, checks.Error:
		return "error"
	case checks.Warning:
		return "warning"
	default:
		return "note"
	}
}

func result(f *checks.Finding, index map[string]int) sarifResult {
	j := JSON(f)
	text := j.Title
	if j.Object != "" {
		text = j.Object + ": " + text
	}
	r := sarifResult{
		Rule: j.Check, Index: index[j.Check], Level: level(f.Severity), Message: sarifText{text + ". " + j.Fix},
		Locations: []any{}, Prints: map[string]string{"midwatch/v1": f.ID()},
	}
	if name := strings.Join(nonEmpty(j.Host, j.Object), " "); name != "" && j.File == "" {
		r.Locations = append(r.Locations, map[string]any{"logicalLocations": []any{map[string]any{"fullyQualifiedName": name}}})
	}
	if j.File != "" {
		physical := map[string]any{"artifactLocation": map[string]any{"uri": j.File}}
		if j.Line > 0 {
			physical["region"] = map[string]any{"startLine": j.Line}
		}
		r.Locations = append(r.Locations, map[string]any{"physicalLocation": physical})
	}
	if f.Mute != nil {
		r.Suppressions = []sarifSuppression{{Kind: "external", Justification: f.Mute.Reason}}
	}
	return r
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}
