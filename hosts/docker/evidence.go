package docker

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"

	"midwatch/hosts"
)

// ParseEngine makes facts of the evidence of CollectEngine.
func ParseEngine(e hosts.Evidence) (hosts.Engine, error) {
	if err := readable(e); err != nil {
		return hosts.Engine{}, err
	}
	return parseEngine(e.Data)
}

// ParseContainers makes facts of the evidence of CollectContainers.
func ParseContainers(e hosts.Evidence) ([]hosts.Container, error) {
	if err := readable(e); err != nil {
		return nil, err
	}
	var doc containersEvidence
	if err := json.Unmarshal(e.Data, &doc); err != nil {
		return nil, fmt.Errorf("parse container evidence: %w", err)
	}
	list, err := parseList(doc.List)
	if err != nil {
		return nil, err
	}
	for i := range list {
		one, ok := doc.Inspect[list[i].ID]
		if !ok {
			continue
		}
		f, err := parseInspect(one)
		if err != nil {
			return nil, fmt.Errorf("container %s: %w", list[i].Name, err)
		}
		list[i] = merge(list[i], f)
	}
	return list, nil
}

// ParseImages makes facts of the evidence of CollectImages.
func ParseImages(e hosts.Evidence) ([]hosts.Image, error) {
	if err := readable(e); err != nil {
		return nil, err
	}
	return parseImages(e.Data)
}

// ParseStats makes facts of the evidence of CollectStats, by container ID.
func ParseStats(e hosts.Evidence) (map[string]hosts.Stats, error) {
	if err := readable(e); err != nil {
		return nil, err
	}
	var docs map[string]*container.StatsResponse
	if err := json.Unmarshal(e.Data, &docs); err != nil {
		return nil, fmt.Errorf("parse stats: %w", err)
	}
	out := make(map[string]hosts.Stats, len(docs))
	for id, s := range docs {
		if s != nil {
			out[id] = statsOf(s)
		}
	}
	return out, nil
}

// readable refuses evidence that holds nothing but an error.
func readable(e hosts.Evidence) error {
	if len(e.Data) > 0 {
		return nil
	}
	if e.Error != "" {
		return errors.New(e.Error)
	}
	return fmt.Errorf("evidence %s of %s is empty", e.Collector, e.Host)
}
