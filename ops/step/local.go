package step

import (
	"context"
	"path"

	"midwatch/hosts"
)

// maxLocal is the largest local file that is put in place as a file.
const maxLocal = 32 << 20

// localPath is a path of the operator's machine as the definition means it; "" is the definition's directory.
func localPath(e *Env, p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(e.Base, p)
}

// readLocal reads a file of the operator's machine.
func readLocal(ctx context.Context, e *Env, p string) ([]byte, error) {
	p = localPath(e, p)
	b, err := here(e).readFile(ctx, p, maxLocal)
	if err != nil && exitOf(err) == 1 {
		return nil, &refusal{"this machine: " + hosts.CleanLine(p) + " cannot be read: is it there?", err}
	}
	return b, err
}
