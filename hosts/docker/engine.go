package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// Engine returns what the engine says of itself (GET /version, GET /info).
func (c *Client) Engine(ctx context.Context) (hosts.Engine, error) {
	doc, err := c.engineDoc(ctx)
	if err != nil {
		return hosts.Engine{}, err
	}
	return parseEngine(doc)
}

// engineDoc joins the two answers into {"version": …, "info": …}. They are asked for side by side: one after
// the other, each could need a connection of its own, and be two round trips later.
func (c *Client) engineDoc(ctx context.Context) ([]byte, error) {
	var v, i []byte
	g, both := errgroup.WithContext(ctx)
	g.Go(func() (err error) { v, err = c.fetch(both, "version", "/version", nil); return err })
	g.Go(func() (err error) { i, err = c.fetch(both, "info", "/info", nil); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return c.redacted("read engine", fmt.Appendf(nil, `{"version":%s,"info":%s}`, v, i))
}

func (c *Client) redacted(op string, doc []byte) ([]byte, error) {
	out, err := redact.JSON(doc)
	if err != nil {
		return nil, &Error{Op: op, Host: c.p.Host, Text: "answer is not JSON", cause: err}
	}
	return out, nil
}

func parseEngine(doc []byte) (hosts.Engine, error) {
	var w struct {
		Version wireVersion `json:"version"`
		Info    wireInfo    `json:"info"`
	}
	if err := json.Unmarshal(doc, &w); err != nil {
		return hosts.Engine{}, fmt.Errorf("parse engine: %w", err)
	}
	e := hosts.Engine{
		Version: w.Version.Version, APIVersion: w.Version.APIVersion,
		OS: w.Info.OperatingSystem, Arch: w.Version.Arch, Kernel: w.Info.KernelVersion,
		StorageDriver: w.Info.Driver, CgroupDriver: w.Info.CgroupDriver, RootDir: w.Info.DockerRootDir,
		NCPU: w.Info.NCPU, MemTotal: uint64(max(0, w.Info.MemTotal)),
		Containers: w.Info.Containers, Running: w.Info.ContainersRunning, Paused: w.Info.ContainersPaused,
		Stopped: w.Info.ContainersStopped, Images: w.Info.Images, LiveRestore: w.Info.LiveRestoreEnabled,
		Swarm: w.Info.Swarm.LocalNodeState, LogDriver: w.Info.LoggingDriver,
	}
	if e.OS == "" {
		e.OS = w.Version.Os
	}
	if e.Kernel == "" {
		e.Kernel = w.Version.KernelVersion
	}
	for _, s := range w.Info.Warnings {
		e.Warnings = append(e.Warnings, oneLine(strings.TrimPrefix(s, "WARNING: ")))
	}
	return e, nil
}

// Images returns the images of the engine with the number of containers made from each
// (GET /images/json, GET /containers/json?all=1).
func (c *Client) Images(ctx context.Context) ([]hosts.Image, error) {
	doc, err := c.imagesDoc(ctx)
	if err != nil {
		return nil, err
	}
	return parseImages(doc)
}

// imagesDoc joins the images with the image ID of every container.
func (c *Client) imagesDoc(ctx context.Context) ([]byte, error) {
	images, err := c.fetch(ctx, "list images", "/images/json", nil)
	if err != nil {
		return nil, err
	}
	list, err := c.fetch(ctx, "list containers", "/containers/json", url.Values{"all": {"1"}})
	if err != nil {
		return nil, err
	}
	return c.redacted("list images", fmt.Appendf(nil, `{"images":%s,"containers":%s}`, images, list))
}

func parseImages(doc []byte) ([]hosts.Image, error) {
	var w struct {
		Images     []wireImage     `json:"images"`
		Containers []wireContainer `json:"containers"`
	}
	if err := json.Unmarshal(doc, &w); err != nil {
		return nil, fmt.Errorf("parse images: %w", err)
	}
	users := map[string]int{}
	for i := range w.Containers {
		users[w.Containers[i].ImageID]++
	}
	out := make([]hosts.Image, 0, len(w.Images))
	for _, i := range w.Images {
		none := func(s string) bool { return strings.HasPrefix(s, "<none>") }
		m := hosts.Image{
			ID: i.ID, Tags: slices.DeleteFunc(i.RepoTags, none), Digests: slices.DeleteFunc(i.RepoDigests, none),
			Size: uint64(max(0, i.Size)), Labels: redact.Labels(i.Labels), InUse: users[i.ID],
		}
		if i.Created > 0 {
			m.Created = time.Unix(i.Created, 0).UTC()
		}
		m.Dangling = len(m.Tags) == 0
		out = append(out, m)
	}
	return out, nil
}
