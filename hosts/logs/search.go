package logs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
)

// searchLimit is how many lines of a source are looked through at most for the last ones that are wanted.
const searchLimit = 1_000_000

// filtered reports a query that does not want every line.
func filtered(q *hosts.LogQuery) bool { return q.Grep != "" || q.Keep != nil }

// wanted decides about a record.
func wanted(q *hosts.LogQuery, e *hosts.Entry) bool {
	return e.Kind != hosts.EntryLine || (q.Grep == "" || strings.Contains(e.Text, q.Grep)) && (q.Keep == nil || q.Keep(e))
}

// searches reports that the last lines that are wanted have to be looked for: no source counts those.
func searches(q *hosts.LogQuery) bool {
	return filtered(q) && q.Since.IsZero() && !q.Boot
}

// finder keeps the last records that are wanted.
type finder struct {
	q     *hosts.LogQuery
	max   int
	join  joiner
	open  *hosts.Entry // the record that may go on
	found []hosts.Entry
	lines int // that were looked at
}

func (f *finder) take(e hosts.Entry) {
	f.lines++
	if f.join.goesOn(&e) && f.open != nil {
		join(f.open, &e)
		return
	}
	f.close()
	f.open = &e
}

func (f *finder) close() {
	if f.open != nil && wanted(f.q, f.open) {
		f.found = append(f.found, *f.open)
		if len(f.found) >= 2*f.max {
			f.found = append(f.found[:0], f.found[len(f.found)-f.max:]...)
		}
	}
	f.open = nil
}

// searchBack finds the last records that a query wants, going back further and further: pass gives the
// last n lines of the source to take. enough is how many lines are read first. The last of what is
// returned is a note where the search ended before the source did.
func searchBack(ctx context.Context, q *hosts.LogQuery, enough int, pass func(ctx context.Context, n int, take func(hosts.Entry)) error) (found []hosts.Entry, short bool, err error) {
	for n := enough; ; n = min(10*n, searchLimit) {
		f := &finder{q: q, max: tail(*q)}
		if err := pass(ctx, n, f.take); err != nil {
			return nil, false, err
		}
		f.close()
		found := f.found
		if len(found) > f.max {
			found = found[len(found)-f.max:]
		}
		if len(found) == f.max || f.lines < n {
			return found, false, nil
		}
		if n >= searchLimit {
			return found, true, nil
		}
	}
}

// searchedNote says that a search did not go back to the beginning.
func searchedNote(src hosts.LogSource, at time.Time) hosts.Entry {
	return note(src, at, fmt.Sprintf("only the last %d lines were searched", searchLimit))
}

// note is something to know about what follows; gap says that lines are missing. Both stand where the line
// before them does, whose time is at.
func note(src hosts.LogSource, at time.Time, text string) hosts.Entry {
	if at.IsZero() {
		at = time.Now()
	}
	return hosts.Entry{Time: at, Host: src.Host, Source: src, Kind: hosts.EntryNote, Level: hosts.LevelNotice, Text: "(" + text + ")"}
}

func gap(src hosts.LogSource, at time.Time, why string) hosts.Entry {
	e := note(src, at, "")
	e.Kind, e.Level, e.Text = hosts.EntryGap, hosts.LevelWarn, "gap: "+why
	return e
}

// errNoBoot is a host that does not say since when it has been up.
var errNoBoot = errors.New("this host does not say when it was started; give a time")
