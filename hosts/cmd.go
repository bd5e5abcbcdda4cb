package hosts

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Cmd is a command for a host: an argv that is quoted once, inside the transport.
type Cmd struct {
	Argv  []string
	Env   map[string]string // set through env(1) where the server refuses AcceptEnv
	Stdin io.Reader         // nil is an empty standard input
	// Sudo runs the command as root the way the inventory says: directly when already root,
	// "sudo -n", or with the sudo password on standard input. It fails with ErrNoSudo where the
	// inventory forbids it.
	Sudo bool
	// Limit bounds what is kept of standard output, in bytes; 0 means DefaultLimit. What is over it
	// is read and thrown away and Result.Truncated is set. Streams are not bounded: they are
	// back-pressured.
	Limit int64
	// Timeout bounds the whole command; 0 means the connection's default. Ignored by Stream.
	Timeout time.Duration
	// Term asks for a pseudo-terminal of this size; nil for none. Only for interactive shells.
	Term *Term
}

// Term is a pseudo-terminal request.
type Term struct {
	Name       string // TERM, "xterm-256color"
	Cols, Rows int
	Resize     <-chan Size // later sizes; may be nil
}

// Size is a terminal size in cells.
type Size struct{ Cols, Rows int }

// DefaultLimit is how much standard output Run keeps when the command does not say: 8 MiB.
const DefaultLimit = 8 << 20

// Result is what a finished command left. A non-zero Exit is not an error of Run.
type Result struct {
	Stdout    []byte
	Stderr    []byte // its last 64 KiB
	Exit      int
	Signal    string // name without SIG when the command was killed, "" otherwise
	Truncated bool   // Stdout reached the limit
	Took      time.Duration
}

// Stream is a running command. Reading is the only thing that lets it go on: a reader that stops
// reading stops the command by back-pressure, not by buffering.
type Stream interface {
	io.Reader // standard output
	// Wait returns the result (Stdout empty) after Read gave io.EOF or the context ended.
	Wait() (Result, error)
	// Close kills the command and frees its channel; safe to call twice.
	Close() error
}

// Conn is a way to one host: the local machine, SSH, or a fake that passed the same conformance
// suite. All methods may be called from any goroutine at once; each honours its context promptly,
// even when the host says nothing.
type Conn interface {
	Run(ctx context.Context, c Cmd) (Result, error)
	Stream(ctx context.Context, c Cmd) (Stream, error)
	// Dial opens a connection as the host sees it; network is "tcp" or "unix".
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// Upload writes r to path with the given permission bits, by temporary file and rename.
	Upload(ctx context.Context, path string, mode uint32, r io.Reader) error
	// Close ends the connection; running commands fail with ErrClosed.
	Close() error
}

// Sentinels that decisions are made on; compare with errors.Is.
var (
	ErrClosed     = errors.New("connection closed")
	ErrUnreached  = errors.New("host not reached")       // dialling or the handshake failed
	ErrAuth       = errors.New("authentication refused") // no method left
	ErrHostKey    = errors.New("host key refused")       // changed, revoked or unknown; see HostKeyError
	ErrNoSudo     = errors.New("sudo not available")     // needs a password that is not configured, or is forbidden
	ErrTimeout    = errors.New("no answer within the deadline")
	ErrReadOnly   = errors.New("read-only: unlock with a reason first")
	ErrNotAllowed = errors.New("not permitted by the host") // permission denied on a file or socket
	ErrMissing    = errors.New("not installed on the host") // the command or socket does not exist
)

// HostKeyError tells why a host key was not accepted. It matches ErrHostKey.
type HostKeyError struct {
	Host        string // as dialled, "10.0.0.1:22"
	Algorithm   string // "ssh-ed25519"
	Fingerprint string // "SHA256:…"
	Key         []byte // the offered key in authorized_keys form, for recording it after consent
	Kind        HostKeyKind
	Known       []KnownKey // the lines that stand against it
}

// HostKeyKind says what is wrong with a host key.
type HostKeyKind int

// What can be wrong with a host key.
const (
	HostKeyUnknown HostKeyKind = iota // no line for this host: may be asked about
	HostKeyChanged                    // another key is on record: refused
	HostKeyRevoked                    // @revoked names this key: refused
)

// KnownKey is one line of a known_hosts file.
type KnownKey struct {
	File        string
	Line        int
	Algorithm   string
	Fingerprint string
}

func (e *HostKeyError) Error() string { return hostKeyText(e) }

// Is makes errors.Is(err, ErrHostKey) true.
func (e *HostKeyError) Is(target error) bool { return target == ErrHostKey }
