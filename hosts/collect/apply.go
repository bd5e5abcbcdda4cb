package collect

import (
	"fmt"
	"time"

	"midwatch/hosts"
)

// Apply puts the evidence of a section into f and reports whether it was one of this package. What
// could not be read or understood is recorded as such; f's older values stay. f must be a copy that
// nobody else reads; the slices and maps in it may be shared, they are not changed.
func Apply(f *hosts.HostFacts, ev hosts.Evidence) (mine bool) {
	s, ok := ByID(ev.Collector)
	if !ok {
		return false
	}
	s.Apply(f, ev)
	return true
}

// Apply puts evidence of this section into f, as the function Apply does.
func (s Section) Apply(f *hosts.HostFacts, ev hosts.Evidence) {
	ev.Error, ev.Needs = hosts.CleanLine(ev.Error), hosts.CleanLine(ev.Needs)
	if ev.Error != "" {
		s.Fail(f, ev)
		return
	}
	if err := s.Fill(f, ev); err != nil {
		ev.Error = fmt.Sprintf("parse %s: %v", s.ID, err)
		s.Fail(f, ev)
		return
	}
	if ev.At.After(f.Latest) {
		f.Latest = ev.At
	}
}

// evidence makes the record of one section's answer.
func evidence(host string, s Section, at time.Time, took time.Duration, data []byte) hosts.Evidence {
	return hosts.Evidence{Host: host, Collector: s.ID, Source: s.Source, At: at, Took: took, Data: data}
}
