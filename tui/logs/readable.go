package logs

import (
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// readable is an object as a person reads it: the message, then the fields, and below them what has several
// lines, such as a stack trace. Every other text, and an object without a message, is as it stands. Filters
// and copies know nothing of it: they take the line as it was written.
func readable(text string, names *hosts.LogFields) string {
	if !strings.HasPrefix(text, "{") {
		return text
	}
	var r logline.Record
	logline.ParseAs(&r, text, names)
	if r.Format != logline.JSON || r.Message == "" || strings.HasPrefix(r.Message, "{") {
		return text
	}
	var b, below strings.Builder
	b.WriteString(r.Message)
	sep := "  "
	for _, f := range r.Fields {
		if strings.Contains(f.Value, "\n") {
			below.WriteString("\n" + f.Name + ": " + strings.TrimRight(f.Value, "\n"))
			continue
		}
		value := f.Value
		if strings.ContainsAny(value, " ,") {
			value = `"` + value + `"`
		}
		b.WriteString(sep + f.Name + "=" + value)
		sep = " "
	}
	return b.String() + below.String()
}
