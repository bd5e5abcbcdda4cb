package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// Volumes returns the volumes of the engine with the options of their drivers (GET /volumes).
func (c *Client) Volumes(ctx context.Context) ([]hosts.Volume, error) {
	doc, err := c.listDoc(ctx, "list volumes", "/volumes")
	if err != nil {
		return nil, err
	}
	return parseVolumes(doc)
}

// Networks returns the networks of the engine (GET /networks).
func (c *Client) Networks(ctx context.Context) ([]hosts.Network, error) {
	doc, err := c.listDoc(ctx, "list networks", "/networks")
	if err != nil {
		return nil, err
	}
	return parseNetworks(doc)
}

// listDoc fetches and redacts one answer.
func (c *Client) listDoc(ctx context.Context, op, path string) ([]byte, error) {
	doc, err := c.fetch(ctx, op, path, nil)
	if err != nil {
		return nil, err
	}
	return c.redacted(op, doc)
}

func parseVolumes(doc []byte) ([]hosts.Volume, error) {
	var w struct{ Volumes []wireVolume }
	if err := json.Unmarshal(doc, &w); err != nil {
		return nil, fmt.Errorf("parse volumes: %w", err)
	}
	out := make([]hosts.Volume, 0, len(w.Volumes))
	for _, v := range w.Volumes {
		out = append(out, hosts.Volume{
			Name: v.Name, Driver: v.Driver, Mountpoint: v.Mountpoint,
			Options: redact.Labels(v.Options), Labels: redact.Labels(v.Labels),
		})
	}
	slices.SortFunc(out, func(a, b hosts.Volume) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func parseNetworks(doc []byte) ([]hosts.Network, error) {
	var list []wireNetwork
	if err := json.Unmarshal(doc, &list); err != nil {
		return nil, fmt.Errorf("parse networks: %w", err)
	}
	out := make([]hosts.Network, 0, len(list))
	for _, n := range list {
		m := hosts.Network{ID: n.ID, Name: n.Name, Driver: n.Driver, Scope: n.Scope, Internal: n.Internal, Labels: redact.Labels(n.Labels)}
		for _, c := range n.IPAM.Config {
			if c.Subnet != "" {
				m.Subnets = append(m.Subnets, c.Subnet)
			}
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b hosts.Network) int {
		if d := strings.Compare(a.Name, b.Name); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// ParseVolumes makes facts of the evidence of CollectVolumes.
func ParseVolumes(e hosts.Evidence) ([]hosts.Volume, error) {
	if err := readable(e); err != nil {
		return nil, err
	}
	return parseVolumes(e.Data)
}

// ParseNetworks makes facts of the evidence of CollectNetworks.
func ParseNetworks(e hosts.Evidence) ([]hosts.Network, error) {
	if err := readable(e); err != nil {
		return nil, err
	}
	return parseNetworks(e.Data)
}
