package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/ops/audit"
	"midwatch/ops/journal"
)

// auditFile is where operations are written down.
const auditFile = "audit.jsonl"

func (a *app) auditCommand() *cobra.Command {
	var verify bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Print what was changed, by whom and why",
		Long: `Print the audit log: every write lease and every operation, written down before it was carried out.

--verify checks that no line was changed, taken out or put in, of this log and of the journals of the runs
that are kept here, and prints the hash of the last line: keep it elsewhere, and the loss of the newest
lines shows as well. The exit code is 1 when something is not whole.`,
		Example: `midwatch audit | tail
midwatch audit --json | jq -r 'select(.verb == "restart") | .object'
midwatch audit --verify`,
		Args: cobra.NoArgs,
		Run:  a.does(func(context.Context, []string) error { return a.runAudit(verify) }),
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "check the chain of the records instead of printing them")
	return cmd
}

func (a *app) runAudit(verify bool) error {
	dir := inventory.StateDir(a.getenv)
	if dir == "" {
		return wrong("read audit log: neither XDG_STATE_HOME nor HOME is set")
	}
	f, err := os.Open(filepath.Join(dir, auditFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !verify:
		a.warn("nothing was ever changed from here: there is no %s", filepath.Join(dir, auditFile))
		return nil
	case err != nil:
		return &exitError{exitUsage, fmt.Errorf("read audit log: %w", err)}
	}
	defer f.Close()
	if verify {
		return a.verifyAudit(f, filepath.Join(dir, runsName))
	}
	records, err := audit.Records(f)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.stdout)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range records {
		if a.flags.json {
			err = enc.Encode(&records[i])
		} else {
			_, err = fmt.Fprintln(out, auditLine(&records[i]))
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

// auditLine is a record for people.
func auditLine(r *audit.Record) string {
	what := r.Phase
	switch r.Phase {
	case audit.PhaseUnlock:
		what = "unlocked until " + r.Until.Local().Format("15:04:05") + ": " + r.Reason
	case audit.PhaseLock:
		what = "locked"
		if r.Result != "" && r.Result != what {
			what += " (" + r.Result + ")"
		}
	case audit.PhaseSecret:
		what = "secret " + r.Object + " was fetched from " + r.Result
		if r.Error != "" {
			what = "secret " + r.Object + " could not be had: " + r.Error
		}
		if r.Run != "" {
			what += ", for run " + r.Run
		}
	case audit.PhaseBegin:
		what = strings.TrimSpace(r.Verb+" "+r.Object) + " on " + r.Host + ": begun, " + r.Before
	case audit.PhaseEnd:
		what = strings.TrimSpace(r.Verb+" "+r.Object) + " on " + r.Host + ": " + r.Result
		if r.Error != "" {
			what += ", " + r.Error
		}
		if r.After != "" {
			what += ", " + r.After
		}
	}
	return hosts.CleanLine(r.At.Local().Format("2006-01-02 15:04:05") + " " + r.Who + " " + what)
}

// verifyJSON is the document of "midwatch audit --verify --json".
type verifyJSON struct {
	Whole   bool           `json:"whole"` // the log and every journal
	Records int            `json:"records"`
	Head    string         `json:"head"` // hash of the last record
	Torn    int            `json:"torn"`
	Open    []audit.Record `json:"open"` // operations that began and never ended
	Faults  []string       `json:"faults"`
	Runs    []verifiedRun  `json:"runs"`
}

// verifiedRun is the journal of a run, verified.
type verifiedRun struct {
	Run     string `json:"run"`
	Records int    `json:"records"`
	Head    string `json:"head"`
	Torn    bool   `json:"torn"` // its last line was not written to its end, before anything was done
	Fault   string `json:"fault,omitempty"`
}

func (a *app) verifyAudit(f *os.File, runs string) error {
	r, err := audit.Verify(f)
	if err != nil {
		return err
	}
	journals, err := verifyRuns(runs)
	if err != nil {
		return err
	}
	whole := len(r.Faults) == 0
	for _, j := range journals {
		whole = whole && j.Fault == ""
	}
	if a.flags.json {
		doc := verifyJSON{Whole: whole, Records: r.Records, Head: r.Head, Torn: r.Torn, Open: r.Open, Faults: orEmpty(r.Faults), Runs: journals}
		if doc.Open == nil {
			doc.Open = []audit.Record{}
		}
		err = a.printJSON(doc)
	} else {
		err = a.printVerified(r, journals)
	}
	if err == nil && !whole {
		return silently(exitFindings)
	}
	return err
}

// verifyRuns reads every journal below a directory of runs.
func verifyRuns(dir string) ([]verifiedRun, error) {
	out := []verifiedRun{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("read runs: %w", err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name(), journalFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a run of somebody else, of which only output is kept
		}
		if err != nil {
			return out, fmt.Errorf("read the journal of run %s: %w", e.Name(), err)
		}
		g := journal.Read(b)
		v := verifiedRun{Run: e.Name(), Records: len(g.Records), Head: g.Last, Torn: g.Torn > 0 && bytes.IndexByte(b[g.Good:], '\n') < 0}
		if g.Fault != nil && !v.Torn {
			v.Fault = g.Fault.Error()
		}
		out = append(out, v)
	}
	return out, nil
}

func (a *app) printVerified(r audit.Report, runs []verifiedRun) error {
	var b strings.Builder
	for _, fault := range r.Faults {
		b.WriteString(hosts.CleanLine(fault) + "\n")
	}
	for i := range r.Open {
		fmt.Fprintf(&b, "never ended: %s\n", auditLine(&r.Open[i]))
	}
	broken := 0
	for _, j := range runs {
		if j.Fault != "" {
			broken++
			fmt.Fprintf(&b, "run %s: NOT whole: %s\n", hosts.CleanLine(j.Run), hosts.CleanLine(j.Fault))
		}
	}
	state := "whole"
	if len(r.Faults) > 0 {
		state = "NOT whole"
	}
	fmt.Fprintf(&b, "%d records, %s, last hash %s\n", r.Records, state, r.Head)
	if len(runs) > 0 {
		fmt.Fprintf(&b, "%d journals of runs, %d of them whole\n", len(runs), len(runs)-broken)
	}
	_, err := a.stdout.WriteString(b.String())
	return err
}
