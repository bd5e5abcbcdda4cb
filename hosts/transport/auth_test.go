package transport

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
)

// guarded is a host at address that lets in as conf says.
func (f *farm) guarded(address string, conf sshd.Config) Target {
	f.t.Helper()
	key := newSigner(f.t)
	conf.HostKeys = []ssh.Signer{key}
	f.serve(address, conf, words{})
	host, _, _ := net.SplitHostPort(address)
	return Target{
		Name: "web1", Address: host, User: "ops", SSHConfig: noConfig,
		KnownHostsFiles: []string{knownFile(f.t, key.PublicKey(), address)},
	}
}

func accepts(keys ...ssh.PublicKey) func(string, ssh.PublicKey) bool {
	return func(_ string, k ssh.PublicKey) bool {
		for _, a := range keys {
			if bytes.Equal(a.Marshal(), k.Marshal()) {
				return true
			}
		}
		return false
	}
}

// serveAgent runs an agent with the given keys and returns its socket.
func serveAgent(t *testing.T, keys ...ed25519.PrivateKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = agent.ServeAgent(ring, c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

func privateKey(t *testing.T) (ed25519.PrivateKey, ssh.PublicKey) {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k, pub
}

// login connects once and returns how it went.
func (f *farm) login(t *testing.T, target Target, p Params) (Facts, error) {
	t.Helper()
	p.FailFast = true
	l := open(t, target, p)
	_, err := l.Run(within(t), echo("hello"))
	facts := l.Facts()
	_ = l.Close()
	return facts, err
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	p := f.params()
	ssh1 := filepath.Join(p.Home, ".ssh")
	if err := os.MkdirAll(ssh1, 0o700); err != nil {
		t.Fatal(err)
	}
	_, pub := writeKey(t, ssh1, "id_ed25519", "")
	facts, err := f.login(t, f.guarded("10.0.0.1:22", sshd.Config{PublicKey: accepts(pub)}), p)
	if err != nil || facts.Auth != "key ~/.ssh/id_ed25519" {
		t.Errorf("default key: %q, %v", facts.Auth, err)
	}
	_, err = f.login(t, f.guarded("10.0.0.2:22", sshd.Config{PublicKey: accepts()}), p)
	want := "web1: authenticate ops@10.0.0.2: no key accepted (tried ~/.ssh/id_ed25519); add the key to the host or the agent, or set password"
	if !errors.Is(err, hosts.ErrAuth) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	target := f.guarded("10.0.0.3:22", sshd.Config{Password: func(_, pw string) bool { return pw == "x" }})
	_, err = f.login(t, target, p)
	if !errors.Is(err, hosts.ErrAuth) || !strings.Contains(err.Error(), "the server offers password") {
		t.Errorf("password only and none given: %v", err)
	}
}

func TestLockedKeys(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	path, pub := writeKey(t, t.TempDir(), "locked", "open sesame")
	target := f.guarded("10.0.0.1:22", sshd.Config{PublicKey: accepts(pub)})
	target.IdentityFiles = []string{path}

	_, err := f.login(t, target, f.params())
	if !errors.Is(err, hosts.ErrAuth) || !strings.Contains(err.Error(), "needs a passphrase and nobody can be asked") {
		t.Errorf("nobody to ask: %v", err)
	}
	target.Passphrase = FixedSecret(hosts.NewSecret("open sesame"))
	if facts, err := f.login(t, target, f.params()); err != nil || facts.Auth != "key "+path {
		t.Errorf("configured passphrase: %q, %v", facts.Auth, err)
	}
	target.Passphrase = nil

	// Asked once, although the first answer is wrong and the connection is made twice.
	var mu sync.Mutex
	var asked []Question
	p := f.params()
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, q)
		if len(asked) == 1 {
			return hosts.NewSecret("open barley"), nil
		}
		return hosts.NewSecret("open sesame"), nil
	}
	before := f.dialled("10.0.0.1:22")
	l := open(t, target, p)
	for i := range 2 {
		if _, err := l.Run(within(t), echo("hello")); err != nil {
			t.Fatal(err)
		}
		_ = f.last("10.0.0.1:22").Close()
		eventually(t, "the loss is noticed", func() bool { return f.dialled("10.0.0.1:22") > before+i+1 })
	}
	if len(asked) != 2 || asked[0].Kind != AskPassphrase || asked[0].Subject != path || asked[0].Echo {
		t.Errorf("asked %+v", asked)
	}
	_ = l.Close()

	// A key the server does not want is not opened.
	other := f.guarded("10.0.0.2:22", sshd.Config{PublicKey: accepts()})
	other.IdentityFiles = []string{path}
	before = len(asked)
	if _, err := f.login(t, other, p); !errors.Is(err, hosts.ErrAuth) || len(asked) != before {
		t.Errorf("asked for a passphrase that helps nothing; %v", err)
	}

	// Declining is an answer.
	p.Ask = func(context.Context, Question) (hosts.Secret, error) { return hosts.Secret{}, errors.New("not now") }
	if _, err := f.login(t, target, p); !errors.Is(err, hosts.ErrAuth) || !strings.Contains(err.Error(), "not answered: not now") {
		t.Errorf("declined: %v", err)
	}
}

func TestAgent(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	k1, _ := privateKey(t)
	k2, pub2 := privateKey(t)
	sock := serveAgent(t, k1, k2)
	p := f.params()
	p.Getenv = func(n string) string { return map[string]string{"SSH_AUTH_SOCK": sock}[n] }
	target := f.guarded("10.0.0.1:22", sshd.Config{PublicKey: accepts(pub2)})
	if facts, err := f.login(t, target, p); err != nil || facts.Auth != "agent key "+ssh.FingerprintSHA256(pub2) {
		t.Errorf("agent: %q, %v", facts.Auth, err)
	}
	refusing := f.guarded("10.0.0.2:22", sshd.Config{PublicKey: accepts()})
	if _, err := f.login(t, refusing, p); !strings.Contains(err.Error(), "(tried agent: 2 keys)") {
		t.Errorf("refused: %v", err)
	}
	// A public key file picks a key of the agent and goes first.
	pubFile := write(t, "picked.pub", keyText(pub2))
	target.IdentityFiles = []string{strings.TrimSuffix(pubFile, ".pub")}
	if facts, err := f.login(t, target, p); err != nil || !strings.HasPrefix(facts.Auth, "agent key /") {
		t.Errorf("picked: %q, %v", facts.Auth, err)
	}
	p.Getenv = func(n string) string { return map[string]string{"SSH_AUTH_SOCK": "/no/such/agent"}[n] }
	if _, err := f.login(t, refusing, p); !strings.Contains(err.Error(), "agent: ") {
		t.Errorf("an agent that is not there: %v", err)
	}
}

func TestUserCertificate(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	ca := newSigner(t)
	dir := t.TempDir()
	path, pub := writeKey(t, dir, "id", "")
	cert := &ssh.Certificate{Key: pub, CertType: ssh.UserCert, ValidPrincipals: []string{"ops"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	target := f.guarded("10.0.0.1:22", sshd.Config{UserCAs: []ssh.PublicKey{ca.PublicKey()}})
	target.IdentityFiles = []string{path}
	if err := writeFile(filepath.Join(dir, "named-cert.pub"), keyText(cert)); err != nil {
		t.Fatal(err)
	}
	target.CertificateFiles = []string{filepath.Join(dir, "named-cert.pub")}
	if facts, err := f.login(t, target, f.params()); err != nil || facts.Auth != "certificate "+dir+"/named-cert.pub" {
		t.Errorf("named: %q, %v", facts.Auth, err)
	}
	if err := writeFile(path+"-cert.pub", keyText(cert)); err != nil {
		t.Fatal(err)
	}
	target.CertificateFiles = nil
	if facts, err := f.login(t, target, f.params()); err != nil || facts.Auth != "certificate "+path+"-cert.pub" {
		t.Errorf("beside its key: %q, %v", facts.Auth, err)
	}
	target.CertificateFiles = []string{path + ".missing"}
	refusing := f.guarded("10.0.0.2:22", sshd.Config{PublicKey: accepts()})
	refusing.CertificateFiles, refusing.IdentityFiles = []string{"/no/such-cert.pub"}, []string{path}
	if _, err := f.login(t, refusing, f.params()); !strings.Contains(err.Error(), "/no/such-cert.pub: no such file") {
		t.Errorf("missing: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	target := f.guarded("10.0.0.1:22", sshd.Config{Password: func(_, pw string) bool { return pw == "right" }})
	target.Password = FixedSecret(hosts.NewSecret("right"))
	if facts, err := f.login(t, target, f.params()); err != nil || facts.Auth != "password" {
		t.Errorf("configured: %q, %v", facts.Auth, err)
	}
	target.Password = FixedSecret(hosts.NewSecret("wr0ng"))
	if _, err := f.login(t, target, f.params()); !errors.Is(err, hosts.ErrAuth) || !strings.Contains(err.Error(), "tried password") || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("wrong: %v", err)
	}
	target.Password = func(context.Context) (hosts.Secret, error) { return hosts.Secret{}, errors.New("vault is sealed") }
	if _, err := f.login(t, target, f.params()); !strings.Contains(err.Error(), "vault is sealed") {
		t.Errorf("no password to be had: %v", err)
	}

	// Typed: wrong, then right; remembered for the next connection.
	target.Password = nil
	var mu sync.Mutex
	asked := 0
	p := f.params()
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if q.Kind != AskPassword || q.Host != "ops@10.0.0.1" {
			t.Errorf("asked %+v", q)
		}
		if asked++; asked == 1 {
			return hosts.NewSecret("oops"), nil
		}
		return hosts.NewSecret("right"), nil
	}
	l := open(t, target, p)
	for i := range 3 {
		if _, err := l.Run(within(t), echo("hello")); err != nil {
			t.Fatalf("connection %d: %v", i+1, err)
		}
		_ = f.last("10.0.0.1:22").Close()
		eventually(t, "the loss is noticed", func() bool { return f.dialled("10.0.0.1:22") > i+1 })
	}
	if asked != 2 {
		t.Errorf("asked %d times, want twice", asked)
	}
}

func TestKeyboardInteractive(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	pam := sshd.Config{KeyboardInteractive: func(_ string, ask sshd.Ask) bool {
		a, err := ask("", []string{"Password: "}, []bool{false})
		return err == nil && a[0] == "right"
	}}
	target := f.guarded("10.0.0.1:22", pam)
	target.Password = FixedSecret(hosts.NewSecret("right"))
	if facts, err := f.login(t, target, f.params()); err != nil || facts.Auth != "keyboard-interactive" {
		t.Errorf("PAM's password question: %q, %v", facts.Auth, err)
	}
	both := f.guarded("10.0.0.2:22", sshd.Config{KeyboardInteractive: func(_ string, ask sshd.Ask) bool {
		a, err := ask("Two steps\x1b[31m", []string{"Password: ", "Code: "}, []bool{false, true})
		return err == nil && a[0] == "right" && a[1] == "123456"
	}})
	both.Password = FixedSecret(hosts.NewSecret("right"))
	if _, err := f.login(t, both, f.params()); !errors.Is(err, hosts.ErrAuth) {
		t.Errorf("nobody to ask for the code: %v", err)
	}
	var asked []Question
	p := f.params()
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		asked = append(asked, q)
		return hosts.NewSecret("123456"), nil
	}
	if _, err := f.login(t, both, p); err != nil || len(asked) != 1 || !asked[0].Echo || asked[0].Text != "Two steps Code:" {
		t.Errorf("%v, asked %+v", err, asked)
	}
}

func TestHostKeyQuestions(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	target := f.wordHost("10.0.0.1:22", sshd.Config{})
	file := filepath.Join(t.TempDir(), "kh")
	target.KnownHostsFiles = []string{file}
	var hk *hosts.HostKeyError
	_, err := f.login(t, target, f.params())
	if !errors.As(err, &hk) || hk.Kind != hosts.HostKeyUnknown || !errors.Is(err, hosts.ErrHostKey) {
		t.Fatalf("unknown and nobody to ask: %v", err)
	}
	answer := "no"
	var asked []Question
	p := f.params()
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		asked = append(asked, q)
		return hosts.NewSecret(answer), nil
	}
	if _, err := f.login(t, target, p); !errors.Is(err, hosts.ErrHostKey) {
		t.Errorf("answered no: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a refused key was recorded")
	}
	answer = "yes"
	facts, err := f.login(t, target, p)
	if err != nil || facts.HostKeyStatus != HostKeyJustAdded {
		t.Fatalf("answered yes: %+v, %v", facts, err)
	}
	if q := asked[0]; q.Kind != AskHostKey || q.HostKey == nil || !strings.Contains(q.Text, q.HostKey.Fingerprint) {
		t.Errorf("asked %+v", q)
	}
	before := len(asked)
	if facts, err := f.login(t, target, p); err != nil || facts.HostKeyStatus != HostKeyOnRecord || len(asked) != before {
		t.Errorf("the next time: %+v, %v", facts, err)
	}

	// Another key: refused, and nobody is asked.
	f.serve("10.0.0.1:22", sshd.Config{HostKeys: []ssh.Signer{newSigner(t)}, NoAuth: true}, words{})
	_, err = f.login(t, target, p)
	if !errors.As(err, &hk) || hk.Kind != hosts.HostKeyChanged || len(hk.Known) != 1 || hk.Known[0].Line != 1 || hk.Known[0].File != file {
		t.Errorf("changed: %v", err)
	}
	if !strings.Contains(err.Error(), file+":1") {
		t.Errorf("the line is not named: %v", err)
	}
	if len(asked) != before {
		t.Error("a changed key was asked about")
	}
	target.InsecureHostKey = true
	l := open(t, target, f.params())
	if _, err := l.Run(within(t), echo("hello")); err != nil {
		t.Errorf("insecure_host_key: %v", err)
	}
	if w := l.State().Warning; !strings.Contains(w, "not verified") {
		t.Errorf("warning %q", w)
	}
}

// The well-known trap: the server has two keys, the record has the one it would not show first.
func TestHostKeyAlgorithmTrap(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	ed, ec := newSigner(t), ecdsaSigner(t)
	for i, known := range []ssh.Signer{ed, ec} {
		address := []string{"10.0.0.1:22", "10.0.0.2:22"}[i]
		target := f.guarded(address, sshd.Config{NoAuth: true})
		f.serve(address, sshd.Config{NoAuth: true, HostKeys: []ssh.Signer{ed, ec}}, words{})
		target.KnownHostsFiles = []string{knownFile(t, known.PublicKey(), address)}
		if facts, err := f.login(t, target, f.params()); err != nil || !strings.HasPrefix(facts.HostKey, known.PublicKey().Type()) {
			t.Errorf("%s on record: %q, %v", known.PublicKey().Type(), facts.HostKey, err)
		}
	}
	// A certificate before plain keys where an authority is known.
	ca := newSigner(t)
	target := f.guarded("10.0.0.3:22", sshd.Config{NoAuth: true})
	f.serve("10.0.0.3:22", sshd.Config{NoAuth: true, HostKeys: []ssh.Signer{ec, hostCert(t, ed, ca, ssh.CertTimeInfinity, "10.0.0.3")}}, words{})
	target.KnownHostsFiles = []string{write(t, "kh", "@cert-authority 10.0.0.* "+keyText(ca.PublicKey())+"\n")}
	if facts, err := f.login(t, target, f.params()); err != nil || facts.HostKeyStatus != HostKeyCertified {
		t.Errorf("certified: %+v, %v", facts, err)
	}
}

func TestJumpHosts(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	far := newSigner(t)
	inner, err := sshd.New(sshd.Config{HostKeys: []ssh.Signer{far}, NoAuth: true}, words{})
	if err != nil {
		t.Fatal(err)
	}
	key := newSigner(t)
	f.serve("bastion:22", sshd.Config{HostKeys: []ssh.Signer{key}, Password: func(_, p string) bool { return p == "j" }}, bastion{f, inner})
	target := Target{
		Name: "web1", Address: "10.1.0.1", User: "ops", SSHConfig: noConfig, Jump: "admin@bastion",
		Password:        FixedSecret(hosts.NewSecret("secret of the target")),
		KnownHostsFiles: []string{write(t, "kh", knownFileText(key.PublicKey(), "bastion:22")+knownFileText(far.PublicKey(), "10.1.0.1:22"))},
	}
	if _, err := f.login(t, target, f.params()); !errors.Is(err, hosts.ErrAuth) || !strings.Contains(err.Error(), "admin@bastion") || strings.Contains(err.Error(), "tried password") {
		t.Errorf("the target's password is not for the jump host: %v", err)
	}
	p := f.params()
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		if q.Host != "admin@bastion" {
			t.Errorf("asked about %q", q.Host)
		}
		return hosts.NewSecret("j"), nil
	}
	facts, err := f.login(t, target, p)
	if err != nil || facts.Via != "ssh ops@10.1.0.1 via admin@bastion" {
		t.Errorf("%q, %v", facts.Via, err)
	}
	target.KnownHostsFiles = []string{write(t, "kh", knownFileText(key.PublicKey(), "bastion:22"))}
	p.Ask = func(_ context.Context, q Question) (hosts.Secret, error) {
		if q.Kind == AskHostKey {
			return hosts.NewSecret("no"), nil
		}
		return hosts.NewSecret("j"), nil
	}
	if _, err := f.login(t, target, p); !errors.Is(err, hosts.ErrHostKey) || !strings.Contains(err.Error(), "10.1.0.1:22") {
		t.Errorf("the far host's key is checked too: %v", err)
	}
}

// A jump host that is known as a host of its own is reached with its own password and known_hosts, and
// those of the target stay with the target.
func TestJumpHostOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	far, key := newSigner(t), newSigner(t)
	inner, err := sshd.New(sshd.Config{HostKeys: []ssh.Signer{far}, Password: func(_, p string) bool { return p == "target's" }}, words{})
	if err != nil {
		t.Fatal(err)
	}
	f.serve("10.0.0.9:2222", sshd.Config{HostKeys: []ssh.Signer{key}, Password: func(_, p string) bool { return p == "gate's" }}, bastion{f, inner})
	gate := Target{
		Name: "gate", Address: "10.0.0.9", Port: 2222, User: "admin", SSHConfig: noConfig, Password: FixedSecret(hosts.NewSecret("gate's")),
		KnownHostsFiles: []string{write(t, "kh", knownFileText(key.PublicKey(), "[10.0.0.9]:2222"))},
	}
	target := Target{
		Name: "web1", Address: "10.1.0.1", User: "ops", SSHConfig: noConfig, Jump: "admin@10.0.0.9:2222",
		Password:        FixedSecret(hosts.NewSecret("target's")),
		KnownHostsFiles: []string{write(t, "kh", knownFileText(far.PublicKey(), "10.1.0.1:22"))},
	}
	if _, err := f.login(t, target, f.params()); err == nil {
		t.Error("the jump host's key is in its own known_hosts only, and it was logged in to without")
	}
	target.Jumps = map[string]Target{target.Jump: gate}
	facts, err := f.login(t, target, f.params())
	if err != nil || facts.Via != "ssh ops@10.1.0.1 via admin@10.0.0.9:2222" {
		t.Errorf("%q, %v", facts.Via, err)
	}
	gate.InsecureHostKey = true
	target.Jumps[target.Jump] = gate
	if w := insecure(target); !strings.Contains(w, "gate") {
		t.Errorf("an unverified jump host is not told: %q", w)
	}
}

// bastion forwards to a server inside.
type bastion struct {
	f     *farm
	inner *sshd.Server
}

func (bastion) Exec(context.Context, *sshd.Request) int { return 1 }
func (b bastion) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	if address != "10.1.0.1:22" {
		return nil, errors.New("no route to host")
	}
	near, far := sshd.Pipe(sshd.PipeOptions{})
	b.f.wg.Go(func() { _ = b.inner.Serve(ctx, far) })
	return near, nil
}

func TestFetchAndRecordHostKeys(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	ed, ec := newSigner(t), ecdsaSigner(t)
	target := f.guarded("10.0.0.1:2222", sshd.Config{NoAuth: true})
	f.serve("10.0.0.1:2222", sshd.Config{PublicKey: accepts(), HostKeys: []ssh.Signer{ed, ec}}, words{})
	target.Port = 2222
	file := filepath.Join(t.TempDir(), "kh")
	target.KnownHostsFiles = []string{file}
	p := f.params()
	keys, err := FetchHostKeys(within(t), target, p)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%+v, %v", keys, err)
	}
	for _, k := range keys {
		var hk *hosts.HostKeyError
		if !errors.As(k.Err, &hk) || hk.Kind != hosts.HostKeyUnknown {
			t.Errorf("%s: %v", k.Algorithm, k.Err)
		}
		if err := RecordHostKey(within(t), target, p, k); err != nil {
			t.Error(err)
		}
	}
	keys, err = FetchHostKeys(within(t), target, p)
	if err != nil || len(keys) != 2 || keys[0].Err != nil || keys[0].Standing != HostKeyOnRecord {
		t.Fatalf("recorded: %+v, %v", keys, err)
	}
	f.serve("10.0.0.1:2222", sshd.Config{PublicKey: accepts(), HostKeys: []ssh.Signer{newSigner(t)}}, words{})
	keys, err = FetchHostKeys(within(t), target, p)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%+v, %v", keys, err)
	}
	if err := RecordHostKey(within(t), target, p, keys[0]); !errors.Is(err, hosts.ErrHostKey) {
		t.Errorf("a changed key was recorded: %v", err)
	}
	if _, err := FetchHostKeys(within(t), Target{Name: "x", Address: "10.0.0.99", SSHConfig: noConfig}, p); !errors.Is(err, hosts.ErrUnreached) {
		t.Errorf("nobody there: %v", err)
	}
}
