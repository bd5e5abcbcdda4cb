package main

import (
	"bufio"
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
)

// auditFile is where operations are written down.
const auditFile = "audit.jsonl"

func (a *app) auditCommand() *cobra.Command {
	var verify bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Print what was changed, by whom and why",
		Long: `Print the audit log: every write lease and every operation, written down before it was carried out.

--verify checks that no line was changed, taken out or put in, and prints the hash of the last one: keep
it elsewhere, and the loss of the newest lines shows as well. The exit code is 1 when the log is not
whole.`,
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
		return a.verifyAudit(f)
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
	Whole   bool           `json:"whole"`
	Records int            `json:"records"`
	Head    string         `json:"head"` // hash of the last record
	Torn    int            `json:"torn"`
	Open    []audit.Record `json:"open"` // operations that began and never ended
	Faults  []string       `json:"faults"`
}

func (a *app) verifyAudit(f *os.File) error {
	r, err := audit.Verify(f)
	if err != nil {
		return err
	}
	if a.flags.json {
		doc := verifyJSON{Whole: len(r.Faults) == 0, Records: r.Records, Head: r.Head, Torn: r.Torn, Open: r.Open, Faults: r.Faults}
		if doc.Open == nil {
			doc.Open = []audit.Record{}
		}
		if doc.Faults == nil {
			doc.Faults = []string{}
		}
		err = a.printJSON(doc)
	} else {
		err = a.printVerified(r)
	}
	if err == nil && len(r.Faults) > 0 {
		return silently(exitFindings)
	}
	return err
}

func (a *app) printVerified(r audit.Report) error {
	var b strings.Builder
	for _, fault := range r.Faults {
		b.WriteString(hosts.CleanLine(fault) + "\n")
	}
	for i := range r.Open {
		fmt.Fprintf(&b, "never ended: %s\n", auditLine(&r.Open[i]))
	}
	state := "whole"
	if len(r.Faults) > 0 {
		state = "NOT whole"
	}
	fmt.Fprintf(&b, "%d records, %s, last hash %s\n", r.Records, state, r.Head)
	_, err := a.stdout.WriteString(b.String())
	return err
}
