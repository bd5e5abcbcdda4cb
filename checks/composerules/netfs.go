package composerules

import (
	"path"
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/hosts"
)

// netfsTypes are the types of a volume's driver_opts whose files live on another machine.
var netfsTypes = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "smbfs": true, "9p": true, "ceph": true, "glusterfs": true, "davfs": true, "afs": true, "lustre": true,
}

// netfsDrivers are volume plugins that do the same.
var netfsDrivers = regexp.MustCompile(`(?i)(nfs|netshare|cifs|sshfs|rclone|glusterfs|ceph|s3fs|convoy)`)

// remote is a volume whose files live on another machine.
type remote struct {
	kind, opts string
	at         compose.Pos       // where the file says so, or where it names the volume
	more       []checks.Evidence // what shows it beside that line
}

// network says how a volume reaches another machine: by its options in the file, or, of one that the file
// only names, by what docker says of it. unsure is why that is not known.
func network(c *checks.Compose, v *compose.Volume) (r remote, unsure string, ok bool) {
	if v == nil {
		return r, "", false
	}
	r.opts = v.Opts["o"].Str()
	if t := v.Opts["type"]; t != nil && netfsTypes[strings.ToLower(t.Str())] {
		r.kind, r.at = strings.ToLower(t.Str()), t.Pos
		if r.opts != "" {
			r.more = []checks.Evidence{c.Line(v.Opts["o"].Pos)}
		}
		return r, "", true
	}
	if v.Driver != "" && v.Driver != "local" && netfsDrivers.MatchString(v.Driver) {
		r.kind, r.at = v.Driver, v.Root.Get("driver").Pos
		return r, "", true
	}
	if !external(v) || c.Host == nil {
		return r, "", false
	}
	if !c.Host.Volumes.Known() {
		return r, c.Host.Part(checks.NeedVolumes).Why(), false
	}
	name := realName(c, v)
	for _, live := range c.Host.Volumes.Value {
		if live.Name != name {
			continue
		}
		kind := strings.ToLower(live.Options["type"])
		if !netfsTypes[kind] {
			if live.Driver == "local" || !netfsDrivers.MatchString(live.Driver) {
				return r, "", false
			}
			kind = live.Driver
		}
		o := live.Options["o"]
		r = remote{kind: kind, opts: o, at: v.Pos}
		r.more = c.Host.Find("", checks.NeedVolumes, "volume "+name+": type="+kind+" o="+o+" device="+live.Options["device"]).Evidence
		return r, "", true
	}
	return r, "", false
}

// external reports a volume that was made apart from the project.
func external(v *compose.Volume) bool {
	e := v.Root.Get("external")
	return e.Bool() || e != nil && e.Kind == compose.Map
}

// realName is the name that docker knows a volume by.
func realName(c *checks.Compose, v *compose.Volume) string {
	switch {
	case v.Root.Get("name").Str() != "":
		return v.Root.Get("name").Str()
	case v.Root.Get("external", "name").Str() != "":
		return v.Root.Get("external", "name").Str()
	case external(v):
		return v.Name
	}
	return c.Project.Name + "_" + v.Name
}

// embedded is a program that keeps a database in one file, and where.
type embedded struct {
	image  *regexp.Regexp
	engine string
	dirs   []string // inside the container
	// unless are variables that put its data into a database server.
	unless *regexp.Regexp
	// only are the values of those variables that count; nil for any.
	only *regexp.Regexp
}

func image(names string) *regexp.Regexp { return regexp.MustCompile(`(?i)(^|/|-)(` + names + `)$`) }

// embeddedPrograms is from the documentation of each: what it does when nothing else is configured.
var embeddedPrograms = []embedded{
	{image(`vaultwarden|bitwarden_rs|server`), "sqlite", []string{"/data"}, regexp.MustCompile(`^DATABASE_URL$`), regexp.MustCompile(`^(mysql|postgres)`)},
	{image(`uptime-kuma`), "sqlite", []string{"/app/data"}, nil, nil},
	{image(`grafana|grafana-oss|grafana-enterprise`), "sqlite", []string{"/var/lib/grafana"}, regexp.MustCompile(`^GF_DATABASE_(TYPE|URL)$`), regexp.MustCompile(`(mysql|postgres)`)},
	{image(`n8n`), "sqlite", []string{"/home/node/.n8n", "/root/.n8n"}, regexp.MustCompile(`^DB_TYPE$`), regexp.MustCompile(`(mysql|postgres|maria)`)},
	{image(`homebox`), "sqlite", []string{"/data"}, regexp.MustCompile(`^HBOX_DATABASE_DRIVER$`), regexp.MustCompile(`postgres`)},
	{image(`wallos`), "sqlite", []string{"/var/www/html/db"}, nil, nil},
	{image(`linkding`), "sqlite", []string{"/etc/linkding/data"}, regexp.MustCompile(`^LD_DB_ENGINE$`), regexp.MustCompile(`postgres`)},
	{image(`lldap`), "sqlite", []string{"/data"}, regexp.MustCompile(`^LLDAP_DATABASE_URL$`), regexp.MustCompile(`^(mysql|postgres)`)},
	{image(`kutt`), "sqlite", []string{"/var/lib/kutt"}, regexp.MustCompile(`^DB_CLIENT$`), regexp.MustCompile(`(pg|mysql)`)},
	{image(`sonarr|radarr|prowlarr|lidarr|readarr|bazarr|whisparr|tautulli|overseerr|jellyseerr|sabnzbd|calibre-web|heimdall`), "sqlite", []string{"/config", "/app/config"}, nil, nil},
	{image(`jellyfin|emby|embyserver|plex|pms-docker`), "sqlite", []string{"/config"}, nil, nil},
	{image(`home-assistant|homeassistant`), "sqlite", []string{"/config"}, nil, nil},
	{image(`gitea|forgejo`), "sqlite", []string{"/data", "/var/lib/gitea"}, regexp.MustCompile(`^(GITEA|FORGEJO)__database__DB_TYPE$`), regexp.MustCompile(`(mysql|postgres|mssql)`)},
	{image(`audiobookshelf`), "sqlite", []string{"/config"}, nil, nil},
	{image(`navidrome`), "sqlite", []string{"/data"}, nil, nil},
	{image(`mealie`), "sqlite", []string{"/app/data"}, regexp.MustCompile(`^DB_ENGINE$`), regexp.MustCompile(`postgres`)},
	{image(`actual-server|actual`), "sqlite", []string{"/data"}, nil, nil},
	{image(`headscale`), "sqlite", []string{"/var/lib/headscale"}, nil, nil},
	{image(`memos`), "sqlite", []string{"/var/opt/memos"}, regexp.MustCompile(`^MEMOS_DRIVER$`), regexp.MustCompile(`(mysql|postgres)`)},
	{image(`freshrss`), "sqlite", []string{"/var/www/FreshRSS/data", "/config"}, nil, nil},
	{image(`photoprism`), "sqlite", []string{"/photoprism/storage"}, regexp.MustCompile(`^PHOTOPRISM_DATABASE_DRIVER$`), regexp.MustCompile(`(mysql|maria)`)},
	{image(`paperless-ngx|paperless`), "sqlite", []string{"/usr/src/paperless/data"}, regexp.MustCompile(`^PAPERLESS_DBHOST$`), nil},
	{image(`pihole`), "sqlite", []string{"/etc/pihole"}, nil, nil},
	{image(`nginx-proxy-manager`), "sqlite", []string{"/data"}, regexp.MustCompile(`^DB_(MYSQL|POSTGRES)_HOST$`), nil},
	{image(`gotify|server-arm64`), "sqlite", []string{"/app/data"}, regexp.MustCompile(`^GOTIFY_DATABASE_DIALECT$`), regexp.MustCompile(`(mysql|postgres)`)},
	{image(`ntfy`), "sqlite", []string{"/var/cache/ntfy", "/var/lib/ntfy"}, nil, nil},
	{image(`open-webui`), "sqlite", []string{"/app/backend/data"}, regexp.MustCompile(`^DATABASE_URL$`), regexp.MustCompile(`^(mysql|postgres)`)},
	{image(`adguardhome`), "boltdb", []string{"/opt/adguardhome", "/opt/adguardhome/work"}, nil, nil},
	{image(`portainer|portainer-ce|portainer-ee`), "boltdb", []string{"/data"}, nil, nil},
	{image(`filebrowser`), "boltdb", []string{"/database", "/database.db", "/config"}, nil, nil},
	{image(`influxdb`), "boltdb", []string{"/var/lib/influxdb2", "/var/lib/influxdb"}, nil, nil},
	{image(`consul`), "boltdb", []string{"/consul/data"}, nil, nil},
	{image(`etcd`), "boltdb", []string{"/etcd-data", "/bitnami/etcd", "/var/lib/etcd"}, nil, nil},
	{image(`metabase`), "h2", []string{"/metabase-data", "/metabase.db"}, regexp.MustCompile(`^MB_DB_TYPE$`), regexp.MustCompile(`(mysql|postgres)`)},
}

// serverDirs are where database servers keep their data.
var serverDirs = []string{
	"/var/lib/mysql", "/var/lib/postgresql", "/var/lib/postgresql/data", "/bitnami/postgresql", "/bitnami/mysql", "/bitnami/mariadb", "/data/db",
	"/bitnami/mongodb", "/usr/share/elasticsearch/data", "/usr/share/opensearch/data", "/var/opt/mssql", "/var/lib/clickhouse", "/var/lib/cassandra",
}

func sqliteOnNetFS() checks.Check {
	return checks.Check{
		ID:       "sqlite-on-network-fs",
		Title:    "a SQLite database lies on a network file system",
		Area:     checks.AreaStorage,
		Severity: checks.Error,
		Why: "SQLite's locks go over the network there, and a write-ahead log needs memory that all readers share, which no network gives. The application " +
			"freezes for a minute or two and comes back, says \"database is locked\" or \"disk I/O error\", and with wrong locks the file is damaged.",
		Fix: "Move the database to a local volume while the application is stopped (sqlite3 OLD \".backup NEW\"), and keep the network volume for files. " +
			"Mind which of the compose files sets the volume.",
		Verify:    "findmnt -T PATH shows a local file system; sqlite3 PATH 'PRAGMA integrity_check' says ok",
		Sources:   []string{"https://www.sqlite.org/wal.html", "https://www.sqlite.org/faq.html#q5"},
		Diagnoses: []string{"sqlite-on-nfs"},
		Eval:      checks.AnyOf(checks.OnCompose(evalEmbedded("sqlite")), checks.OnHost(evalLiveSQLite)),
	}
}

func embeddedOnNetFS() checks.Check {
	return checks.Check{
		ID:       "embedded-db-on-netfs",
		Title:    "a database in a file lies on a network file system",
		Area:     checks.AreaStorage,
		Severity: checks.Error,
		Why: "BoltDB, LevelDB, DuckDB and H2 map the file into memory and lock it. Over a network neither holds: the program hangs at start, or the file is " +
			"damaged when two open it.",
		Fix:       "Move the data directory to a local volume while the program is stopped.",
		Verify:    "findmnt -T PATH shows a local file system",
		Sources:   []string{"https://github.com/etcd-io/bbolt#caveats--limitations"},
		Diagnoses: []string{"sqlite-on-nfs"},
		Eval:      checks.OnCompose(evalEmbedded("boltdb", "h2", "leveldb", "duckdb")),
	}
}

// evalEmbedded finds programs with such an engine whose data directory is a network volume.
func evalEmbedded(engines ...string) func(c *checks.Compose) []checks.Finding {
	return func(c *checks.Compose) []checks.Finding {
		var out []checks.Finding
		for _, s := range c.Project.Services {
			for _, m := range s.Mounts {
				engine, why := engineAt(s, m)
				if !oneOf(engine, engines) {
					continue
				}
				v := c.Project.Volume(m.Source)
				r, unsure, ok := network(c, v)
				if unsure != "" {
					out = append(out, checks.Unsure("service "+s.Name, unsure))
				}
				if !ok {
					continue
				}
				f := c.At(m.Pos, "service "+s.Name)
				f.Title = why + ", and " + m.Target + " is the " + r.kind + " volume " + v.Name
				f.Evidence = append(append(f.Evidence, c.Line(r.at)), r.more...)
				f.Key = m.Target
				if strings.Contains(r.opts, "nolock") || strings.Contains(r.opts, "local_lock") {
					f.Severity = checks.Critical
				}
				out = append(out, f)
			}
		}
		return out
	}
}

func oneOf(s string, list []string) bool {
	for _, x := range list {
		if s == x {
			return true
		}
	}
	return false
}

// sqlitePath finds the file that a variable or an argument names.
var sqlitePath = regexp.MustCompile(`(?i)(?:sqlite3?(?:\+[a-z]+)?:/{0,3}|file:)?(/[^\s"'?;,]+\.(?:db3?|sqlite3?))\b`)

// engineAt says which database in a file a service keeps at a mount, and how that is known.
func engineAt(s *compose.Service, m compose.Mount) (engine, why string) {
	for _, e := range s.Env {
		if found := sqlitePath.FindStringSubmatch(e.Value); found != nil && within(found[1], m.Target) {
			return "sqlite", e.Key + " names " + found[1]
		}
	}
	for _, w := range append(s.Words("command"), s.Words("entrypoint")...) {
		if found := sqlitePath.FindStringSubmatch(w); found != nil && within(found[1], m.Target) {
			return "sqlite", "its command names " + found[1]
		}
	}
	name := imagePath(s)
	for _, p := range embeddedPrograms {
		if !p.image.MatchString(name) || genericName(name) || moved(s, p) {
			continue
		}
		for _, d := range p.dirs {
			if within(d, m.Target) || within(m.Target, d) && !strings.Contains(strings.TrimPrefix(m.Target, d), "cache") && len(m.Target) == len(d) {
				return p.engine, path.Base(name) + " keeps a " + p.engine + " database in " + d
			}
		}
	}
	switch ext := path.Ext(m.Target); ext {
	case ".db", ".sqlite", ".sqlite3", ".db3":
		return "sqlite", "it is mounted as " + m.Target
	}
	return "", ""
}

// genericName are names that several publishers use: vaultwarden/server is one, netdata/server is not.
func genericName(name string) bool {
	base := path.Base(name)
	if base != "server" && base != "server-arm64" {
		return false
	}
	return !strings.Contains(name, "vaultwarden/") && !strings.Contains(name, "gotify/") && !strings.Contains(name, "bitwardenrs/")
}

// moved reports a program that was told to use a database server.
func moved(s *compose.Service, p embedded) bool {
	if p.unless == nil {
		return false
	}
	for _, e := range s.Env {
		if p.unless.MatchString(e.Key) && (e.Bare || e.Value == hosts.Dots || p.only == nil || p.only.MatchString(strings.ToLower(e.Value))) {
			return true
		}
	}
	return s.Root.Has("env_file") // it may say so there
}

// within reports that a path lies in a directory, or is it.
func within(p, dir string) bool {
	p, dir = path.Clean(p), path.Clean(dir)
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// imagePath is the image without registry port, tag and digest.
func imagePath(s *compose.Service) string {
	if s.Image == nil || s.Image.Str() == "" {
		return strings.ToLower(s.Name)
	}
	name, _ := cutTag(strings.Split(s.Image.Str(), "@")[0])
	return strings.ToLower(name)
}

func serverOnNetFS() checks.Check {
	return checks.Check{
		ID:       "server-db-on-netfs",
		Title:    "a database server keeps its data on a network file system",
		Area:     checks.AreaStorage,
		Severity: checks.Warning,
		Why: "It works while the network does. With soft a lost packet becomes an I/O error in the middle of a write; with nolock two servers can open the " +
			"same data after a task has moved.",
		Fix:       "Use a local volume and pin the service to its node; or mount with hard, and with locks.",
		Verify:    "docker volume inspect VOLUME shows neither soft nor nolock",
		Sources:   []string{"https://www.postgresql.org/docs/current/creating-cluster.html#CREATING-CLUSTER-NFS"},
		Diagnoses: []string{"sqlite-on-nfs"},
		Eval:      checks.OnCompose(evalServerOnNetFS),
	}
}

func evalServerOnNetFS(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		for _, m := range s.Mounts {
			if !isDatastore(s) || !oneOf(path.Clean(m.Target), serverDirs) {
				continue
			}
			v := c.Project.Volume(m.Source)
			r, unsure, ok := network(c, v)
			if unsure != "" {
				out = append(out, checks.Unsure("service "+s.Name, unsure))
			}
			if !ok {
				continue
			}
			f := c.At(m.Pos, "service "+s.Name)
			f.Title = path.Base(imagePath(s)) + " keeps its data on the " + r.kind + " volume " + v.Name
			f.Key = m.Target
			f.Evidence = append(f.Evidence, r.more...)
			if strings.Contains(r.opts, "nolock") || strings.Contains(","+r.opts+",", ",soft,") {
				f.Severity = checks.Error
			}
			out = append(out, f)
		}
	}
	return out
}
