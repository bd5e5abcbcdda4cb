package hosts

import "time"

// Symptom is a known trouble that a log speaks of, with how often it did within the time that was read.
type Symptom struct {
	ID     string // of hosts/logline's table: "oidc-empty-client-id", …
	Source LogSource
	Count  int
	First  time.Time
	Last   time.Time
	Line   string // the latest line, cleaned and redacted
}

// SymptomWindow is how far back logs are read for symptoms.
const SymptomWindow = 30 * time.Minute
