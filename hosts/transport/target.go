package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"time"

	"midwatch/hosts"
)

// Target is a host as the inventory names it. What is empty comes from the user's OpenSSH
// configuration, or from OpenSSH's own defaults.
type Target struct {
	Name string // in messages
	Kind hosts.Kind
	// Alias is the name given to ssh -G; "" means Address. Address is the host name or IP that is
	// dialled; "" means what ssh -G makes of Alias.
	Alias, Address string
	User           string
	Port           int
	// Jump replaces ProxyJump: hosts separated by commas, each [user@]host[:port], resolved like any
	// other host; "none" goes straight.
	Jump string
	// Jumps are the jump hosts that are known better than by a name, by how they stand in Jump: each is
	// reached with keys and settings of its own. The others are with those of this host.
	Jumps map[string]Target
	// ProxyCommand replaces the configured one; "none" switches it off.
	ProxyCommand     string
	IdentityFiles    []string // tried instead of the configured ones
	CertificateFiles []string
	IdentityAgent    string   // socket of the agent instead of the configured one; "none" for no agent
	KnownHostsFiles  []string // read instead of the configured ones; the first is written to
	// SSHConfig is a configuration file for ssh -F. "none" asks ssh for nothing at all: Target and
	// OpenSSH's defaults say everything, and no ~/.ssh/config is read.
	SSHConfig string
	// InsecureHostKey accepts any host key, of the target and of its jump hosts. It shows as
	// Link.Warning all the time.
	InsecureHostKey bool

	TLS *tls.Config // spoken to an engine over TCP; nil speaks without

	Sudo         SudoPolicy
	SudoPassword SecretFunc // nil: Params.Ask is asked, when there is one
	Password     SecretFunc // nil: asked
	Passphrase   SecretFunc // of the identity files; nil: asked

	MaxSessions    int           // session channels used at once; 0 means 8
	ConnectTimeout time.Duration // for each of: dial, handshake; 0 means ConnectTimeout of ssh, or 10 s
	CommandTimeout time.Duration // for commands that say nothing; 0 means 20 s
	// Keepalive and KeepaliveDeadline are for this host instead of Params'; 0 leaves those.
	Keepalive, KeepaliveDeadline time.Duration
}

// SecretFunc gets a secret: from an environment variable, a file, a command, the keyring.
type SecretFunc func(context.Context) (hosts.Secret, error)

// FixedSecret returns a SecretFunc for a secret that is known already.
func FixedSecret(s hosts.Secret) SecretFunc {
	return func(context.Context) (hosts.Secret, error) { return s, nil }
}

// Params are what a Link needs of the program around it.
type Params struct {
	Log *slog.Logger // required
	// Ask puts questions to the operator; nil means that nobody is there, and nothing is asked.
	Ask Ask
	// OnChange is called with the new state whenever it changed, from a goroutine of the Link. It
	// must not block for long, nor call back into the Link's Close.
	OnChange func(hosts.Link)
	// Lazy waits with connecting until the Link is used.
	Lazy bool
	// FailFast makes calls fail with the reason of the last failed attempt instead of waiting for a
	// later one to succeed. For programs that ask once and end.
	FailFast bool
	// Dial opens the first connection; nil means a net.Dialer. The demo fleet and tests dial in memory.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Getenv and Home are the user's environment and home directory; nil and "" mean the process's.
	Getenv func(string) string
	Home   string
	// Environ is the environment of local commands and proxy commands; nil means the process's.
	Environ []string

	// Keepalive is the time between two signs of life, KeepaliveDeadline how long one may take. Zero
	// means 4 and 8 seconds: a host that vanished is noticed after 12 at most.
	Keepalive, KeepaliveDeadline time.Duration
	// BackoffMin and BackoffMax bound the pause between two attempts to connect; zero means 1 and 30 s.
	BackoffMin, BackoffMax time.Duration
}

func (p Params) withDefaults() Params {
	if p.Log == nil {
		panic("transport: Params without a logger")
	}
	if p.Getenv == nil {
		p.Getenv = os.Getenv
	}
	if p.Home == "" {
		p.Home, _ = os.UserHomeDir()
	}
	if p.Dial == nil {
		p.Dial = dialTCP
	}
	p.Keepalive = orDuration(p.Keepalive, 4*time.Second)
	p.KeepaliveDeadline = orDuration(p.KeepaliveDeadline, 8*time.Second)
	p.BackoffMin = orDuration(p.BackoffMin, time.Second)
	p.BackoffMax = orDuration(p.BackoffMax, 30*time.Second)
	return p
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// dialTCP dials with the kernel's own supervision of the connection switched on.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         limitUnacknowledged,
	}
	return d.DialContext(ctx, network, address)
}

// Question is something only the operator can answer.
type Question struct {
	Kind QuestionKind
	Host string // the host it is about, as it is named to people
	Text string // what to show: "passphrase for ~/.ssh/id_ed25519", the server's own prompt, …
	// Subject tells questions apart that have the same answer on every host: the path of the key
	// file; "" when the answer belongs to this host.
	Subject string
	Echo    bool                // the answer may be seen while it is typed
	HostKey *hosts.HostKeyError // of AskHostKey
}

// QuestionKind is what a question is about.
type QuestionKind int

// The kinds of questions.
const (
	AskPassphrase   QuestionKind = iota + 1 // of a key file
	AskPassword                             // of the login
	AskInteractive                          // the server's own question (keyboard-interactive)
	AskHostKey                              // accept and record an unknown host key: "yes" does, all else refuses
	AskSudoPassword                         // for sudo
)

// Ask answers a question, or returns an error when the operator does not want to.
type Ask func(ctx context.Context, q Question) (hosts.Secret, error)
