package composerules

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

// evalLiveSQLite judges databases that are open now by the file system beneath them, which is the
// proof; a host whose open databases are not known gives no answer here, and the files still do.
func evalLiveSQLite(h *checks.Host) []checks.Finding {
	if !h.Databases.Known() {
		return []checks.Finding{checks.Unsure("databases", h.Part(checks.NeedDatabases).Why())}
	}
	var out []checks.Finding
	for _, d := range h.Databases.Value {
		if !d.Mount.Network() {
			continue
		}
		f := h.Find(owner(h, d), checks.NeedDatabases, fmt.Sprintf("%s is open in %s (pid %d)", d.Path, d.Process, d.PID))
		f.Evidence = append(f.Evidence, checks.Evidence{
			Source: "/proc/self/mountinfo", Host: h.Name, At: h.Mounts.At,
			Text: fmt.Sprintf("%s on %s type %s (%s)", d.Mount.Source, d.Mount.Point, d.Mount.FSType, d.Mount.Options),
		})
		f.Title = fmt.Sprintf("%s is an open database on %s", d.Path, d.Mount.FSType)
		f.Key = d.Path
		switch {
		case d.WALSize > 0:
			f.Severity = checks.Critical
			f.Title += ", with a write-ahead log"
		case strings.Contains(d.Mount.Options, "nolock") || strings.Contains(d.Mount.Options, "local_lock=all"):
			f.Severity = checks.Critical
			f.Title += ", without locks"
		}
		out = append(out, f)
	}
	return out
}

// owner names who has a database open.
func owner(h *checks.Host, d hosts.Database) string {
	switch c := h.Container(d.Container); {
	case c != nil:
		return "container " + c.Name
	case d.Unit != "":
		return "unit " + d.Unit
	}
	return "process " + d.Process
}
