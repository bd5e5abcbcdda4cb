package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/logfilter"
	"midwatch/ops/audit"
)

// boot reports that lines since the start of each host are wanted.
func (f logsFlags) boot() bool { return word(f.since) == "boot" }

// deploy reports that lines since the last deploy are wanted.
func (f logsFlags) deploy() bool { return word(f.since) == "deploy" }

// event is the text of the event since which lines are wanted, "" for none.
func (f logsFlags) event() string {
	text, ok := strings.CutPrefix(strings.TrimSpace(f.since), "event:")
	if !ok {
		return ""
	}
	return strings.TrimSpace(text)
}

// word is a moment that has a name, without what people put before it.
func word(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	return strings.TrimPrefix(strings.TrimPrefix(s, "this "), "last ")
}

// query makes a query of the flags; sources, and the moment of a deploy, are filled in later.
func (f logsFlags) query(now time.Time) (hosts.LogQuery, error) {
	q := hosts.LogQuery{Follow: f.follow, Tail: f.tail, Grep: f.grep, Boot: f.boot()}
	var err error
	if !q.Boot && !f.deploy() && f.event() == "" {
		if q.Since, err = parseWhen(f.since, now); err != nil {
			return q, wrong("--since: %w, boot, deploy or event:TEXT", err)
		}
	}
	if q.Until, err = parseWhen(f.until, now); err != nil {
		return q, wrong("--until: %w", err)
	}
	switch {
	case f.tail < 0:
		return q, wrong("--tail: want a number of lines")
	case !q.Until.IsZero() && !q.Since.Before(q.Until):
		return q, wrong("--until %s is not after --since %s", f.until, f.since)
	case !q.Until.IsZero() && f.follow:
		return q, wrong("--until and --follow exclude each other")
	case f.screen && f.grep != "":
		return q, wrong("--screen takes no --grep: give it as a --filter")
	}
	return q, f.choose(&q)
}

// terms are what --filter and --level say.
func (f logsFlags) terms() (logfilter.Filter, error) {
	texts := f.filters
	if f.level != "" {
		texts = append(texts[:len(texts):len(texts)], ">="+f.level)
	}
	var all logfilter.Filter
	for _, text := range texts {
		terms, err := logfilter.Parse(text)
		switch {
		case err != nil:
			return nil, wrong("--filter: %w", err)
		case len(terms) == 0:
			return nil, wrong("--filter %q: there is no condition in it", text)
		}
		all = append(all, terms...)
	}
	return all, nil
}

// choose reads what decides about lines.
func (f logsFlags) choose(q *hosts.LogQuery) error {
	all, err := f.terms()
	if err != nil {
		return err
	}
	if len(all) > 0 {
		q.Keep = all.Accepts
	}
	if f.priority == "" {
		return nil
	}
	terms, err := logfilter.Parse(">=" + f.priority)
	if err != nil || len(terms) != 1 {
		return wrong("--priority: want debug, info, notice, warn, error or fatal, not %q", f.priority)
	}
	q.Priority = terms[0].Min
	return nil
}

// screenFilter is what --filter and --level say as the one filter that the screen begins with.
func (f logsFlags) screenFilter() string {
	texts := f.filters
	if f.level != "" {
		texts = append(texts[:len(texts):len(texts)], ">="+f.level)
	}
	return strings.Join(texts, " ")
}

// grepOfLogs applies the texts that logs of the inventory are searched for. One that all of what is asked
// for has in common is looked for on the hosts, or is the filter of the screen; others hold for the sources
// of their log only.
func (a *app) grepOfLogs(f logsFlags, q *hosts.LogQuery, inv *inventory.Inventory, args []string) logsFlags {
	var with []*inventory.Log
	same := true
	for _, arg := range args {
		i := slices.IndexFunc(inv.Logs, func(l inventory.Log) bool { return l.Name == arg })
		if i < 0 || inv.Logs[i].Grep == "" {
			same = false
			continue
		}
		with = append(with, &inv.Logs[i])
		same = same && inv.Logs[i].Grep == with[0].Grep
	}
	switch {
	case len(with) == 0:
	case same && f.screen:
		f.filters = append(slices.Clone(f.filters), `"`+strings.ReplaceAll(with[0].Grep, `"`, `\"`)+`"`)
	case same && q.Grep == "":
		q.Grep = with[0].Grep
	case f.screen:
		a.warn("the grep of %s is left out: other sources are opened with it", with[0].Name)
	default:
		keep := q.Keep
		q.Keep = func(e *hosts.Entry) bool {
			for _, l := range with {
				if l.Has(e.Source) && !strings.Contains(e.Text, l.Grep) {
					return false
				}
			}
			return keep == nil || keep(e)
		}
	}
	return f
}

// lastDeploy is when the last deploy began that the audit log knows of.
func (a *app) lastDeploy() (time.Time, error) {
	unknown := wrong("--since deploy: no deploy is known here; give a time")
	dir := inventory.StateDir(a.getenv)
	if dir == "" {
		return time.Time{}, unknown
	}
	f, err := os.Open(filepath.Join(dir, auditFile))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, unknown
	}
	if err != nil {
		return time.Time{}, wrong("--since deploy: read audit log: %w", err)
	}
	defer f.Close()
	records, err := audit.Records(f)
	if err != nil {
		return time.Time{}, err
	}
	for i := len(records) - 1; i >= 0; i-- {
		if r := &records[i]; r.Phase == audit.PhaseBegin && strings.HasPrefix(r.Verb, "deploy") {
			return r.At, nil
		}
	}
	return time.Time{}, unknown
}
