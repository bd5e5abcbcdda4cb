package secrets

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"midwatch/hosts"
	"midwatch/ops/secrets/forms"
)

// redactor finds secrets in texts.
type redactor struct {
	mu       sync.RWMutex // guards both
	forms    map[string]bool
	replacer *strings.Replacer // nil: nothing to find
}

func newRedactor() *redactor { return &redactor{forms: map[string]bool{}} }

// add makes a secret known.
func (r *redactor) add(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range forms.One(secret) {
		r.forms[f] = true
	}
	all := forms.LongestFirst(slices.Collect(maps.Keys(r.forms)))
	pairs := make([]string, 0, 2*len(all))
	for _, f := range all {
		pairs = append(pairs, f, hosts.Dots)
	}
	if len(pairs) > 0 {
		r.replacer = strings.NewReplacer(pairs...)
	}
}

func (r *redactor) redact(text string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

func (r *redactor) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forms, r.replacer = map[string]bool{}, nil
}
