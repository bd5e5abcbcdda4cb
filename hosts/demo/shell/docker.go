package shell

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	units "github.com/docker/go-units"
)

// dockerCLI is one call of docker: a client of the host's own engine.
type dockerCLI struct {
	p  *proc
	hc *http.Client
}

// unixSocket is where the engine listens.
const unixSocket = "/var/run/docker.sock"

func dockerProgram(p *proc) int {
	args := p.args[1:]
	for len(args) > 1 && (args[0] == "-H" || args[0] == "--host" || args[0] == "-c" || args[0] == "--context") {
		args = args[2:]
	}
	if len(args) == 0 {
		return p.die(1, "Usage:  docker [OPTIONS] COMMAND")
	}
	d := &dockerCLI{p: p}
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return p.m.Dial(ctx, p.cred(), "unix", unixSocket)
	}}
	d.hc = &http.Client{Transport: tr}
	code, err := d.run(args)
	switch {
	case p.ctx.Err() != nil:
		return 130
	case err != nil:
		return p.die(max(1, code), "%s", dockerError(err))
	}
	return code
}

// dockerError is what the docker command says when the engine is not to be reached.
func dockerError(err error) string {
	text := err.Error()
	var op *net.OpError
	switch {
	case strings.Contains(text, "permission denied"):
		return "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: " + text
	case errors.As(err, &op), strings.Contains(text, "no such file"), strings.Contains(text, "connection refused"):
		return "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
	}
	return "Error response from daemon: " + text
}

func (d *dockerCLI) run(args []string) (int, error) {
	verb, rest := args[0], args[1:]
	if len(rest) > 0 {
		switch verb + " " + rest[0] {
		case "container ls", "container ps", "container list":
			verb, rest = "ps", rest[1:]
		case "container inspect", "container logs", "container exec", "container start", "container stop", "container restart", "container stats":
			verb, rest = rest[0], rest[1:]
		case "image ls":
			verb, rest = "images", rest[1:]
		case "system dial-stdio":
			return d.dialStdio()
		case "system info":
			verb, rest = "info", rest[1:]
		case "volume ls", "network ls", "node ls", "service ls", "stack ls", "context ls":
			return 0, d.ls(verb, rest[1:])
		case "volume inspect", "network inspect", "service inspect", "node inspect", "image inspect":
			return d.inspect(verb, rest[1:])
		}
	}
	switch verb {
	case "ps":
		return 0, d.ps(rest)
	case "images":
		return 0, d.images(rest)
	case "inspect":
		return d.inspect("container", rest)
	case "logs":
		return d.logs(rest)
	case "exec":
		return d.exec(rest)
	case "info", "version":
		return 0, d.show(verb, rest)
	case "stats":
		return 0, d.stats(rest)
	case "start", "stop", "restart", "kill", "pause", "unpause", "rm":
		return d.change(verb, rest)
	case "--version", "-v":
		d.p.print("Docker version " + d.p.host().Spec.Engine.Version + ", build ce12230\n")
		return 0, nil
	case "compose":
		return d.compose(rest)
	}
	return d.p.die(1, "docker: '%s' is not a docker command.\nSee 'docker --help'", verb), nil
}

// call asks the engine; a status of 400 and above is an error with the engine's own words.
func (d *dockerCLI) call(method, path string, q url.Values, body any) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(d.p.ctx, method, "http://docker"+path+"?"+q.Encode(), in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.hc.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, err
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		var m struct{ Message string }
		_ = json.NewDecoder(resp.Body).Decode(&m)
		return nil, errors.New(m.Message)
	}
	return resp, nil
}

func (d *dockerCLI) get(path string, q url.Values, into any) error {
	resp, err := d.call(http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

// format prints a value as --format asks: "json" or a Go template.
func (d *dockerCLI) format(f string, v any) error {
	if f == "json" || f == "{{json .}}" || f == "{{ json . }}" {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		d.p.print(string(b) + "\n")
		return nil
	}
	t, err := template.New("").Option("missingkey=zero").Funcs(template.FuncMap{
		"json":  func(v any) string { b, _ := json.Marshal(v); return string(b) },
		"join":  func(l []any, s string) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(l), " ", s), "[]") },
		"lower": strings.ToLower, "upper": strings.ToUpper,
		"println": func(a ...any) string { return fmt.Sprintln(a...) },
	}).Parse(f)
	if err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return err
	}
	d.p.print(b.String() + "\n")
	return nil
}

// filterArg turns --filter words into the filters parameter.
func filterArg(words []string) string {
	m := map[string][]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = append(m[k], v)
	}
	b, err := json.Marshal(m)
	if err != nil || len(m) == 0 {
		return ""
	}
	return string(b)
}

// box is a container as the list sends it.
type box struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string
	Command string
	Created int64
	Labels  map[string]string
	State   string
	Status  string
	Ports   []struct {
		IP                      string
		PrivatePort, PublicPort int
		Type                    string
	}
	Mounts          []struct{ Name, Source string }
	NetworkSettings struct{ Networks map[string]any }
}

func (b box) ports() string {
	var out []string
	for _, p := range b.Ports {
		to := strconv.Itoa(p.PrivatePort) + "/" + p.Type
		if p.PublicPort > 0 {
			ip := p.IP
			if strings.Contains(ip, ":") {
				ip = "[" + ip + "]"
			}
			to = ip + ":" + strconv.Itoa(p.PublicPort) + "->" + to
		}
		out = append(out, to)
	}
	return strings.Join(out, ", ")
}

// row is what ps --format sees.
func (b box) row(full bool, now time.Time) map[string]any {
	id, cmd := b.ID, b.Command
	if !full {
		id = id[:12]
		if len(cmd) > 20 {
			cmd = cmd[:19] + "…"
		}
	}
	var lab, mounts, nets []string
	for k, v := range b.Labels {
		lab = append(lab, k+"="+v)
	}
	for _, m := range b.Mounts {
		if m.Name != "" {
			mounts = append(mounts, m.Name)
		} else {
			mounts = append(mounts, m.Source)
		}
	}
	for n := range b.NetworkSettings.Networks {
		nets = append(nets, n)
	}
	sort.Strings(lab)
	sort.Strings(nets)
	at := time.Unix(b.Created, 0).UTC()
	return map[string]any{
		"ID": id, "Names": strings.TrimPrefix(b.Names[0], "/"), "Image": b.Image, "Command": strconv.Quote(cmd),
		"CreatedAt": at.Format("2006-01-02 15:04:05 -0700 MST"), "RunningFor": units.HumanDuration(now.Sub(at)) + " ago",
		"Ports": b.ports(), "State": b.State, "Status": b.Status, "Size": "0B", "Labels": strings.Join(lab, ","),
		"Mounts": strings.Join(mounts, ","), "Networks": strings.Join(nets, ","), "LocalVolumes": "0",
	}
}

func (d *dockerCLI) ps(args []string) error {
	opts, _, _ := flags(args, "fn", "--filter", "--format", "--last")
	q := url.Values{}
	if opts["-a"] != "" || has(opts, "--all") {
		q.Set("all", "1")
	}
	if f := filterArg(append(many(opts["-f"]), many(opts["--filter"])...)); f != "" {
		q.Set("filters", f)
	}
	var list []box
	if err := d.get("/containers/json", q, &list); err != nil {
		return err
	}
	full := has(opts, "--no-trunc")
	now := d.p.clock()
	rows := [][]string{{"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"}}
	for _, b := range list {
		r := b.row(full, now)
		text := func(k string) string { s, _ := r[k].(string); return s }
		switch {
		case opts["-q"] != "" || has(opts, "--quiet"):
			d.p.print(text("ID") + "\n")
		case opts["--format"] != "":
			if err := d.format(opts["--format"], r); err != nil {
				return err
			}
		default:
			rows = append(rows, []string{text("ID"), b.Image, text("Command"), text("RunningFor"), b.Status, text("Ports"), text("Names")})
		}
	}
	if opts["-q"] == "" && !has(opts, "--quiet") && opts["--format"] == "" {
		d.p.print(table(rows))
	}
	return nil
}

// table pads columns with three blanks, as docker does.
func table(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for i, c := range r {
			b.WriteString(c)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-len([]rune(c))+3))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (d *dockerCLI) images(args []string) error {
	opts, _, _ := flags(args, "f", "--filter", "--format")
	var list []struct {
		ID       string `json:"Id"`
		RepoTags []string
		Created  int64
		Size     int64
	}
	if err := d.get("/images/json", nil, &list); err != nil {
		return err
	}
	rows := [][]string{{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}}
	for _, im := range list {
		id := strings.TrimPrefix(im.ID, "sha256:")[:12]
		tags := im.RepoTags
		if len(tags) == 0 {
			tags = []string{"<none>:<none>"}
		}
		for _, t := range tags {
			i := strings.LastIndexByte(t, ':')
			ago := units.HumanDuration(d.p.clock().Sub(time.Unix(im.Created, 0))) + " ago"
			switch {
			case opts["-q"] != "":
				d.p.print(id + "\n")
			case opts["--format"] != "":
				if err := d.format(opts["--format"], map[string]any{"Repository": t[:i], "Tag": t[i+1:], "ID": id, "Size": units.HumanSize(float64(im.Size)), "CreatedSince": ago}); err != nil {
					return err
				}
			default:
				rows = append(rows, []string{t[:i], t[i+1:], id, ago, units.HumanSize(float64(im.Size))})
			}
		}
	}
	if len(rows) > 1 {
		d.p.print(table(rows))
	}
	return nil
}

func (d *dockerCLI) inspect(kind string, args []string) (int, error) {
	opts, names, _ := flags(args, "f", "--format", "--type")
	format := opts["-f"] + opts["--format"]
	where := map[string]string{
		"container": "/containers/%s/json", "image": "/images/%s/json", "volume": "/volumes/%s", "network": "/networks/%s", "service": "/services/%s", "node": "/nodes/%s",
	}[kind]
	code, all := 0, []any{}
	for _, n := range names {
		var v any
		err := d.get(fmt.Sprintf(where, url.PathEscape(n)), nil, &v)
		if err != nil && kind == "container" && strings.HasPrefix(err.Error(), "No such container") {
			err = d.get(fmt.Sprintf("/images/%s/json", url.PathEscape(n)), nil, &v)
			if err != nil && strings.HasPrefix(err.Error(), "No such image") {
				code = d.p.die(1, "Error: No such object: %s", n)
				continue
			}
		}
		if err != nil {
			return 1, err
		}
		if format != "" {
			if err := d.format(format, v); err != nil {
				return 1, err
			}
			continue
		}
		all = append(all, v)
	}
	if format == "" {
		b, err := json.MarshalIndent(all, "", "    ")
		if err != nil {
			return 1, err
		}
		d.p.print(string(b) + "\n")
	}
	return code, nil
}

func (d *dockerCLI) show(verb string, args []string) error {
	opts, _, _ := flags(args, "f", "--format")
	var v map[string]any
	if err := d.get("/"+verb, nil, &v); err != nil {
		return err
	}
	f := opts["-f"] + opts["--format"]
	if verb == "version" {
		v = map[string]any{"Client": map[string]any{"Version": v["Version"], "ApiVersion": v["ApiVersion"]}, "Server": v}
	}
	if f != "" {
		return d.format(f, v)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	d.p.print(string(b) + "\n")
	return err
}

func (d *dockerCLI) ls(kind string, args []string) error {
	opts, _, _ := flags(args, "f", "--filter", "--format")
	var list []map[string]any
	switch kind {
	case "volume":
		var v struct{ Volumes []map[string]any }
		if err := d.get("/volumes", nil, &v); err != nil {
			return err
		}
		list = v.Volumes
	case "network", "node", "service":
		q := url.Values{}
		if kind == "service" {
			q.Set("status", "1")
		}
		if err := d.get("/"+kind+"s", q, &list); err != nil {
			return err
		}
	default:
		d.p.print("NAME      DESCRIPTION\n")
		return nil
	}
	var rows [][]string
	for _, m := range list {
		row := lsRow(kind, m)
		switch {
		case opts["-q"] != "":
			d.p.print(row[0] + "\n")
		case opts["--format"] != "":
			if err := d.format(opts["--format"], m); err != nil {
				return err
			}
		default:
			rows = append(rows, row)
		}
	}
	if opts["-q"] == "" && opts["--format"] == "" {
		title := map[string][]string{
			"volume": {"VOLUME NAME", "DRIVER"}, "network": {"NETWORK ID", "NAME", "DRIVER", "SCOPE"},
			"node": {"ID", "HOSTNAME", "STATUS", "AVAILABILITY", "MANAGER STATUS"}, "service": {"ID", "NAME", "MODE", "REPLICAS", "IMAGE"},
		}[kind]
		d.p.print(table(append([][]string{title}, rows...)))
	}
	return nil
}

// dig follows names through nested maps.
func dig(m map[string]any, path ...string) any {
	var v any = m
	for _, k := range path {
		x, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = x[k]
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func lsRow(kind string, m map[string]any) []string {
	id := text(m["ID"])
	switch kind {
	case "volume":
		return []string{text(m["Name"]), text(m["Driver"])}
	case "network":
		return []string{text(m["Id"])[:12], text(m["Name"]), text(m["Driver"]), text(m["Scope"])}
	case "node":
		manager := ""
		if dig(m, "ManagerStatus", "Leader") == true {
			manager = "Leader"
		} else if r := dig(m, "ManagerStatus", "Reachability"); r != nil {
			manager = text(r)
		}
		return []string{id, text(dig(m, "Description", "Hostname")), text(dig(m, "Status", "State")), text(dig(m, "Spec", "Availability")), manager}
	default:
		mode := "replicated"
		if dig(m, "Spec", "Mode", "Global") != nil {
			mode = "global"
		}
		return []string{
			id[:min(12, len(id))], text(dig(m, "Spec", "Name")), mode,
			text(dig(m, "ServiceStatus", "RunningTasks")) + "/" + text(dig(m, "ServiceStatus", "DesiredTasks")), text(dig(m, "Spec", "TaskTemplate", "ContainerSpec", "Image")),
		}
	}
}

func (d *dockerCLI) logs(args []string) (int, error) {
	opts, names, _ := flags(args, "n", "--tail", "--since", "--until")
	if len(names) != 1 {
		return d.p.die(1, "\"docker logs\" requires exactly 1 argument."), nil
	}
	q := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {"all"}}
	if t := opts["-n"] + opts["--tail"]; t != "" {
		q.Set("tail", t)
	}
	if opts["-f"] != "" || has(opts, "--follow") {
		q.Set("follow", "1")
	}
	if opts["-t"] != "" || has(opts, "--timestamps") {
		q.Set("timestamps", "1")
	}
	for _, k := range []string{"since", "until"} {
		if v := opts["--"+k]; v != "" {
			at, ok := when(v, d.p.clock())
			if dur, is := span(v); !ok && is {
				at, ok = d.p.clock().Add(-dur), true
			}
			if !ok {
				return d.p.die(1, "invalid value for %q: failed to parse value as time or duration: %q", k, v), nil
			}
			q.Set(k, fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()))
		}
	}
	resp, err := d.call(http.MethodGet, "/containers/"+url.PathEscape(names[0])+"/logs", q, nil)
	if err != nil {
		return 1, err
	}
	defer resp.Body.Close()
	demux(resp.Body, d.p.out, d.p.err)
	return 0, nil
}

// demux separates the two streams of an engine's answer.
func demux(r io.Reader, out, errs io.Writer) {
	head := make([]byte, 8)
	for {
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		n := int64(head[4])<<24 | int64(head[5])<<16 | int64(head[6])<<8 | int64(head[7])
		w := out
		if head[0] == 2 {
			w = errs
		}
		if _, err := io.CopyN(w, r, n); err != nil {
			return
		}
	}
}

func (d *dockerCLI) exec(args []string) (int, error) {
	opts, rest := flags0(args, "uew")
	if len(rest) < 2 {
		return d.p.die(1, "\"docker exec\" requires at least 2 arguments."), nil
	}
	tty, in := opts["-t"] != "", opts["-i"] != ""
	if tty && d.p.tty == nil {
		return d.p.die(1, "the input device is not a TTY"), nil
	}
	resp, err := d.call(http.MethodPost, "/containers/"+url.PathEscape(rest[0])+"/exec", nil, map[string]any{
		"AttachStdin": in, "AttachStdout": true, "AttachStderr": true, "Tty": tty, "Cmd": rest[1:], "Env": many(opts["-e"]),
		"User": opts["-u"], "WorkingDir": opts["-w"],
	})
	if err != nil {
		return 1, err
	}
	var made struct {
		ID string `json:"Id"`
	}
	err = json.NewDecoder(resp.Body).Decode(&made)
	_ = resp.Body.Close()
	if err != nil {
		return 1, err
	}
	if err := d.attach(made.ID, tty, in); err != nil {
		return 1, err
	}
	var st struct{ ExitCode int }
	if err := d.get("/exec/"+made.ID+"/json", nil, &st); err != nil {
		return 1, err
	}
	return st.ExitCode, nil
}

// attach starts an exec and passes its streams on.
func (d *dockerCLI) attach(id string, tty, in bool) error {
	conn, err := d.p.m.Dial(d.p.ctx, d.p.cred(), "unix", unixSocket)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(d.p.ctx, func() { _ = conn.Close() })
	defer stop()
	body := fmt.Sprintf(`{"Detach":false,"Tty":%t}`, tty)
	_, err = fmt.Fprintf(conn, "POST /exec/%s/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: %d\r\n\r\n%s", id, len(body), body)
	if err != nil {
		return err
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 400 {
		return errors.New(resp.Status)
	}
	if in {
		go func() {
			_, _ = io.Copy(conn, d.p.reader())
			if cw, ok := conn.(interface{ CloseWrite() error }); ok {
				_ = cw.CloseWrite()
			}
		}()
	}
	if tty {
		_, _ = io.Copy(d.p.out, br)
		return nil
	}
	demux(br, d.p.out, d.p.err)
	return nil
}

// dialStdio joins standard input and output to the engine's socket.
func (d *dockerCLI) dialStdio() (int, error) {
	conn, err := d.p.m.Dial(d.p.ctx, d.p.cred(), "unix", unixSocket)
	if err != nil {
		return 1, err
	}
	defer conn.Close()
	stop := context.AfterFunc(d.p.ctx, func() { _ = conn.Close() })
	defer stop()
	go func() {
		_, _ = io.Copy(conn, d.p.reader())
		if cw, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = cw.CloseWrite()
		}
	}()
	_, _ = io.Copy(d.p.out, conn)
	return 0, nil
}

func (d *dockerCLI) stats(args []string) error {
	opts, names, _ := flags(args, "", "--format")
	if len(names) == 0 {
		var list []box
		if err := d.get("/containers/json", nil, &list); err != nil {
			return err
		}
		for _, b := range list {
			names = append(names, strings.TrimPrefix(b.Names[0], "/"))
		}
	}
	rows := [][]string{{"CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "PIDS"}}
	docs := make([]map[string]any, len(names))
	var wg sync.WaitGroup
	for i, n := range names {
		wg.Go(func() { _ = d.get("/containers/"+url.PathEscape(n)+"/stats", url.Values{"stream": {"0"}}, &docs[i]) })
	}
	wg.Wait()
	for i, v := range docs {
		if v == nil {
			continue
		}
		f := func(path ...string) float64 { x, _ := dig(v, path...).(float64); return x }
		cpu := 0.0
		if sys := f("cpu_stats", "system_cpu_usage") - f("precpu_stats", "system_cpu_usage"); sys > 0 {
			cpu = (f("cpu_stats", "cpu_usage", "total_usage") - f("precpu_stats", "cpu_usage", "total_usage")) / sys * f("cpu_stats", "online_cpus") * 100
		}
		mem, limit := f("memory_stats", "usage")-f("memory_stats", "stats", "inactive_file"), max(1, f("memory_stats", "limit"))
		r := map[string]any{
			"Container": names[i], "ID": text(v["id"])[:12], "Name": names[i], "CPUPerc": fmt.Sprintf("%.2f%%", cpu),
			"MemUsage": units.BytesSize(mem) + " / " + units.BytesSize(limit), "MemPerc": fmt.Sprintf("%.2f%%", mem/limit*100), "PIDs": text(dig(v, "pids_stats", "current")),
		}
		if opts["--format"] != "" {
			if err := d.format(opts["--format"], r); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{text(r["ID"]), names[i], text(r["CPUPerc"]), text(r["MemUsage"]), text(r["MemPerc"]), text(r["PIDs"])})
	}
	if opts["--format"] == "" {
		d.p.print(table(rows))
	}
	return nil
}

func (d *dockerCLI) change(verb string, args []string) (int, error) {
	opts, names, _ := flags(args, "ts", "--time", "--signal")
	code := 0
	for _, n := range names {
		q, method, path := url.Values{}, http.MethodPost, "/containers/"+url.PathEscape(n)+"/"+verb
		if t := opts["-t"] + opts["--time"]; t != "" {
			q.Set("t", t)
		}
		if s := opts["-s"] + opts["--signal"]; s != "" {
			q.Set("signal", s)
		}
		if verb == "rm" {
			method, path = http.MethodDelete, "/containers/"+url.PathEscape(n)
			if opts["-f"] != "" {
				q.Set("force", "1")
			}
		}
		resp, err := d.call(method, path, q, nil)
		if err != nil {
			code = d.p.die(1, "%s", dockerError(err))
			continue
		}
		_ = resp.Body.Close()
		d.p.print(n + "\n")
	}
	return code, nil
}

// compose is docker compose version, ls and ps, from the labels of the containers.
func (d *dockerCLI) compose(args []string) (int, error) {
	opts, rest := flags0(args, "fp")
	version := d.p.host().Spec.Engine.Compose
	if version == "" {
		return d.p.die(1, "docker: 'compose' is not a docker command.\nSee 'docker --help'"), nil
	}
	if len(rest) == 0 {
		return d.p.die(1, "Usage:  docker compose [OPTIONS] COMMAND"), nil
	}
	var list []box
	if err := d.get("/containers/json", url.Values{"all": {"1"}}, &list); err != nil {
		return 1, err
	}
	switch rest[0] {
	case "version":
		d.p.print("Docker Compose version v" + version + "\n")
	case "ls":
		rows := [][]string{{"NAME", "STATUS", "CONFIG FILES"}}
		count, files := map[string]int{}, map[string]string{}
		for _, b := range list {
			if n := b.Labels["com.docker.compose.project"]; n != "" && b.State == "running" {
				count[n]++
				files[n] = b.Labels["com.docker.compose.project.config_files"]
			}
		}
		for n, k := range count {
			rows = append(rows, []string{n, fmt.Sprintf("running(%d)", k), files[n]})
		}
		sort.Slice(rows[1:], func(i, j int) bool { return rows[i+1][0] < rows[j+1][0] })
		d.p.print(table(rows))
	case "ps":
		rows := [][]string{{"NAME", "IMAGE", "SERVICE", "STATUS", "PORTS"}}
		for _, b := range list {
			if p := b.Labels["com.docker.compose.project"]; p != "" && (opts["-p"] == "" || opts["-p"] == p) {
				rows = append(rows, []string{strings.TrimPrefix(b.Names[0], "/"), b.Image, b.Labels["com.docker.compose.service"], b.Status, b.ports()})
			}
		}
		d.p.print(table(rows))
	default:
		return d.p.die(1, "unknown docker command: \"compose %s\"", rest[0]), nil
	}
	return 0, nil
}
