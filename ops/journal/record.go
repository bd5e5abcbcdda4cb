package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Version of the format of a line.
const Version = 1

// MaxLine bounds a line; a definition with all its settings has to fit into one.
const MaxLine = 4 << 20

// Record is one line. V, Seq, Prev and CRC are set by Append.
type Record struct {
	V    int             `json:"v"`
	Seq  int             `json:"seq"` // from 1
	T    time.Time       `json:"t"`
	Mono float64         `json:"mono,omitempty"` // seconds since the writing process opened the journal, by a clock that nobody sets
	Run  string          `json:"run"`
	K    string          `json:"k"`
	Step string          `json:"step,omitempty"`
	Host string          `json:"host,omitempty"`
	Try  int             `json:"try,omitempty"`
	D    json.RawMessage `json:"d,omitempty"`
	Prev string          `json:"prev"` // SHA-256 of the line before, without its line end; "" in the first
	CRC  string          `json:"crc,omitempty"`
}

// Errors that decisions are made on.
var (
	// ErrBusy is a journal that another process writes.
	ErrBusy = errors.New("another process drives this run")
	// ErrTorn is a line that was not written to its end.
	ErrTorn = errors.New("not a whole record")
	// ErrChain is a line that does not follow the one before it.
	ErrChain = errors.New("does not follow the record before it")
)

// crcMark joins a record and its checksum, which covers every byte of the line before the mark.
const crcMark = `,"crc":"`

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal makes the line of a record, line end included.
func Seal(r Record) ([]byte, error) {
	r.CRC = ""
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("seal a record: %w", err)
	}
	body = body[:len(body)-1]
	line := fmt.Appendf(body, "%s%08x\"}\n", crcMark, crc32.Checksum(body, castagnoli))
	if len(line) > MaxLine {
		return nil, fmt.Errorf("seal a record: %q of %d bytes, at most %d", r.K, len(line), MaxLine)
	}
	return line, nil
}

// Unseal reads a line without its line end and checks its sum.
func Unseal(line []byte) (Record, error) {
	var r Record
	i := bytes.LastIndex(line, []byte(crcMark))
	if i < 0 || len(line) != i+len(crcMark)+10 {
		return r, ErrTorn
	}
	if string(line[i:]) != fmt.Sprintf("%s%08x\"}", crcMark, crc32.Checksum(line[:i], castagnoli)) {
		return r, fmt.Errorf("%w: its checksum does not fit", ErrTorn)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrTorn, err)
	}
	if r.V != Version {
		return Record{}, fmt.Errorf("record of version %d, this midwatch knows %d: use the newer one", r.V, Version)
	}
	return r, nil
}

// Hash is what the next record holds of a line, without its line end.
func Hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Reading is what was found in the bytes of a journal.
type Reading struct {
	Records []Record
	Good    int64  // bytes up to the end of the last good line
	Last    string // hash of that line
	Torn    int64  // bytes behind it that make no record
	Fault   error  // why reading stopped at Good; nil when nothing is behind it
}

// Read reads records until the first line that is none or does not follow the one before it. An unfinished last
// line is no Fault that matters: its writer has not acted on it.
func Read(b []byte) Reading {
	var g Reading
	for int(g.Good) < len(b) {
		rest := b[g.Good:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			g.Fault = fmt.Errorf("record %d: %w", len(g.Records)+1, ErrTorn)
			break
		}
		r, err := Unseal(rest[:end])
		if err == nil && (r.Prev != g.Last || r.Seq != len(g.Records)+1) {
			err = ErrChain
		}
		if err != nil {
			g.Fault = fmt.Errorf("record %d: %w", len(g.Records)+1, err)
			break
		}
		g.Records = append(g.Records, r)
		g.Last = Hash(rest[:end])
		g.Good += int64(end) + 1
	}
	g.Torn = int64(len(b)) - g.Good
	return g
}

// Tail reports whether what is behind the good lines is only the cut end of one record, as a crash leaves it.
func (g Reading) Tail(b []byte) bool {
	return g.Torn > 0 && bytes.IndexByte(b[g.Good:len(b)-1], '\n') < 0
}
