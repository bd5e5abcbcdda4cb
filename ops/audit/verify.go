package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Report is what Verify found.
type Report struct {
	Records int
	Head    string // hash of the last record; compare it with one noted earlier
	Torn    int    // unfinished lines that a later record accounts for
	// Open are operations that began and never ended: the console died while they ran.
	Open []Record
	// Faults are the lines that break the chain, as "line 7: …"; none means the log is whole.
	Faults []string
}

// Verify reads a log and checks every record and the chain between them. The error is that of
// reading; faults of the log are in the report.
func Verify(r io.Reader) (Report, error) {
	var v verifier
	err := Each(r, v.line)
	v.finish()
	return v.Report, err
}

// Records reads the whole records of a log, oldest first, and skips lines that are none; Verify
// says what is wrong with those.
func Records(r io.Reader) ([]Record, error) {
	var out []Record
	err := Each(r, func(_ int, line []byte) {
		if rec, err := unseal(line); err == nil {
			out = append(out, rec)
		}
	})
	return out, err
}

// Each calls fn with every line of a log, without its line end, and its number from 1.
func Each(r io.Reader, fn func(n int, line []byte)) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxLine)
	n := 0
	for sc.Scan() {
		n++
		fn(n, sc.Bytes())
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read audit log: line %d: %w", n+1, err)
	}
	return nil
}

// maxFaults bounds the report of a file that is no audit log at all.
const maxFaults = 20

type verifier struct {
	Report
	prev   Record
	torn   string // hash of an unfinished line that waits for a record to account for it
	tornAt int
	began  map[string]Record
	order  []string
}

func (v *verifier) fault(n int, format string, a ...any) {
	if len(v.Faults) < maxFaults {
		v.Faults = append(v.Faults, fmt.Sprintf("line %d: ", n)+fmt.Sprintf(format, a...))
	}
}

func (v *verifier) line(n int, line []byte) {
	r, err := unseal(line)
	if err != nil {
		v.unaccounted()
		v.torn, v.tornAt = hashOf(line), n
		return
	}
	switch {
	case r.Torn == "":
		v.unaccounted()
	case r.Torn == v.torn:
		v.Torn++
	default:
		v.fault(n, "speaks of an unfinished line before it that is not there")
	}
	v.torn = ""
	if r.Prev != v.prev.Hash {
		v.fault(n, "does not follow the record before it: lines were taken out, put in or moved")
	} else if r.Seq != v.prev.Seq+1 {
		v.fault(n, "has number %d, want %d", r.Seq, v.prev.Seq+1)
	}
	v.prev = r
	v.Records++
	v.Head = r.Hash
	v.pair(r)
}

// pair matches ends with begins.
func (v *verifier) pair(r Record) {
	if v.began == nil {
		v.began = map[string]Record{}
	}
	switch r.Phase {
	case PhaseBegin:
		v.began[r.ID] = r
		v.order = append(v.order, r.ID)
	case PhaseEnd:
		delete(v.began, r.ID)
	}
}

// unaccounted turns a bad line that nothing accounts for into a fault.
func (v *verifier) unaccounted() {
	if v.torn != "" {
		v.fault(v.tornAt, "was changed, or was written by something else")
		v.torn = ""
	}
}

func (v *verifier) finish() {
	v.unaccounted()
	for _, id := range v.order {
		if r, ok := v.began[id]; ok {
			v.Open = append(v.Open, r)
		}
	}
}

// Err is nil for a log that is whole.
func (r Report) Err() error {
	errs := make([]error, 0, len(r.Faults))
	for _, f := range r.Faults {
		errs = append(errs, errors.New(f))
	}
	return errors.Join(errs...)
}
