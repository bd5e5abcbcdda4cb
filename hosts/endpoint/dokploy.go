package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts"
)

// Dokploy reads projects, applications, domains and deployments of a Dokploy server. Only fields of
// a fixed list are kept: the API answers hold environments, registry passwords and keys.
func Dokploy(host string, dial Dial, base string, token func(context.Context) (hosts.Secret, error), now func() time.Time) Reader {
	r := Reader{ID: CollectDokploy, Source: "GET " + base + "/api/project.all", Every: 30 * time.Second}
	r.Read = func(ctx context.Context, _ *hosts.HostFacts) hosts.Evidence {
		at := now()
		d, needs, err := readDokploy(ctx, dial, base, token)
		ev := evidence(host, r.ID, r.Source, at, since(now, at), d, err)
		ev.Needs = needs
		return ev
	}
	return r
}

func readDokploy(ctx context.Context, dial Dial, base string, token func(context.Context) (hosts.Secret, error)) (*hosts.Dokploy, string, error) {
	key, err := token(ctx)
	if err != nil {
		return nil, "an API token", fmt.Errorf("dokploy %s: %w", base, err)
	}
	c := client(dial, nil)
	defer c.CloseIdleConnections()
	header := map[string]string{"x-api-key": key.Reveal(), "Accept": "application/json"}
	base = strings.TrimSuffix(base, "/")
	body, err := get(ctx, c, base+"/api/project.all", header)
	if err != nil {
		needs := ""
		if strings.Contains(err.Error(), "HTTP 401") || strings.Contains(err.Error(), "HTTP 403") {
			needs = "a valid API token"
		}
		return nil, needs, fmt.Errorf("dokploy %s: %w", base, err)
	}
	d, err := dokployProjects(body)
	if err != nil {
		return nil, "", err
	}
	d.URL = base
	var missed []error
	for i := range d.Projects {
		for j := range d.Projects[i].Apps {
			if err := dokployApp(ctx, c, base, header, &d.Projects[i].Apps[j]); err != nil {
				missed = append(missed, err)
			}
		}
	}
	if len(missed) > 0 && ctx.Err() != nil {
		return nil, "", errors.Join(missed...)
	}
	return d, "", nil
}

// dokApp are the fields that are kept of an application; everything else is not even decoded.
type dokApp struct {
	ApplicationID string `json:"applicationId"`
	ComposeID     string `json:"composeId"`
	Name          string `json:"name"`
	AppName       string `json:"appName"`
	Status        string `json:"applicationStatus"`
	ComposeStatus string `json:"composeStatus"`
	Image         string `json:"dockerImage"`
	SourceType    string `json:"sourceType"`
	Replicas      int    `json:"replicas"`
	Domains       []struct {
		DomainID        string `json:"domainId"`
		Host            string `json:"host"`
		Path            string `json:"path"`
		Port            int    `json:"port"`
		HTTPS           bool   `json:"https"`
		CertificateType string `json:"certificateType"`
		ServiceName     string `json:"serviceName"`
	} `json:"domains"`
	Deployments []struct {
		DeploymentID string `json:"deploymentId"`
		Title        string `json:"title"`
		Status       string `json:"status"`
		CreatedAt    string `json:"createdAt"`
		FinishedAt   string `json:"finishedAt"`
		ErrorMessage string `json:"errorMessage"`
	} `json:"deployments"`
}

type dokServices struct {
	Applications []dokApp `json:"applications"`
	Compose      []dokApp `json:"compose"`
}

// dokployProjects reads project.all; newer servers put services below environments.
func dokployProjects(body []byte) (*hosts.Dokploy, error) {
	projects, err := parseJSON[[]struct {
		ProjectID string `json:"projectId"`
		Name      string `json:"name"`
		dokServices
		Environments []dokServices `json:"environments"`
	}](body, "dokploy projects")
	if err != nil {
		return nil, err
	}
	d := &hosts.Dokploy{}
	for _, p := range projects {
		x := hosts.DokployProject{ID: p.ProjectID, Name: hosts.Clean(p.Name)}
		for _, s := range append([]dokServices{p.dokServices}, p.Environments...) {
			for _, a := range s.Applications {
				x.Apps = append(x.Apps, a.facts("application"))
			}
			for _, a := range s.Compose {
				x.Apps = append(x.Apps, a.facts("compose"))
			}
		}
		d.Projects = append(d.Projects, x)
	}
	return d, nil
}

func (a dokApp) facts(kind string) hosts.DokployApp {
	x := hosts.DokployApp{
		ID: a.ApplicationID + a.ComposeID, Name: hosts.Clean(a.Name), AppName: a.AppName, Kind: kind, Status: a.Status + a.ComposeStatus,
		Image: a.Image, SourceType: a.SourceType, Replicas: a.Replicas,
	}
	for _, d := range a.Domains {
		x.Domains = append(x.Domains, hosts.DokployDomain{ID: d.DomainID, Host: d.Host, Path: d.Path, Port: d.Port, HTTPS: d.HTTPS, CertificateType: d.CertificateType, Service: d.ServiceName})
	}
	for _, d := range a.Deployments {
		y := hosts.DokployDeployment{ID: d.DeploymentID, Title: hosts.Clean(d.Title), Status: d.Status, Error: hosts.Clean(d.ErrorMessage)}
		y.Created, _ = time.Parse(time.RFC3339, d.CreatedAt)
		y.Finished, _ = time.Parse(time.RFC3339, d.FinishedAt)
		x.Deployments = append(x.Deployments, y)
	}
	return x
}

// dokployApp reads one application or compose stack for what project.all leaves out.
func dokployApp(ctx context.Context, c *http.Client, base string, header map[string]string, a *hosts.DokployApp) error {
	if a.ID == "" {
		return nil
	}
	page := "/api/application.one?applicationId=" + a.ID
	if a.Kind == "compose" {
		page = "/api/compose.one?composeId=" + a.ID
	}
	body, err := get(ctx, c, base+page, header)
	if err != nil {
		return err
	}
	one, err := parseJSON[dokApp](body, "dokploy "+a.Kind)
	if err != nil {
		return err
	}
	full := one.facts(a.Kind)
	if full.ID == a.ID {
		*a = full
	}
	return nil
}

func parseDokploy(data []byte) (hosts.Dokploy, error) {
	return parseJSON[hosts.Dokploy](data, "evidence of Dokploy")
}
