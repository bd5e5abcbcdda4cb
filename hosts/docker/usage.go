package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"midwatch/hosts"
)

// usageLimit is how long an engine may count: it looks at every layer and volume, which takes minutes on
// a slow disk. It goes on alone when it was given up; so it is asked seldom.
const usageLimit = 45 * time.Second

// usageDoc reads GET /system/df, reduced to the sizes: names of images and volumes are other evidence.
func (c *Client) usageDoc(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, usageLimit)
	defer cancel()
	doc, err := c.fetch(ctx, "disk usage", "/system/df", nil)
	if err != nil {
		return nil, err
	}
	var w wireUsage
	if err := json.Unmarshal(doc, &w); err != nil {
		return nil, &Error{Op: "disk usage", Host: c.p.Host, Text: "answer is not what the API promises", cause: err}
	}
	return json.Marshal(w)
}

// ParseUsage makes facts of the evidence of CollectUsage.
func ParseUsage(e hosts.Evidence) (hosts.EngineDisk, error) {
	if err := readable(e); err != nil {
		return hosts.EngineDisk{}, err
	}
	var w wireUsage
	if err := json.Unmarshal(e.Data, &w); err != nil {
		return hosts.EngineDisk{}, fmt.Errorf("parse disk usage: %w", err)
	}
	d := hosts.EngineDisk{Images: size(w.LayersSize), CacheItems: len(w.BuildCache)}
	for _, i := range w.Images {
		// What it shares with others stays when it goes.
		if i.Containers == 0 {
			d.ImagesUnused += size(i.Size - max(0, i.SharedSize))
		}
	}
	for _, c := range w.Containers {
		d.Containers += size(c.SizeRw)
		if c.State == "exited" || c.State == "created" || c.State == "dead" {
			d.ContainersStopped += size(c.SizeRw)
		}
	}
	for _, v := range w.Volumes {
		if u := v.UsageData; u != nil && u.Size >= 0 {
			d.Volumes += size(u.Size)
			if u.RefCount == 0 {
				d.VolumesUnused += size(u.Size)
				d.VolumesLoose++
			}
		}
	}
	for _, b := range w.BuildCache {
		d.BuildCache += size(b.Size)
		if !b.InUse {
			d.CacheUnused += size(b.Size)
		}
	}
	return d, nil
}

// size keeps what an engine could not tell, or what is no size, from being counted.
func size(n int64) uint64 {
	if n < 0 || n > 1<<55 {
		return 0
	}
	return uint64(n)
}
