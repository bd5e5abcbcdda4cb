package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"midwatch/hosts/config"
)

// DockerContext is where a context of the docker command leads.
type DockerContext struct {
	Name          string
	Host          string // unix:///path, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]
	SkipTLSVerify bool   // the user told docker not to verify; taken over and shown
	CA, Cert, Key string // PEM files; "" where the context has none
}

// DockerConfigDir is $DOCKER_CONFIG or ~/.docker.
func DockerConfigDir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(getenv("HOME"), ".docker")
}

// ReadContext reads a context from the directory that DockerConfigDir names: its meta data stand in
// contexts/meta/SHA256(name)/meta.json, its TLS files in contexts/tls/SHA256(name)/docker.
func ReadContext(dir, name string) (DockerContext, error) {
	if name == "default" {
		return DockerContext{Name: name, Host: "unix:///var/run/docker.sock"}, nil
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	file := filepath.Join(dir, "contexts", "meta", id, "meta.json")
	data, err := os.ReadFile(file) //nolint:gosec // the name is hashed
	switch {
	case errors.Is(err, fs.ErrNotExist):
		meant := ""
		if known := contextNames(dir); len(known) > 0 {
			meant = "; known are " + config.List(known)
		}
		return DockerContext{}, fmt.Errorf("docker context %q: not defined in %s%s", name, dir, meant)
	case err != nil:
		return DockerContext{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	c, err := parseContext(data)
	if err != nil {
		return DockerContext{}, fmt.Errorf("docker context %q: %s: %w", name, file, err)
	}
	c.Name = name
	tls := filepath.Join(dir, "contexts", "tls", id, "docker")
	for _, f := range []struct {
		name string
		to   *string
	}{{"ca.pem", &c.CA}, {"cert.pem", &c.Cert}, {"key.pem", &c.Key}} {
		if _, err := os.Stat(filepath.Join(tls, f.name)); err == nil {
			*f.to = filepath.Join(tls, f.name)
		}
	}
	return c, nil
}

// parseContext reads a meta.json.
func parseContext(data []byte) (DockerContext, error) {
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return DockerContext{}, err
	}
	e, ok := meta.Endpoints["docker"]
	if !ok || e.Host == "" {
		return DockerContext{}, errors.New("has no docker endpoint")
	}
	scheme, rest, ok := strings.Cut(e.Host, "://")
	if !ok || rest == "" || !slices.Contains([]string{"unix", "tcp", "ssh"}, scheme) || config.BadByte(rest) >= 0 {
		return DockerContext{}, fmt.Errorf("endpoint %q is none of unix://, tcp://, ssh://", e.Host)
	}
	return DockerContext{Host: e.Host, SkipTLSVerify: e.SkipTLSVerify}, nil
}

// contextNames lists the contexts there are, for the message about one that is not.
func contextNames(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "contexts", "meta", "*", "meta.json"))
	var names []string
	for _, f := range files {
		data, err := os.ReadFile(f) //nolint:gosec // found below the user's own directory
		var meta struct{ Name string }
		if err == nil && json.Unmarshal(data, &meta) == nil && meta.Name != "" && config.BadByte(meta.Name) < 0 {
			names = append(names, meta.Name)
		}
	}
	slices.Sort(names)
	return names
}
