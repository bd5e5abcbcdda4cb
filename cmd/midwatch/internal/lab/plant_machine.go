//go:build lab

package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// machineFaults are faults of containers, units and file systems.
func machineFaults() []*fault {
	return []*fault{
		{
			name: "port", host: "h1", check: "port-collision-deploy", marks: []string{"/srv/plant/second/"}, line: `ports: ["8210:8080"]`,
			says: []string{"8210", "is taken by container first-front-1"}, can: func(t *testing.T, l *Lab) { l.NeedCompose(t, "h1") },
			set: func(t *testing.T, g *ground, s standing) {
				g.compose(t, "h1", "first", "front", `ports: ["8210:8080"]`)
				g.compose(t, "h1", "second", "api", `ports: ["`+map[standing]string{sound: "8211", faulty: "8210", mended: "8214"}[s]+`:8080"]`)
			},
			real: func(t *testing.T, g *ground, s standing) { g.container(t, "h1", "second-api-1", s) },
		},
		{
			name: "process-port", host: "h1", check: "port-collision-deploy", marks: []string{"/srv/plant/third/"}, line: `ports: ["8212:8080"]`,
			says: []string{"8212", "process svc of plant-port.service"}, can: func(t *testing.T, l *Lab) { l.NeedCompose(t, "h1") },
			set: func(t *testing.T, g *ground, s standing) {
				g.l.Write(t, "h1", "/etc/systemd/system/plant-port.service", "[Service]\nExecStart=/usr/local/bin/svc serve -listen 0.0.0.0:8212\n")
				g.l.Exec(t, "h1", "sh", "-ec", "systemctl daemon-reload; systemctl start plant-port")
				Poll(t, 20*time.Second, "the process has its port", func() (bool, string) {
					out := g.sh("h1", "ss -Hlnt 'sport = :8212'")
					return strings.Contains(out, "8212"), out
				})
				g.compose(t, "h1", "third", "hook", `ports: ["`+map[standing]string{sound: "8213", faulty: "8212", mended: "8215"}[s]+`:8080"]`)
			},
			real: func(t *testing.T, g *ground, s standing) { g.container(t, "h1", "third-hook-1", s) },
		},
		{
			name: "database", host: "h3", check: "sqlite-on-network-fs", marks: []string{"plant-db"},
			says: []string{"fuse.sshfs", "/srv/plant/db/app.db", "critical"}, can: func(t *testing.T, l *Lab) {
				if _, err := os.Stat("/dev/fuse"); err != nil {
					t.Skip("this machine has no /dev/fuse for its containers")
				}
				if out, err := try(t.Context(), l.execArgv(t, "h3", "test", "-c", "/dev/fuse")...); err != nil {
					t.Skipf("h3 has no /dev/fuse: %v %s", err, out)
				}
			},
			set: func(t *testing.T, g *ground, s standing) {
				g.l.Write(t, "h3", "/srv/plant/sftp", "#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n") // the other machine is this one
				dir := map[standing]string{sound: "/srv/plant/near", faulty: "/srv/plant/db", mended: "/srv/plant/local"}[s]
				g.l.Write(t, "h3", "/etc/systemd/system/plant-db.service", "[Service]\nExecStart=/usr/local/bin/svc db -db "+dir+"/app.db\n")
				g.l.Exec(t, "h3", "sh", "-ec", `systemctl daemon-reload; systemctl stop plant-db
mkdir -p /srv/plant/near /srv/plant/far /srv/plant/local /srv/plant/db; chmod 755 /srv/plant/sftp
grep -q ' /srv/plant/db fuse' /proc/mounts || sshfs -o ssh_command=/srv/plant/sftp files:/srv/plant/far /srv/plant/db
systemctl start plant-db`)
				Poll(t, 20*time.Second, "the database is open", func() (bool, string) {
					out := g.sh("h3", "ls -l /proc/$(systemctl show -p MainPID --value plant-db)/fd")
					return strings.Contains(out, dir+"/app.db-wal"), out
				})
			},
		},
		{
			name: "nfs-volume", host: "h3", check: "sqlite-on-network-fs", marks: []string{"/srv/plant/hub/"},
			line: "volumes: [{type: volume, source: data, target: /data, volume: {nocopy: true}}]",
			says: []string{"nfs", "nolock", "critical"}, can: func(t *testing.T, l *Lab) { l.NeedCompose(t, "h3") },
			set: func(t *testing.T, g *ground, s standing) {
				g.l.Exec(t, "h3", "sh", "-ec", `docker volume inspect plant-nfs >/dev/null 2>&1 ||
docker volume create --label midwatch.plant --opt type=nfs --opt o=addr=192.0.2.7,rw,nolock --opt device=:/export/hub plant-nfs >/dev/null
docker volume create --label midwatch.plant plant-local >/dev/null`)
				name := "plant-local"
				if s == faulty {
					name = "plant-nfs"
				}
				// Compose keeps a container whose volume only has another name now. This kernel mounts no NFS, so
				// that docker cannot even make the container that would use it: its sibling shows the project.
				g.l.Exec(t, "h3", "sh", "-c", "docker rm -f hub-hub-1 >/dev/null 2>&1 || true")
				g.compose(t, "h3", "hub", "hub", fmt.Sprintf(`environment: {DATABASE_URL: "sqlite:////data/hub.db"}
    volumes: [{type: volume, source: data, target: /data, volume: {nocopy: true}}]
  web:
    image: lab/svc:1
volumes:
  data: {external: true, name: %s}`, name))
				g.l.Exec(t, "h3", "sh", "-ec", "docker compose -f /srv/plant/hub/compose.yml up -d web 2>&1")
			},
		},
		{
			name: "loop", host: "h2", check: "container-restart-loop", marks: []string{"plant-loop"}, says: []string{"plant-loop has been restarted"},
			set: func(t *testing.T, g *ground, s standing) {
				command := "serve"
				if s == faulty {
					command = "crash -after 0s -code 9"
				}
				g.l.Exec(t, "h2", "sh", "-ec", "docker rm -f plant-loop >/dev/null 2>&1 || true; docker run -d --label midwatch.plant --name plant-loop --restart always lab/svc:1 "+command)
			},
			real: func(t *testing.T, g *ground, s standing) {
				Poll(t, time.Minute, "it loops or does not", func() (bool, string) {
					out := g.sh("h2", "docker inspect -f '{{.RestartCount}} {{.State.Status}}' plant-loop")
					return s != faulty && strings.HasPrefix(out, "0 running") || s == faulty && out > "3", out
				})
			},
		},
		{
			name: "storm", host: "h2", check: "systemd-restart-storm", marks: []string{"plant-storm"}, says: []string{"plant-storm.service"},
			set: func(t *testing.T, g *ground, s standing) {
				command := "serve -listen 127.0.0.1:8216"
				if s == faulty {
					command = "crash -after 0s -code 9"
				}
				g.l.Write(t, "h2", "/etc/systemd/system/plant-storm.service", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=500ms\nExecStart=/usr/local/bin/svc "+command+"\n")
				g.l.Exec(t, "h2", "sh", "-ec", "systemctl daemon-reload; systemctl stop plant-storm; systemctl start plant-storm")
			},
			real: func(t *testing.T, g *ground, s standing) {
				Poll(t, time.Minute, "it is restarted or is not", func() (bool, string) {
					out := strings.TrimSpace(g.sh("h2", "systemctl show -p NRestarts --value plant-storm"))
					return (len(out) > 1 || out >= "3") == (s == faulty), out
				})
			},
		},
		{
			name: "held", host: "h3", check: "sqlite-shm-missing", marks: []string{"/srv/plant/held/"}, says: []string{"error", "was deleted while", "(deleted)"},
			set: func(t *testing.T, g *ground, s standing) {
				g.l.Write(t, "h3", "/etc/systemd/system/plant-held.service", "[Service]\nExecStart=/usr/local/bin/svc db -db /srv/plant/held/app.db\n")
				g.l.Exec(t, "h3", "sh", "-ec", "systemctl daemon-reload; mkdir -p /srv/plant/held; systemctl restart plant-held")
				Poll(t, 20*time.Second, "the database is open", func() (bool, string) {
					out := g.sh("h3", "ls -l /proc/$(systemctl show -p MainPID --value plant-held)/fd")
					return strings.Contains(out, "/app.db-wal"), out
				})
				if s == faulty {
					g.l.Exec(t, "h3", "rm", "/srv/plant/held/app.db-wal")
				}
			},
		},
		{
			name: "instance-port", host: "h2", check: "systemd-wrong-instance-port", marks: []string{"plant-web@1"},
			says: []string{"has PORT=8218 and listens on 8219", "/etc/plant/web-1.env"},
			set: func(t *testing.T, g *ground, s standing) {
				port := "${PORT}"
				if s == faulty {
					port = "8219"
				}
				g.l.Write(t, "h2", "/etc/plant/web-1.env", "PORT=8218\n")
				g.l.Write(t, "h2", "/etc/systemd/system/plant-web@.service", "[Service]\nEnvironmentFile=/etc/plant/web-%i.env\nExecStart=/usr/local/bin/svc serve -listen 127.0.0.1:"+port+"\n")
				g.l.Exec(t, "h2", "sh", "-ec", "systemctl daemon-reload; systemctl restart plant-web@1")
			},
			real: func(t *testing.T, g *ground, s standing) {
				// For half a minute a unit may be on its way to its port.
				Poll(t, 90*time.Second, "the unit has run for a while", func() (bool, string) {
					out := g.sh("h2", `read -r up x </proc/uptime; echo $((${up%.*} - $(systemctl show -p ActiveEnterTimestampMonotonic --value plant-web@1) / 1000000)); ss -Hlnt 'sport = :8218 or sport = :8219'`)
					age, rest, _ := strings.Cut(out, "\n")
					n, err := strconv.Atoi(age)
					return err == nil && n > 32 && strings.Contains(rest, map[bool]string{true: ":8219", false: ":8218"}[s == faulty]), out
				})
			},
		},
		{
			name: "disk", host: "h2", check: "disk-full", marks: []string{"/srv/plant/disk"}, says: []string{"critical", "tmpfs"},
			set: func(t *testing.T, g *ground, s standing) {
				g.l.Exec(t, "h2", "sh", "-ec", "mkdir -p /srv/plant/disk; grep -q ' /srv/plant/disk tmpfs' /proc/mounts || mount -t tmpfs -o size=4m tmpfs /srv/plant/disk; rm -f /srv/plant/disk/*")
				if s == faulty {
					g.l.Exec(t, "h2", "sh", "-c", "dd if=/dev/zero of=/srv/plant/disk/fill bs=64k 2>/dev/null || true")
				}
			},
		},
	}
}

// compose writes a project of one service and brings it up. That it does not come up is what some faults
// are about; whoever wants to know looks at the container.
func (g *ground) compose(t *testing.T, host, project, service, more string) {
	t.Helper()
	file := "/srv/plant/" + project + "/compose.yml"
	g.l.Write(t, host, file, fmt.Sprintf("services:\n  %s:\n    image: lab/svc:1\n    %s\n", service, more))
	_ = g.sh(host, "docker compose -f "+file+" up -d -t 0")
}

// container looks whether a container of a project runs.
func (g *ground) container(t *testing.T, host, name string, s standing) {
	t.Helper()
	want := "running"
	if s == faulty {
		want = "created"
	}
	Poll(t, 20*time.Second, name+" is "+want, func() (bool, string) {
		out := strings.TrimSpace(g.sh(host, "docker inspect -f '{{.State.Status}}' "+name))
		return out == want, out
	})
}
