package engine

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

func (s *Server) start(r *http.Request) (any, error) {
	c, err := s.container(r)
	if err != nil {
		return nil, err
	}
	if c.State == "paused" {
		return nil, fail(http.StatusConflict, "cannot start a paused container, try unpause instead")
	}
	if c.Running() {
		return nil, problem{code: http.StatusNotModified}
	}
	if other, port := taken(c); other != "" {
		c.Err = "driver failed programming external connectivity on endpoint " + c.Spec.Name + " (" + c.Host.Site.Hex("endpoint "+c.ID, 64) +
			"): Bind for 0.0.0.0:" + strconv.Itoa(port) + " failed: port is already allocated"
		c.Exit = 128
		return nil, fail(http.StatusInternalServerError, "%s", c.Err)
	}
	c.Start()
	return nil, nil
}

// taken says who holds a port the container wants.
func taken(c *sim.Container) (string, int) {
	for _, want := range c.Spec.Ports {
		for _, l := range c.Host.Sockets() {
			if l.C != c && l.Proto == want.Protocol() && l.Port == want.Host && overlap(l.IP, want.IP) {
				return l.Process, want.Host
			}
		}
	}
	return "", 0
}

func overlap(a, b string) bool {
	wild := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "*" }
	return a == b || wild(a) || wild(b)
}

// grace is how long the t parameter lets a process take to end; below zero when it is not set.
func grace(r *http.Request) time.Duration {
	t := r.URL.Query().Get("t")
	n, err := strconv.Atoi(t)
	if t == "" || err != nil || n < 0 {
		return -1
	}
	return time.Duration(n) * time.Second
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) error {
	return s.await(w, r, func(c *sim.Container, done func(time.Time)) error {
		if c.State != "running" && c.State != "paused" && c.State != "restarting" {
			return problem{code: http.StatusNotModified}
		}
		c.Stop(grace(r), done)
		return nil
	})
}

func (s *Server) restart(w http.ResponseWriter, r *http.Request) error {
	return s.await(w, r, func(c *sim.Container, done func(time.Time)) error {
		c.Restart(grace(r), done)
		return nil
	})
}

// await begins something with a container and answers when it is done. Like the engine it goes on
// when the client has gone.
func (s *Server) await(w http.ResponseWriter, r *http.Request, begin func(*sim.Container, func(time.Time)) error) error {
	done := make(chan struct{})
	s.h.Site.Lock()
	release := s.h.Site.Follow()
	defer release()
	c, err := s.container(r)
	if err == nil {
		err = begin(c, func(time.Time) { close(done) })
	}
	s.h.Site.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-done:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
	return nil
}

func (s *Server) kill(r *http.Request) (any, error) {
	c, err := s.container(r)
	if err != nil {
		return nil, err
	}
	sig := strings.ToUpper(strings.TrimPrefix(r.URL.Query().Get("signal"), "SIG"))
	if sig == "" || sig == "9" {
		sig = "KILL"
	}
	if n := map[string]string{"15": "TERM", "2": "INT", "3": "QUIT", "1": "HUP", "10": "USR1", "12": "USR2"}[sig]; n != "" {
		sig = n
	}
	if !strings.Contains(" KILL TERM INT QUIT HUP USR1 USR2 WINCH STOP CONT ABRT ", " "+sig+" ") {
		return nil, fail(http.StatusBadRequest, "invalid signal: %s", sig)
	}
	if c.State != "running" && c.State != "paused" {
		return nil, fail(http.StatusConflict, "cannot kill container: %s: container %s is not running", r.PathValue("id"), c.ID)
	}
	c.Kill(sig)
	return nil, nil
}

func (s *Server) pause(r *http.Request) (any, error) {
	c, err := s.container(r)
	if err != nil {
		return nil, err
	}
	on := strings.HasSuffix(r.URL.Path, "/pause")
	switch {
	case on && c.State == "paused":
		return nil, fail(http.StatusConflict, "Container %s is already paused", c.ID)
	case on && !c.Running():
		return nil, fail(http.StatusConflict, "Container %s is not running", c.ID)
	case !on && c.State != "paused":
		return nil, fail(http.StatusConflict, "Container %s is not paused", c.ID)
	}
	c.Pause(on)
	return nil, nil
}

func (s *Server) remove(r *http.Request) (any, error) {
	c, err := s.container(r)
	if err != nil {
		return nil, err
	}
	if c.State == "running" || c.State == "paused" || c.State == "restarting" {
		if !truth(r.URL.Query().Get("force")) {
			return nil, fail(http.StatusConflict, "cannot remove container %q: container is %s: stop the container before removing or force remove", "/"+c.Spec.Name, c.State)
		}
		if c.State == "running" {
			c.Kill("KILL")
		}
	}
	c.Remove()
	return nil, nil
}

func (s *Server) wait(w http.ResponseWriter, r *http.Request) error {
	s.h.Site.Lock()
	release := s.h.Site.Follow()
	defer release()
	c, err := s.container(r)
	if err != nil {
		s.h.Site.Unlock()
		return err
	}
	next := r.URL.Query().Get("condition") == "next-exit"
	from := c.Finished
	over := func() bool {
		if next {
			return c.Finished.After(from)
		}
		return c.State != "running" && c.State != "paused" && c.State != "restarting"
	}
	for !over() {
		ch := s.h.Changed()
		s.h.Site.Unlock()
		if !waitFor(r.Context(), ch) {
			return nil
		}
		s.h.Site.Lock()
	}
	code := c.Exit
	s.h.Site.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"StatusCode": code})
	return nil
}

// waitFor waits for a change and reports whether there was one before the context ended.
func waitFor(ctx context.Context, ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	case <-ctx.Done():
		return false
	}
}
