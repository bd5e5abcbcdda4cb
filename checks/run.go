package checks

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"midwatch/hosts"
)

// Answer is what one check says about one subject.
type Answer struct {
	Check   *Check
	Host    string
	Subject string
	Status  Status
	Reason  string // for unknown and skipped
	Needs   string // what would make unknown known
	// Findings are in the order the check gave them; hidden and muted ones among them.
	Findings []Finding
}

// Report is all answers of one run.
type Report struct {
	At      time.Time
	Answers []Answer
}

// Options change how checks are run.
type Options struct {
	Mutes []Mute
	// Hosts limits the answers to these hosts; what others know still counts. Nil means all.
	Hosts []string
}

// Run asks the checks about the world. Rules are pure, so they are asked on all processors; the order of
// the answers is that of the checks and their subjects.
func Run(w *World, list []Check, o Options) *Report {
	type job struct {
		c *Check
		k Case
	}
	var jobs []job
	for i := range list {
		c := &list[i]
		before := len(jobs)
		for _, k := range c.Eval.cases(w) {
			if k.Host == nil || wanted(o.Hosts, k.Host.Name) {
				jobs = append(jobs, job{c, k})
			}
		}
		if len(jobs) == before {
			jobs = append(jobs, job{c: c})
		}
	}
	r := &Report{At: w.Now, Answers: make([]Answer, len(jobs))}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				if j := jobs[i]; j.k.Subject == "" {
					r.Answers[i] = Answer{Check: j.c, Status: Skipped, Reason: "nothing here that it is about: no " + j.c.Eval.on}
				} else {
					r.Answers[i] = answer(j.c, j.k, o)
				}
			}
		})
	}
	wg.Wait()
	r.once()
	r.mute(o.Mutes)
	r.hide()
	return r
}

// once drops what was said before: two projects that share a file both find what is wrong in it.
func (r *Report) once() {
	seen := map[string]bool{}
	for i := range r.Answers {
		a := &r.Answers[i]
		a.Findings = slices.DeleteFunc(a.Findings, func(f Finding) bool {
			id := f.ID()
			if f.Status != Found || !seen[id] {
				seen[id] = true
				return false
			}
			return true
		})
	}
}

func wanted(names []string, name string) bool { return names == nil || slices.Contains(names, name) }

// answer asks one question.
func answer(c *Check, k Case, o Options) Answer {
	a := Answer{Check: c, Subject: k.Subject}
	if k.Host != nil {
		a.Host = k.Host.Name
		if k.Host.Link.State == hosts.StateMaintenance {
			a.Status, a.Reason = Skipped, "in maintenance: "+k.Host.Link.Reason
			return a
		}
	}
	if k.Unread != "" {
		a.Status, a.Reason, a.Needs = Unknown, k.Unread, k.Needs
		return a
	}
	if k.Host != nil {
		for _, need := range c.Needs {
			p := k.Host.Part(need)
			switch {
			case p.unconfigured():
				a.Status, a.Reason = Skipped, "no "+string(need)+" is configured for this host"
				return a
			case !p.Known:
				a.Status, a.Reason, a.Needs = Unknown, p.Why(), p.Needs
				return a
			}
		}
	}
	a.Status = OK
	a.judge(c, k, o)
	return a
}

// judge asks the rule and takes what it says.
func (a *Answer) judge(c *Check, k Case, o Options) {
	defer func() {
		// A fault in one rule must not take the others along, and is not an answer of "all is well".
		if r := recover(); r != nil {
			a.Status, a.Findings = Unknown, nil
			a.Reason = fmt.Sprintf("the check itself failed: %v; please report it", r)
		}
	}()
	seen := map[string]int{}
	for _, f := range k.Ask() {
		if f.Status == Skipped {
			if a.Status == OK {
				a.Status, a.Reason = Skipped, f.Title
			}
			continue
		}
		fill(&f, c, k)
		if !wanted(o.Hosts, f.Host) && f.Host != "" {
			continue
		}
		// Findings alike in everything but their line are told apart by their order.
		id := f.ID()
		if seen[id]++; seen[id] > 1 {
			f.Key += fmt.Sprintf("#%d", seen[id])
		}
		a.Findings = append(a.Findings, f)
		switch {
		case f.Status == Found:
			a.Status = Found
		case a.Status == OK || a.Status == Skipped:
			a.Status, a.Reason = Unknown, f.Title
		}
	}
}

// Unsure is a finding that says what could not be told and why.
func Unsure(object, why string) Finding { return Finding{Status: Unknown, Object: object, Title: why} }

// NotHere says that a check does not apply to its subject, and why.
func NotHere(why string) []Finding { return []Finding{{Status: Skipped, Title: why}} }

// fill adds what the rule left out.
func fill(f *Finding, c *Check, k Case) {
	f.Check, f.Subject = c.ID, k.Subject
	if f.Status == Unknown && f.Object == "" {
		f.Object = k.Subject
	}
	if f.Title == "" {
		f.Title = c.Title
	}
	if f.Severity == SeverityUnset {
		f.Severity = c.Severity
	}
	if f.Why == "" {
		f.Why = c.Why
	}
	if f.Fix == "" {
		f.Fix = c.Fix
	}
	if f.Verify == "" {
		f.Verify = c.Verify
	}
	if f.Host == "" && k.Host != nil {
		f.Host = k.Host.Name
	}
	for i := range f.Evidence {
		e := &f.Evidence[i]
		if e.Host == "" {
			e.Host = f.Host
		}
		if e.At.IsZero() {
			e.At = k.at
		}
		if e.Source == "" {
			e.Source = k.source
		}
	}
}

// hide puts findings under those that cause them.
func (r *Report) hide() {
	byCheck := map[string][]*Finding{}
	r.each(func(f *Finding) {
		if f.Status == Found {
			byCheck[f.Check] = append(byCheck[f.Check], f)
		}
	})
	for i := range r.Answers {
		a := &r.Answers[i]
		for j := range a.Findings {
			f := &a.Findings[j]
			for _, id := range a.Check.After {
				if cause := causeOf(f, byCheck[id]); cause != nil && f.Status == Found {
					f.Under = cause.ID()
					break
				}
			}
		}
	}
}

// causeOf finds the finding that explains f: on the same host, and about the same object, about
// everything there, or saying that it covers the object.
func causeOf(f *Finding, causes []*Finding) *Finding {
	for _, c := range causes {
		if c.Host != f.Host || c == f {
			continue
		}
		if c.Object == "" && c.File == "" || c.Object == f.Object && c.File == f.File || slices.Contains(c.Covers, f.Object) {
			return c
		}
	}
	return nil
}

func (r *Report) each(do func(f *Finding)) {
	for i := range r.Answers {
		for j := range r.Answers[i].Findings {
			do(&r.Answers[i].Findings[j])
		}
	}
}

// Shown are the findings a person has to see, the worst first: not those that are muted or explained
// by another, and not what is unknown.
func (r *Report) Shown() []Finding {
	var out []Finding
	r.each(func(f *Finding) {
		if f.Status == Found && f.Under == "" && f.Mute == nil {
			out = append(out, *f)
		}
	})
	Sort(out)
	return out
}

// MutedFindings are those that would be shown and are muted.
func (r *Report) MutedFindings() []Finding {
	var out []Finding
	r.each(func(f *Finding) {
		if f.Status == Found && f.Under == "" && f.Mute != nil {
			out = append(out, *f)
		}
	})
	Sort(out)
	return out
}

// Unknowns are what could not be told, each with the reason as its title: what rules said themselves,
// and the answers of checks whose facts are missing.
func (r *Report) Unknowns() []Finding {
	var out []Finding
	for i := range r.Answers {
		a := &r.Answers[i]
		if a.Status == Unknown && len(a.Findings) == 0 {
			f := Finding{Check: a.Check.ID, Severity: a.Check.Severity, Status: Unknown, Host: a.Host, Subject: a.Subject, Object: a.Subject, Title: a.Reason, Why: a.Check.Why}
			if a.Needs != "" {
				f.Title += "; needs " + a.Needs
				f.Fix = "needs " + a.Needs
			}
			out = append(out, f)
		}
		for j := range a.Findings {
			if a.Findings[j].Status == Unknown {
				out = append(out, a.Findings[j])
			}
		}
	}
	return out
}

// Sort orders findings for people: the worst first, then by host, file, line and check.
func Sort(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Host, b.Host), strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), strings.Compare(a.Check, b.Check), strings.Compare(a.Object, b.Object),
		)
	})
}
