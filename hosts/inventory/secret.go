package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"midwatch/hosts"
)

// Secret says where a secret comes from; the secret itself is never in the inventory. The zero
// Secret is none.
type Secret struct {
	Env    string   // environment variable
	File   string   // file that only its owner can read; its last line end is cut
	Cmd    []string // command whose standard output it is, such as bws secret get ID
	Prompt bool     // asked when it is needed, at most once a run
	Agent  bool     // not needed here: the SSH agent holds the key
	Field  string   // with Cmd: take this field of the JSON object that it printed
}

// IsZero reports that no source was named.
func (s Secret) IsZero() bool {
	return s.Env == "" && s.File == "" && len(s.Cmd) == 0 && !s.Prompt && !s.Agent
}

// String names the source, never the secret.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "environment variable " + s.Env
	case s.File != "":
		return "file " + s.File
	case len(s.Cmd) > 0:
		return "command " + s.Cmd[0]
	case s.Prompt:
		return "prompt"
	case s.Agent:
		return "agent"
	default:
		return "none"
	}
}

// ErrNoSecret is that no source was named, or that the agent holds it.
var ErrNoSecret = errors.New("no secret configured")

// secretWait bounds a command that prints a secret: one that asks at a terminal it does not have
// must not hold a connection up for ever.
const secretWait = 30 * time.Second

// maxSecret bounds what is read; a key file with its certificate chain fits many times over.
const maxSecret = 64 << 10

// Resolve fetches the secret. what names it for a prompt and for errors ("sudo password of web1");
// ask shows a prompt and may be nil where nobody can answer. Errors never hold what was read.
func (s Secret) Resolve(ctx context.Context, what string, ask func(ctx context.Context, what string) (hosts.Secret, error)) (hosts.Secret, error) {
	switch {
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok || v == "" {
			return hosts.Secret{}, fmt.Errorf("%s: environment variable %s is not set", what, s.Env)
		}
		return hosts.NewSecret(v), nil
	case s.File != "":
		return readSecretFile(what, s.File)
	case len(s.Cmd) > 0:
		return s.run(ctx, what)
	case s.Prompt:
		if ask == nil {
			return hosts.Secret{}, fmt.Errorf("%s: is to be asked for, and there is no terminal to ask at", what)
		}
		return ask(ctx, what)
	default:
		return hosts.Secret{}, fmt.Errorf("%s: %w", what, ErrNoSecret)
	}
}

func readSecretFile(what, name string) (hosts.Secret, error) {
	name = ExpandHome(name)
	f, err := os.Open(name)
	if err != nil {
		return hosts.Secret{}, fmt.Errorf("%s: %w", what, err)
	}
	defer f.Close()
	// The open file is looked at, not the name: it cannot be exchanged in between.
	info, err := f.Stat()
	if err != nil {
		return hosts.Secret{}, fmt.Errorf("%s: %w", what, err)
	}
	if !info.Mode().IsRegular() {
		return hosts.Secret{}, fmt.Errorf("%s: %s is no regular file", what, name)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return hosts.Secret{}, fmt.Errorf("%s: %s can be read by others (mode %04o): chmod 600 it and change the secret", what, name, mode)
	}
	if info.Size() > maxSecret {
		return hosts.Secret{}, fmt.Errorf("%s: %s is larger than %d bytes", what, name, maxSecret)
	}
	buf := make([]byte, info.Size())
	n, err := f.ReadAt(buf, 0)
	if n < len(buf) && err != nil {
		return hosts.Secret{}, fmt.Errorf("%s: %w", what, err)
	}
	return nonEmpty(what, name, buf[:n])
}

func (s Secret) run(ctx context.Context, what string) (hosts.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, secretWait)
	defer cancel()
	argv := s.Cmd
	cmd := exec.CommandContext(ctx, ExpandHome(argv[0]), argv[1:]...) //nolint:gosec // the owner's own file names it
	cmd.WaitDelay = time.Second
	var out, errText limited
	cmd.Stdout, cmd.Stderr = &out, &errText
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		// Only the first line of stderr: a helper that fails prints why there, and stdout may hold the secret.
		why := strings.TrimSpace(firstLine(strings.ToValidUTF8(errText.String(), "?")))
		return hosts.Secret{}, fmt.Errorf("%s: run %s: %w %q", what, argv[0], err, why)
	}
	if s.Field == "" {
		return nonEmpty(what, argv[0], out.Bytes())
	}
	v, err := jsonField(out.Bytes(), s.Field)
	if err != nil {
		return hosts.Secret{}, fmt.Errorf("%s: %s: %w", what, argv[0], err)
	}
	return nonEmpty(what, argv[0], []byte(v))
}

func nonEmpty(what, source string, text []byte) (hosts.Secret, error) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return hosts.Secret{}, fmt.Errorf("%s: %s gave nothing", what, source)
	}
	return hosts.NewSecret(string(text)), nil
}

// limited keeps the first maxSecret bytes and throws the rest away.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxSecret - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
