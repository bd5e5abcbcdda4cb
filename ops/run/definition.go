package run

import (
	"encoding/json"
	"errors"
	"fmt"

	"midwatch/ops/deploy"
)

// kindGroup is the kind of a step that holds others.
const kindGroup = "group"

// encodeDefinition writes a definition for a journal. There is no secret in it: it names them.
func encodeDefinition(d *deploy.Definition) (json.RawMessage, error) { return json.Marshal(d) }

// decodeDefinition reads a definition of a journal.
func decodeDefinition(b []byte) (*deploy.Definition, error) {
	if len(b) == 0 {
		return nil, errors.New("no definition in the journal")
	}
	var d deploy.Definition
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("definition in the journal: %w", err)
	}
	return &d, nil
}
