package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Inventory is the hosts.toml of the fleet. dir is where Install put the files it names.
func (f *Fleet) Inventory(dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The demo fleet: hosts that live inside this process. See "midwatch demo --help".
[defaults]
ssh_config = "none"
agent = "none"
known_hosts = [%q]
identity_files = [%q]

[groups.production]
environment = "production"
`, filepath.Join(dir, "known_hosts"), filepath.Join(dir, "id_ed25519"))
	seen := map[string]bool{}
	for _, s := range f.sites {
		if !seen[s.world.Name] {
			seen[s.world.Name] = true
			b.WriteString(f.section(s, s.world.Groups, dir))
		}
		b.WriteString(f.section(s, s.world.Inventory, dir))
		if s.plan.Copy == 0 {
			b.WriteString(f.section(s, s.world.Extra, dir))
		}
	}
	return b.String()
}

func (f *Fleet) section(s *site, text, dir string) string {
	return strings.ReplaceAll(s.plan.Names(s.plan.Text(s.world, text)), "DIR/", filepath.ToSlash(dir)+"/")
}

// Install writes what a user's machine would have into dir, which must exist: hosts.toml, known_hosts,
// the operator's key, the files that hosts.toml takes secrets from, and the deploys. It returns the path of
// hosts.toml.
func (f *Fleet) Install(dir string) (string, error) {
	key, err := f.ClientKey()
	if err != nil {
		return "", err
	}
	known, err := f.KnownHosts()
	if err != nil {
		return "", err
	}
	files := map[string]string{"hosts.toml": f.Inventory(dir), "known_hosts": known, "id_ed25519": string(key)}
	ca, cert, dkey, err := f.keys.dockerClient()
	if err != nil {
		return "", err
	}
	files["docker-ca.pem"], files["docker-cert.pem"], files["docker-key.pem"] = string(ca), string(cert), string(dkey)
	for _, s := range f.sites {
		for name, text := range s.world.Secrets {
			files[name] = text + "\n"
		}
	}
	for _, s := range f.sites {
		if s.plan.Copy == 0 {
			for name, text := range s.world.Deploys {
				files[filepath.Join("deploys", name)] = f.section(s, text, dir)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "deploys"), 0o700); err != nil {
		return "", fmt.Errorf("install the demo fleet: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("install the demo fleet: %w", err)
		}
	}
	return filepath.Join(dir, "hosts.toml"), nil
}
