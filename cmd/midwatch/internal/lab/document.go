//go:build lab

package lab

import (
	"encoding/json"
	"testing"
)

// Status is what the tests read of "midwatch status --json".
type Status struct {
	Complete bool         `json:"complete"`
	Verdict  string       `json:"verdict"`
	Hosts    []HostStatus `json:"hosts"`
}

// HostStatus is one host of it; nil is unknown.
type HostStatus struct {
	Name   string   `json:"name"`
	State  string   `json:"state"`
	Reason string   `json:"reason"`
	Via    string   `json:"via"`
	Age    *float64 `json:"age"`
	Load   *[3]float64
	Disks  []struct {
		Mount     string `json:"mount"`
		Size      uint64 `json:"size"`
		Used      uint64 `json:"used"`
		Available uint64 `json:"available"`
	} `json:"disks"`
	Containers []struct {
		Name   string `json:"name"`
		ID     string `json:"id"`
		State  string `json:"state"`
		Health string `json:"health"`
		Exit   int    `json:"exit"`
	} `json:"containers"`
	FailedUnits []string `json:"failed_units"`
	Unknown     []struct {
		Part   string `json:"part"`
		Reason string `json:"reason"`
		Needs  string `json:"needs"`
	} `json:"unknown"`
}

// Host returns the named host of the document.
func (s Status) Host(t *testing.T, name string) HostStatus {
	t.Helper()
	for _, h := range s.Hosts {
		if h.Name == name {
			return h
		}
	}
	t.Fatalf("the document has no host %s", name)
	return HostStatus{}
}

// Container returns the state of a container, "" when it is not listed.
func (h HostStatus) Container(name string) string {
	for _, c := range h.Containers {
		if c.Name == name {
			return c.State
		}
	}
	return ""
}

// ParseStatus reads one document.
func ParseStatus(t *testing.T, text string) Status {
	t.Helper()
	var s Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("status --json: %v\n%s", err, text)
	}
	return s
}

// LogLine is a line of "midwatch logs --json".
type LogLine struct {
	Host   string `json:"host"`
	Name   string `json:"name"`
	Source string `json:"source"`
	Text   string `json:"text"`
	Time   string `json:"time"`
}

// ParseLogLine reads one line.
func ParseLogLine(t *testing.T, text string) LogLine {
	t.Helper()
	var l LogLine
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("logs --json: %v\n%s", err, text)
	}
	return l
}
