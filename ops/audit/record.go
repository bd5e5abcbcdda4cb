package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The phases of a record.
const (
	PhaseBegin  = "begin"  // written before the effect
	PhaseEnd    = "end"    // written after it, with the result
	PhaseUnlock = "unlock" // the write lease was taken
	PhaseLock   = "lock"   // it was given back, or ran out
	PhaseSecret = "secret" // a secret was fetched for a run: its name and its source, never the secret
)

// Record is one line of the log. Seq, Prev, Torn and Hash are set by Append.
type Record struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Phase  string    `json:"phase"`
	ID     string    `json:"id,omitempty"` // joins begin and end
	Who    string    `json:"who"`          // the operator's login
	From   string    `json:"from"`         // machine, and where the session came from
	Reason string    `json:"reason,omitempty"`
	Verb   string    `json:"verb,omitempty"`
	Host   string    `json:"host,omitempty"`
	Object string    `json:"object,omitempty"`
	Run    string    `json:"run,omitempty"`    // the run it belongs to
	Plan   string    `json:"plan,omitempty"`   // fingerprint of the plan that was consented to
	Before string    `json:"before,omitempty"` // the object's state
	After  string    `json:"after,omitempty"`
	Result string    `json:"result,omitempty"`
	Error  string    `json:"error,omitempty"`
	Until  time.Time `json:"until,omitzero"` // end of a lease
	// Torn is the hash of an unfinished line that stood at the end of the file: a crash while it
	// was written, before anything was done.
	Torn string `json:"torn,omitempty"`
	Prev string `json:"prev"` // Hash of the record before, "" in the first
	Hash string `json:"hash,omitempty"`
}

// hashMark joins a record and its hash: the hash covers every byte of the line before the mark.
const hashMark = `,"hash":"`

// seal makes the line of a record, hash and line end included.
func seal(r *Record) ([]byte, error) {
	r.Hash = ""
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write audit record: %w", err)
	}
	body = body[:len(body)-1] // the closing brace
	r.Hash = hashOf(body)
	line := make([]byte, 0, len(body)+len(hashMark)+67)
	line = append(line, body...)
	line = append(line, hashMark...)
	line = append(line, r.Hash...)
	return append(line, "\"}\n"...), nil
}

// unseal reads a line, without its line end, and checks its own hash.
func unseal(line []byte) (Record, error) {
	var r Record
	i := bytes.LastIndex(line, []byte(hashMark))
	if i < 0 {
		return r, fmt.Errorf("not a whole record")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("not a record: %w", err)
	}
	if string(line[i:]) != hashMark+r.Hash+`"}` || hashOf(line[:i]) != r.Hash {
		return r, fmt.Errorf("was changed: its hash does not fit")
	}
	return r, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// oneLine keeps what hosts and people say from filling the log.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return s
}
