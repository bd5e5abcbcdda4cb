package transport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
)

// promptTries is how often a password or code may be typed, as in ssh.
const promptTries = 3

// declinedError is a question that the operator did not answer. It is not asked again by itself.
type declinedError struct{ err error }

func (e *declinedError) Error() string { return "not answered: " + e.err.Error() }
func (e *declinedError) Unwrap() error { return e.err }

// login is one authentication: which methods are left, what was tried, and what worked.
type login struct {
	ctx      context.Context // one handshake; ssh's callbacks take no context
	settings Settings
	password SecretFunc // nil for jump hosts and when none is configured
	ask      Ask
	keys     *keyring
	memory   *memory
	hold     func() func() // stops the handshake's deadline while a person is asked

	queue   []candidate
	listed  bool
	agent   int // agent keys offered
	tried   []string
	attempt string // what is being tried
	worked  []string
	partial int
	given   bool // the configured or remembered password was used up
	prompts map[string]int
	typed   hosts.Secret // the password that was typed last
	fault   error        // ends the login
}

// next is ssh's AuthCallback: it is called when the method before it was not enough.
func (l *login) next(ac *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if l.fault != nil {
		return nil, l.fault
	}
	if n := len(ac.PartialSuccessMethods); n > l.partial {
		l.partial = n
		l.worked = append(l.worked, l.attempt)
	}
	for _, method := range l.order() {
		if !slices.Contains(ac.AllowedMethods, method) {
			continue
		}
		if m := l.try(method); m != nil {
			return m, nil
		}
	}
	return nil, l.refusal(ac.AllowedMethods)
}

// order is the order of the methods: the user's, or ssh's. A configured password goes before the
// server's own questions, because it answers only one kind of them.
func (l *login) order() []string {
	if len(l.settings.Preferred) > 0 {
		return l.settings.Preferred
	}
	if l.password != nil {
		return []string{"publickey", "password", "keyboard-interactive"}
	}
	return []string{"publickey", "keyboard-interactive", "password"}
}

// try returns the next attempt by a method, nil when there is none.
func (l *login) try(method string) ssh.AuthMethod {
	switch {
	case method == "publickey" && !l.settings.NoPublicKey:
		return l.nextKey()
	case method == "password" && !l.settings.NoPassword:
		if s, ok := l.known(); ok {
			l.attempt = "password"
			l.tried = append(l.tried, "password")
			return ssh.Password(s.Reveal())
		}
		if l.mayAsk(method) {
			l.attempt = "password"
			l.tried = append(l.tried, "password")
			return ssh.PasswordCallback(l.askPassword)
		}
	case method == "keyboard-interactive" && !l.settings.NoInteractive:
		if _, ok := l.peek(); ok || l.mayAsk(method) {
			l.attempt = "keyboard-interactive"
			l.tried = append(l.tried, "keyboard-interactive")
			return ssh.KeyboardInteractive(l.challenge)
		}
	}
	return nil
}

// nextKey offers one key. Each is an attempt of its own, so that one the agent cannot sign with does
// not hide the next.
func (l *login) nextKey() ssh.AuthMethod {
	if !l.listed {
		l.listed = true
		l.queue = l.keys.candidates(l.ctx)
	}
	for len(l.queue) > 0 {
		c := l.queue[0]
		l.queue = l.queue[1:]
		if c.signer == nil {
			continue
		}
		if c.public == nil { // an old encrypted key: its public half is known when it is open
			resume := l.hold()
			s, err := c.signer(l.ctx)
			resume()
			if err != nil {
				l.keyFailed(err)
				continue
			}
			c.public, c.signer = s.PublicKey(), func(context.Context) (ssh.Signer, error) { return s, nil }
		}
		l.attempt = c.label
		if c.name == "agent" {
			l.agent++
		} else {
			l.tried = append(l.tried, c.name)
		}
		return ssh.PublicKeys(&lazySigner{ctx: l.ctx, c: c, hold: l.hold, failed: l.keyFailed})
	}
	return nil
}

// keyFailed notes why a key could not be used.
func (l *login) keyFailed(err error) {
	var declined *declinedError
	if errors.As(err, &declined) {
		l.fault = l.wrap(err.Error(), err)
		return
	}
	l.keys.note(cleanLine(err.Error()))
}

// peek reports whether there is a password that nobody has to be asked for.
func (l *login) peek() (hosts.Secret, bool) {
	if l.given {
		return hosts.Secret{}, false
	}
	if s, ok := l.memory.password(l.settings.label()); ok {
		return s, true
	}
	if l.password == nil {
		return hosts.Secret{}, false
	}
	s, err := l.password(l.ctx)
	if err != nil {
		l.keys.note("password: " + cleanLine(err.Error()))
		l.given = true
		return hosts.Secret{}, false
	}
	return s, !s.Empty()
}

// known is peek, using the password up.
func (l *login) known() (hosts.Secret, bool) {
	_, remembered := l.memory.password(l.settings.label())
	s, ok := l.peek()
	if ok {
		l.given = true
		if remembered { // it is forgotten unless it works again
			l.typed = s
			l.memory.keepPassword(l.settings.label(), hosts.Secret{})
		}
	}
	return s, ok
}

func (l *login) mayAsk(method string) bool {
	if l.ask == nil {
		return false
	}
	if l.prompts == nil {
		l.prompts = map[string]int{}
	}
	l.prompts[method]++
	return l.prompts[method] <= promptTries
}

// put asks the operator, with the handshake's deadline stopped.
func (l *login) put(q Question) (hosts.Secret, error) {
	defer l.hold()()
	q.Host = l.settings.label()
	s, err := l.ask(l.ctx, q)
	if err != nil {
		l.fault = l.wrap("the question was not answered", &declinedError{err})
		return s, l.fault
	}
	return s, nil
}

func (l *login) askPassword() (string, error) {
	s, err := l.put(Question{Kind: AskPassword, Text: "password of " + l.settings.label()})
	l.typed = s
	return s.Reveal(), err
}

// challenge answers the server's own questions: a single hidden one with the password that is known,
// others by asking.
func (l *login) challenge(_, instruction string, questions []string, echo []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i, q := range questions {
		hidden := i >= len(echo) || !echo[i]
		if hidden && strings.Contains(strings.ToLower(q), "password") {
			if s, ok := l.known(); ok {
				answers[i] = s.Reveal()
				continue
			}
		}
		if l.ask == nil {
			return nil, fmt.Errorf("the server asks %q and nobody can be asked", cleanLine(q))
		}
		text := strings.TrimSpace(cleanLine(instruction) + " " + cleanLine(q))
		s, err := l.put(Question{Kind: AskInteractive, Text: text, Echo: !hidden})
		if err != nil {
			return nil, err
		}
		answers[i] = s.Reveal()
	}
	return answers, nil
}

// done is called when the login worked.
func (l *login) done() string {
	if !l.typed.Empty() {
		l.memory.keepPassword(l.settings.label(), l.typed)
	}
	if l.attempt == "" {
		l.attempt = "none"
	}
	return strings.Join(append(l.worked, l.attempt), " + ")
}

// refusal is the one line that says what was tried and what would help.
func (l *login) refusal(allowed []string) error {
	tried := slices.Clone(l.tried)
	switch {
	case l.agent == 1:
		tried = append([]string{"agent: 1 key"}, tried...)
	case l.agent > 1:
		tried = append([]string{fmt.Sprintf("agent: %d keys", l.agent)}, tried...)
	}
	what := "nothing could be tried"
	if len(tried) > 0 {
		what = "tried " + strings.Join(tried, ", ")
	}
	if len(l.keys.notes) > 0 {
		what += "; " + strings.Join(l.keys.notes, "; ")
	}
	head, help := "no key accepted", "add the key to the host or the agent, or set password"
	switch {
	case len(l.worked) > 0:
		head, help = strings.Join(l.worked, " + ")+" was accepted and is not enough", "the server also wants "+cleanLine(strings.Join(allowed, " or "))
	case !slices.Contains(allowed, "publickey"):
		head, help = "no method accepted", "the server offers "+cleanLine(strings.Join(allowed, ", "))
	case slices.Contains(l.tried, "password") || slices.Contains(l.tried, "keyboard-interactive"):
		head, help = "neither key nor password accepted", "check the user name"
	}
	return l.wrap(fmt.Sprintf("%s (%s); %s", head, what, help), hosts.ErrAuth)
}

func (l *login) wrap(text string, err error) error {
	return &connectError{
		text: fmt.Sprintf("authenticate %s: %s", l.settings.label(), text), kind: hosts.ErrAuth, cause: err,
	}
}

// connectError is a failed attempt to connect: one line, and what kind of failure it is.
type connectError struct {
	text  string
	kind  error // hosts.ErrUnreached, hosts.ErrAuth or hosts.ErrHostKey
	cause error // nil, or what errors.As may look for
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}
