package capture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"midwatch/hosts"
	"midwatch/hosts/fleet"
)

// Version is the version of the format that is written. Older ones are read; newer ones are refused.
const Version = 1

const format = "midwatch-capture"

// Bounds on what a file may make of us: captures come from other people.
const (
	maxLine     = 64 << 20
	maxUnpacked = 2 << 30
	maxRecords  = 1_000_000
)

// Capture is the evidence of a fleet at one moment.
type Capture struct {
	At       time.Time
	By       string // version of midwatch that wrote it
	Hosts    []hosts.Host
	Links    map[string]hosts.Link
	Events   []hosts.Event
	Edges    []Edge
	Evidence []hosts.Evidence
}

// Edge is a forward in front of the fleet, which no host can tell: without it a trace of a capture would
// begin nowhere.
type Edge struct {
	Public string `json:"public"`
	Port   int    `json:"port"`
	Host   string `json:"host"`
	To     int    `json:"to"`
}

// ErrFormat is for a file that is no capture, is cut short, or is of a newer version.
var ErrFormat = errors.New("not a readable capture")

// Snapshot makes facts of the evidence, the same on any machine.
func (c *Capture) Snapshot() *hosts.Snapshot {
	s := fleet.Replay(c.Hosts, c.Evidence, c.At)
	s.Events = c.Events
	for _, h := range s.Hosts {
		if l, ok := c.Links[h.Host.Name]; ok {
			l.Via = "capture of " + c.At.Format(time.RFC3339)
			h.Link = l
		}
	}
	return s
}

// record is one line; the fields that are set tell which kind it is.
type record struct {
	Format   string                `json:"format,omitempty"`
	Version  int                   `json:"version,omitempty"`
	At       time.Time             `json:"at,omitzero"`
	By       string                `json:"by,omitempty"`
	Hosts    []hosts.Host          `json:"hosts,omitempty"`
	Links    map[string]hosts.Link `json:"links,omitempty"`
	Events   []hosts.Event         `json:"events,omitempty"`
	Edges    []Edge                `json:"edges,omitempty"`
	Evidence *hosts.Evidence       `json:"evidence,omitempty"`
	End      bool                  `json:"end,omitempty"`
	Count    int                   `json:"count,omitempty"`
}

// Write writes c, redacted. secrets are all secrets that are known here; when one of them is still
// found in what would be written, nothing useful is written and the error is a *SecretError.
func Write(w io.Writer, c *Capture, secrets []hosts.Secret) error {
	guard := newGuard(secrets)
	var clean []hosts.Evidence
	for _, e := range c.Evidence {
		e = Redact(e)
		if err := guard.evidence(e); err != nil {
			return err
		}
		clean = append(clean, e)
	}
	head := record{Format: format, Version: Version, At: c.At, By: c.By, Hosts: c.Hosts, Links: c.Links, Events: c.Events, Edges: c.Edges}
	if err := guard.value(head, "the list of hosts and events"); err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	enc := json.NewEncoder(z)
	err = enc.Encode(head)
	for i := range clean {
		if err == nil {
			err = enc.Encode(record{Evidence: &clean[i]})
		}
	}
	if err == nil {
		err = enc.Encode(record{End: true, Count: len(clean)})
	}
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

// Read reads a capture. Errors match ErrFormat when the content is at fault.
func Read(r io.Reader) (*Capture, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, fmt.Errorf("read capture: %w: %w", ErrFormat, err)
	}
	defer z.Close()
	lines := bufio.NewReaderSize(io.LimitReader(z, maxUnpacked), 1<<16)
	c := &Capture{}
	for n := 0; n < maxRecords; n++ {
		line, err := readLine(lines)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the file is cut short")
			}
			return nil, fmt.Errorf("read capture: %w: %w", ErrFormat, err)
		}
		var rec record
		if err := json.Unmarshal(line, &rec); err != nil {
			return nil, fmt.Errorf("read capture: %w: line %d: %w", ErrFormat, n+1, err)
		}
		done, err := c.take(n, rec)
		if err != nil {
			return nil, fmt.Errorf("read capture: %w: %w", ErrFormat, err)
		}
		if done {
			return c, nil
		}
	}
	return nil, fmt.Errorf("read capture: %w: more than %d records", ErrFormat, maxRecords)
}

func (c *Capture) take(n int, rec record) (done bool, err error) {
	switch {
	case n == 0 && rec.Format != format:
		return false, errors.New("it does not begin like one")
	case n == 0 && rec.Version > Version:
		return false, fmt.Errorf("it is of version %d, this midwatch reads up to %d; use a newer midwatch", rec.Version, Version)
	case n == 0:
		c.At, c.By, c.Hosts, c.Links, c.Events, c.Edges = rec.At, rec.By, rec.Hosts, rec.Links, rec.Events, rec.Edges
	case rec.End:
		if rec.Count != len(c.Evidence) {
			return false, fmt.Errorf("%d pieces of evidence of %d are there", len(c.Evidence), rec.Count)
		}
		return true, nil
	case rec.Evidence != nil:
		c.Evidence = append(c.Evidence, *rec.Evidence)
	}
	return false, nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		part, err := r.ReadSlice('\n')
		out = append(out, part...)
		switch {
		case len(out) > maxLine:
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		}
		return out, err
	}
}
