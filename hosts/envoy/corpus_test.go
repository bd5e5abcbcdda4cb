package envoy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func corpusFiles(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("MIDWATCH_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	names, _ := filepath.Glob(filepath.Join(dir, "envoy", "*.json"))
	if len(names) == 0 {
		t.Skip("no corpus at " + dir + "; set MIDWATCH_CORPUS")
	}
	return names
}

type counts struct {
	Listeners, Chains, VHosts, Routes, Clusters, Endpoints int
}

// jqCounts is an independent count by shape, not by our structure: the bootstrap repeats static
// resources, so it is left out.
const jqCounts = `
[.configs[] | select((.["@type"] // "") | test("Bootstrap|Secrets") | not)] as $c
| def named($t): [$c[] | select((.["@type"] // "") | endswith($t))];
{
 Listeners: ([named("ListenersConfigDump") | .. | objects | select(has("listener")) | .listener | objects] | length),
 Chains: ([named("ListenersConfigDump") | .. | objects | ((.filter_chains // .filterChains // []) | length) + (if (has("default_filter_chain") or has("defaultFilterChain")) then 1 else 0 end)] | add // 0),
 VHosts: ([$c | .. | objects | (.virtual_hosts // .virtualHosts // empty) | length] | add // 0),
 Routes: ([$c | .. | objects | (.virtual_hosts // .virtualHosts // empty) | .[] | (.routes // []) | length] | add // 0),
 Clusters: ([named("ClustersConfigDump") | .. | objects | select(has("cluster") and (.cluster | type == "object"))] | length),
 Endpoints: ([named("ClustersConfigDump") | .. | objects | ((.lb_endpoints // .lbEndpoints // []) | length) + (if (has("hosts") and (.hosts | type == "array")) then (.hosts | length) else 0 end)] | add // 0)
}`

func ourCounts(c *Config) counts {
	n := counts{Listeners: len(c.Listeners), Clusters: len(c.Clusters)}
	addRC := func(rc *RouteConfig) {
		if rc == nil {
			return
		}
		n.VHosts += len(rc.VHosts)
		for _, v := range rc.VHosts {
			n.Routes += len(v.Routes)
		}
	}
	for _, l := range c.Listeners {
		n.Chains += len(l.Chains)
		chains := l.Chains
		if l.Default != nil {
			n.Chains++
			chains = append(chains[:len(chains):len(chains)], l.Default)
		}
		for _, ch := range chains {
			if ch.HCM != nil {
				addRC(ch.HCM.Route)
			}
		}
	}
	for _, rc := range c.Routes {
		addRC(rc)
	}
	for _, cl := range c.Clusters {
		for _, e := range cl.Endpoints {
			if !fromEDS(cl, e) {
				n.Endpoints++
			}
		}
	}
	return n
}

// fromEDS tells endpoints that were joined from the EndpointsConfigDump apart: the jq count is of
// the clusters' own.
func fromEDS(c *Cluster, e Endpoint) bool {
	return len(e.Path) < len(c.Path) || e.Path[:len(c.Path)] != c.Path
}

func TestCorpusCountsEqualJQ(t *testing.T) {
	t.Parallel()
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("no jq on this machine")
	}
	for _, name := range corpusFiles(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c, err := ParseConfigDump(data)
			if err != nil {
				clusters, cerr := ParseClusters(data)
				listeners, lerr := ParseListeners(data)
				if cerr != nil || lerr != nil || len(clusters)+len(listeners) == 0 {
					t.Fatalf("%v, %v, %v", err, cerr, lerr)
				}
				return
			}
			out, err := exec.CommandContext(t.Context(), jq, jqCounts, name).Output()
			if err != nil {
				t.Fatal(err)
			}
			var want counts
			if err := json.Unmarshal(out, &want); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, ourCounts(c)); d != "" {
				t.Errorf("(-jq +ours):\n%s", d)
			}
			t.Logf("%+v; kept as unknown: %v", ourCounts(c), c.Unknown())
		})
	}
}
