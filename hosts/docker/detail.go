package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// InspectDocument returns the redacted inspect document of a container, indented
// (GET /containers/ID/json).
func (c *Client) InspectDocument(ctx context.Context, id string) (string, error) {
	doc, err := c.inspectDoc(ctx, id)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, doc, "", "  "); err != nil {
		return "", &Error{Op: "inspect " + id, Host: c.p.Host, Text: "answer is not JSON", cause: err}
	}
	return out.String(), nil
}

// Top returns the processes of a container as ps prints them (GET /containers/ID/top); the first
// row holds the titles. A container that does not run is ErrConflict.
func (c *Client) Top(ctx context.Context, id string) ([][]string, error) {
	if err := c.checkID("top", id); err != nil {
		return nil, err
	}
	doc, err := c.fetch(ctx, "top "+id, "/containers/"+id+"/top", nil)
	if err != nil {
		return nil, err
	}
	var w struct {
		Titles    []string
		Processes [][]string
	}
	if err := json.Unmarshal(doc, &w); err != nil {
		return nil, &Error{Op: "top " + id, Host: c.p.Host, Text: "answer is not what the API promises", cause: err}
	}
	rows := append(make([][]string, 0, len(w.Processes)+1), w.Titles)
	for _, p := range w.Processes {
		if n := len(p); n > 0 {
			p[n-1] = redact.Text(p[n-1]) // the command line
		}
		rows = append(rows, p)
	}
	return rows, nil
}

// Detail reads what is shown of one container. That it has no processes is not an error.
func (c *Client) Detail(ctx context.Context, id string) (hosts.ContainerDetail, error) {
	d := hosts.ContainerDetail{At: c.p.Now()}
	var err error
	if d.Inspect, err = c.InspectDocument(ctx, id); err != nil {
		return hosts.ContainerDetail{}, err
	}
	d.Top, err = c.Top(ctx, id)
	if err != nil {
		if ctx.Err() != nil {
			return hosts.ContainerDetail{}, ctx.Err()
		}
		d.Top, d.TopErr = nil, err.Error()
		var e *Error
		if errors.As(err, &e) {
			d.TopErr = e.Text
		}
	}
	return d, nil
}
