package run

import (
	"context"
	"encoding/json"
	"slices"

	"midwatch/ops/remote"
)

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }

// sortNewest sorts ids of runs, the newest first: they begin with their time.
func sortNewest(ids []string) {
	slices.Sort(ids)
	slices.Reverse(ids)
}

// putState puts the summary of a run on a host.
func putState(ctx context.Context, h *remote.Host, st State) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return h.PutMeta(ctx, st.ID, b)
}

func marshal(v any) ([]byte, error) { return json.Marshal(v) }
