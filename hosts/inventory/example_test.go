package inventory

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"midwatch/hosts"
)

func loadExample(t *testing.T) *Inventory {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "hosts.example.toml"))
	if err != nil {
		t.Fatal(err)
	}
	inv, faults := Parse("hosts.example.toml", data)
	if len(faults) > 0 {
		t.Fatalf("the example is not valid:\n%v", faults)
	}
	return inv
}

func TestExample(t *testing.T) {
	t.Parallel()
	inv := loadExample(t)
	for _, h := range inv.Hosts {
		t.Logf("%d %s %s %v prod=%v sudo=%s jump=%v", h.Line, h.Name, h.Kind, h.Groups, h.Production, h.Sudo.Mode, h.SSH.Jump)
	}
	if h, _ := inv.Host("pn-swarm-1"); h.Kind != hosts.KindDocker {
		t.Error("pn-swarm-1 is an engine over TLS")
	}
	if !slices.ContainsFunc(inv.Probes, func(p Probe) bool { return p.Kind == "fleet" }) {
		t.Error("no fleet probe")
	}
}
