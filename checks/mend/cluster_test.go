package mend

import (
	"strings"
	"testing"

	"midwatch/hosts/envoy"
)

// A cluster is sent back whole or not at all: what the facts do not hold would be lost.
func TestClusterBody(t *testing.T) {
	t.Parallel()
	dump := func(more, endpoint string) *envoy.Cluster {
		t.Helper()
		c, err := envoy.ParseConfigDump([]byte(`{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":[{"cluster":{
"@type":"x","name":"hub","type":"STATIC","connectTimeout":"5s"` + more + `,"load_assignment":{"endpoints":[{"lb_endpoints":[{` + endpoint + `"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":8000}}}}]}]}}}]}]}`))
		if err != nil || len(c.Clusters) != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		return c.Clusters[0]
	}
	body, expect, err := clusterBody(dump(`,"lb_policy":"ROUND_ROBIN"`, ""), "10.0.0.1:8000", 8002)
	if err != nil || expect != "10.0.0.1:8002" || !strings.Contains(string(body), `"portValue": 8002`) || !strings.Contains(string(body), `"connectTimeout": "5s"`) || strings.Contains(string(body), "STATIC") {
		t.Errorf("%s %q %v", body, expect, err)
	}
	for more, want := range map[string]string{`,"health_checks":[{}]`: "health_checks", `,"lbPolicy":"LEAST_REQUEST"`: "lb_policy", `,"circuitBreakers":{}`: "circuit_breakers"} {
		if _, _, err := clusterBody(dump(more, ""), "10.0.0.1:8000", 8002); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", more, err)
		}
	}
	if _, _, err := clusterBody(dump("", `"load_balancing_weight":5,`), "10.0.0.1:8000", 8002); err == nil {
		t.Error("a weight would be lost")
	}
}
