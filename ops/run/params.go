package run

import (
	"context"
	"log/slog"
	"time"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// Params is what Runs is made of. Fields are required unless their comment says otherwise.
type Params struct {
	// Context is the life of the runs that this process drives. When it ends they are left as they are: their
	// jobs go on, and whoever resumes them finds everything in their journals.
	Context context.Context //nolint:containedctx // see above
	// Dir is where this operator keeps runs: one directory a run, 0700.
	Dir string
	// Definitions are the deploys of the configuration; with an error some of them may be there.
	Definitions func(ctx context.Context) ([]*deploy.Definition, error)
	// Host looks a host up in the inventory, Group the hosts of a group.
	Host  func(name string) (hosts.Host, bool)
	Group func(name string) []string
	// Conn is the way to a host, Local to the operator's machine. They are not closed here.
	Conn  func(ctx context.Context, host string) (hosts.Conn, error)
	Local hosts.Conn
	Kinds map[string]step.Kind
	// Expand returns a copy of a step's settings with its expressions replaced, Text does one text. What is
	// known only when the run is there (Scope.Planning) is replaced by a word like ‹from build›.
	Expand func(settings any, s Scope) (any, error)
	Text   func(t deploy.Text, s Scope) (string, error)
	// Reveal expands a text that may hold secrets.
	Reveal func(ctx context.Context, d *deploy.Definition, t deploy.Sensitive, s Scope) (hosts.Secret, error)
	// Redact takes every secret that was revealed out of a text; the last defence. Optional.
	Redact func(text string) string
	// Gate is the one way to an effect.
	Gate *ops.Manager
	HTTP step.Doer
	// Rsh makes a host's connection usable for a system rsync. Optional.
	Rsh func(ctx context.Context, host string) (rsh, remote string, stop func(), err error)
	// RshRoot is Rsh with root at the other end. Optional.
	RshRoot func(ctx context.Context, host string) (rsh, remote string, stop func(), err error)
	// Checks asks the console's checks. Optional.
	Checks func(ctx context.Context, host string, ids []string) ([]string, error)
	Now    func() time.Time
	// Who is the operator's login and From the machine.
	Who, From string
	Version   string // of midwatch, for the lock
	// Root is the directory on the targets; "" is /var/lib/midwatch, or below the login's home without rights.
	Root string
	// RootOf is Root for one host. Optional.
	RootOf func(host string) string
	Log    *slog.Logger
	// OnRecord is called right before and right after a record is written to the local journal; for tests that
	// end the process there. Optional.
	OnRecord func(written bool, r Record)
}

// Scope is what the expressions of a step may refer to.
type Scope struct {
	Run      string // id; "" while planning
	Host     string // "" on the operator's machine
	HostVars map[string]string
	Vars     map[string]string // the definition's, with what the options put over them
	// Outputs are the values that earlier steps named: step → name → host → value. The host of a step on the
	// operator's machine is "".
	Outputs  map[string]map[string]map[string]string
	Hosts    map[string][]string // of each target, in order
	Planning bool                // outputs are not there yet
}
