package docker

import (
	"context"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Start starts a container (POST /containers/ID/start). One that runs already is not an error.
func (c *Client) Start(ctx context.Context, id string) error {
	return c.act(ctx, "start", id, func(ctx context.Context, cl *client.Client) error {
		return cl.ContainerStart(ctx, id, container.StartOptions{})
	})
}

// Stop stops a container with its own signal and grace period (POST /containers/ID/stop). One that
// is stopped already is not an error.
func (c *Client) Stop(ctx context.Context, id string) error {
	return c.act(ctx, "stop", id, func(ctx context.Context, cl *client.Client) error {
		return cl.ContainerStop(ctx, id, container.StopOptions{})
	})
}

// Restart stops and starts a container (POST /containers/ID/restart).
func (c *Client) Restart(ctx context.Context, id string) error {
	return c.act(ctx, "restart", id, func(ctx context.Context, cl *client.Client) error {
		return cl.ContainerRestart(ctx, id, container.StopOptions{})
	})
}

// Kill sends a signal, "SIGKILL" for "" (POST /containers/ID/kill). A container that does not run
// is ErrConflict.
func (c *Client) Kill(ctx context.Context, id, signal string) error {
	return c.act(ctx, "kill", id, func(ctx context.Context, cl *client.Client) error {
		return cl.ContainerKill(ctx, id, signal)
	})
}

// Pause freezes the processes of a container (POST /containers/ID/pause).
func (c *Client) Pause(ctx context.Context, id string) error {
	return c.act(ctx, "pause", id, func(ctx context.Context, cl *client.Client) error {
		return cl.ContainerPause(ctx, id)
	})
}

// Unpause lets them run again (POST /containers/ID/unpause).
func (c *Client) Unpause(ctx context.Context, id string) error {
	return c.act(ctx, "unpause", id, func(ctx context.Context, cl *client.Client) error {
		return cl.ContainerUnpause(ctx, id)
	})
}

func (c *Client) act(ctx context.Context, verb, id string, do func(context.Context, *client.Client) error) error {
	if err := c.checkID(verb, id); err != nil {
		return err
	}
	cl, _, err := c.engine(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	defer c.Touch(id)
	return c.explain(ctx, verb+" "+id, do(ctx, cl))
}
