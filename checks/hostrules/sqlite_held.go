package hostrules

import (
	"fmt"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func shmMissing() checks.Check {
	return checks.Check{
		ID:       "sqlite-shm-missing",
		Title:    "a database was deleted, in part, while a program has it open",
		Area:     checks.AreaStorage,
		Severity: checks.Warning,
		Why: "A database, its -wal and its -shm are one thing. When one of them is deleted or replaced under a running program (a restore, rsync --delete, rm of \"temporary\" files), the program " +
			"goes on with the old one and the next that opens the file sees another: what was written is lost, or the database is damaged. Without the right to make files in the folder, there is no log at all.",
		Fix:       "Stop the program, put the file back from a copy made by sqlite3 FILE '.backup COPY' if it was replaced, start it again. Never delete -wal or -shm of a database that is in use.",
		Verify:    "ls -l /proc/PID/fd shows no (deleted) database; sqlite3 FILE 'PRAGMA integrity_check' says ok",
		Sources:   []string{"https://www.sqlite.org/howtocorrupt.html#unlinking_or_renaming_a_database_file_while_in_use", "https://www.sqlite.org/wal.html#read_only_databases"},
		Diagnoses: []string{"sqlite-on-nfs"},
		Needs:     []checks.Need{checks.NeedDatabases},
		Eval:      checks.OnHost(evalSHM),
	}
}

// looseFor is how long a log must lie untouched before it counts as left behind: a program may open its
// database for each request.
const looseFor = 10 * time.Minute

func evalSHM(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for i := range h.Databases.Value {
		d := &h.Databases.Value[i]
		who := fmt.Sprintf("%s (pid %d)", d.Process, d.PID)
		f := h.Find("database "+d.Path, checks.NeedDatabases, "")
		f.Key = d.Process
		switch {
		case has(d.Deleted, ""):
			f.Severity = checks.Error
			f.Title = fmt.Sprintf("%s writes into %s, which was deleted or replaced: what it writes is lost", who, d.Path)
			f.Evidence[0].Text = fmt.Sprintf("/proc/%d/fd: %s (deleted)", d.PID, orElse(d.InnerPath, d.Path))
		case len(d.Deleted) > 0:
			f.Severity = checks.Error
			f.Title = fmt.Sprintf("%s of %s was deleted while %s has it open", strings.Join(d.Deleted, " and "), d.Path, who)
			f.Evidence[0].Text = fmt.Sprintf("/proc/%d/fd: %s%s (deleted)", d.PID, orElse(d.InnerPath, d.Path), d.Deleted[0])
		case d.Locked && d.Writes && !logged(d):
			f.Title = fmt.Sprintf("%s, user %s, may not make files beside %s: it cannot write to it", who, d.User, d.Path)
			f.Evidence[0].Text = fmt.Sprintf("%s is open for writing by user %s, who may not write into its folder", d.Path, d.User)
			f.Fix = "Give the folder, not only the file, to the user of the program: SQLite makes -journal, -wal and -shm beside the file."
			f.Verify = "sqlite3 FILE 'BEGIN IMMEDIATE; ROLLBACK', as that user, says nothing"
		default:
			continue
		}
		out = append(out, f)
	}
	for _, l := range h.LooseLogs {
		if l.At.IsZero() || h.World.Now.Sub(l.At) < looseFor {
			continue
		}
		f := h.Find("database "+strings.TrimSuffix(l.Path, "-wal"), checks.NeedDatabases, fmt.Sprintf("%s: %d bytes, last written %s, open by nobody", l.Path, l.Size, l.At.UTC().Format(time.RFC3339)))
		f.Title = l.Path + " was left behind: its program did not end in an orderly way"
		f.Severity = checks.Info
		f.Fix = "Nothing, if the program starts again: it reads the log first. Copy or move the database only together with it."
		f.Key = "loose"
		out = append(out, f)
	}
	return out
}

// logged reports that the log is there already: then it can be used without the right to make it.
func logged(d *hosts.Database) bool { return d.WAL && (d.SHM || d.WALSize > 0) }
