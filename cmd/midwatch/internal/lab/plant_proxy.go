//go:build lab

package lab

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxyFaults are faults of nginx: h2 ends TLS for shop.test and sends on to the nginx of h1, which has an
// application behind it.
func proxyFaults() []*fault {
	return []*fault{
		{
			name: "scheme", host: "h1", check: "xfp-overwritten-behind-tls-proxy", marks: []string{"plant-shop"},
			line: "proxy_set_header X-Forwarded-Proto $scheme;", says: []string{"another nginx in front ends TLS", "error", "plant-edge"},
			set: func(t *testing.T, g *ground, s standing) {
				g.shop(t)
				g.application(t, "h1", "127.0.0.1:8203")
				pre, value := "", map[standing]string{sound: "$http_x_forwarded_proto", faulty: "$scheme", mended: "$forwarded_proto"}[s]
				if s == mended { // the words of the finding's fix
					pre = "map $http_x_forwarded_proto $forwarded_proto { default $http_x_forwarded_proto; '' $scheme; }\n"
				}
				g.nginx(t, "h1", "shop", pre+`server {
    listen 8202;
    server_name shop.test;
    location / {
        proxy_pass http://127.0.0.1:8203;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto `+value+`;
    }
}
`)
			},
			real: func(t *testing.T, g *ground, s standing) {
				want := "https://shop.test/home"
				if s == faulty {
					want = "http://shop.test/home"
				}
				Poll(t, 20*time.Second, "the login is sent to "+want, func() (bool, string) {
					out := g.sh("h1", "curl -sk --max-time 5 -o /dev/null -w '%{redirect_url}' --connect-to shop.test:443:"+g.l.Host(t, "h2").Address+":8443 https://shop.test/login")
					return out == want, out
				})
			},
		},
		{
			name: "upgrade", host: "h1", check: "nginx-hardcoded-connection-upgrade", marks: []string{"plant-live"},
			line: `proxy_set_header Connection "upgrade";`, says: []string{"unit plant-app"},
			set: func(t *testing.T, g *ground, s standing) {
				g.application(t, "h1", "127.0.0.1:8203")
				value, pre := "$connection_upgrade", "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
				if s == faulty {
					value, pre = `"upgrade"`, ""
				}
				g.nginx(t, "h1", "live", pre+`server {
    listen 8204;
    server_name live.test;
    location / {
        proxy_pass http://127.0.0.1:8203;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection `+value+`;
    }
}
`)
			},
			real: func(t *testing.T, g *ground, s standing) {
				post := "200"
				if s == faulty {
					post = "400"
				}
				Poll(t, 20*time.Second, "POST answers "+post+", the handshake 101", func() (bool, string) {
					const ask = "curl -s --max-time 5 -o /dev/null -w '%{http_code} ' "
					out := g.sh("h1", ask+"-X POST --data x http://127.0.0.1:8204/orders; "+
						ask+"-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGVzdA==' http://127.0.0.1:8204/ws")
					return strings.HasPrefix(out, post+" 101"), out
				})
			},
		},
		{
			name: "workers", host: "h1", check: "worker-count-consistency", marks: []string{"plant_core"},
			line: "upstream plant_core {", says: []string{"3 servers in the upstream and somebody listens on 2", "PLANTCORE_WORKERS=4", "plantcore@2.service runs and is not enabled"},
			set: func(t *testing.T, g *ground, s standing) {
				env, third, enable := "PLANTCORE_WORKERS=2\n", "", "enable"
				if s == faulty {
					env, third, enable = "PLANTCORE_WORKERS=4\n", "    server unix:/run/plant/core3.sock max_conns=1;\n", "disable"
				}
				g.l.Write(t, "h1", "/etc/plant/core.env", env)
				g.l.Write(t, "h1", "/etc/systemd/system/plantcore@.service", `[Service]
EnvironmentFile=/etc/plant/core.env
ExecStartPre=/bin/mkdir -p /run/plant
ExecStart=/usr/local/bin/svc serve -id core%i -listen unix:/run/plant/core%i.sock
[Install]
WantedBy=multi-user.target
`)
				g.l.Exec(t, "h1", "sh", "-ec", "systemctl daemon-reload; systemctl -q enable plantcore@1; systemctl -q "+enable+" plantcore@2; systemctl restart plantcore@1 plantcore@2")
				g.nginx(t, "h1", "core", `upstream plant_core {
    zone plant_core 64k;
    server unix:/run/plant/core1.sock max_conns=1;
    server unix:/run/plant/core2.sock max_conns=1;
`+third+`}
server { listen 8205; location / { proxy_pass http://plant_core; proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; } }
`)
				for _, i := range []string{"1", "2"} {
					Poll(t, 20*time.Second, "core"+i+" listens", func() (bool, string) {
						out := g.sh("h1", "test -S /run/plant/core"+i+".sock && echo yes")
						return strings.TrimSpace(out) == "yes", out
					})
				}
			},
		},
		{
			name: "zone", host: "h2", check: "nginx-max-conns-per-worker", marks: []string{"plant_calls"},
			line: "upstream plant_calls {", says: []string{"workers count for themselves, there is no zone"},
			set: func(t *testing.T, g *ground, s standing) {
				zone := "    zone plant_calls 64k;\n"
				if s == faulty {
					zone = ""
				}
				g.nginx(t, "h2", "calls", "upstream plant_calls {\n"+zone+`    server 127.0.0.1:8206 max_conns=1;
    server 127.0.0.1:8207 max_conns=1;
}
server { listen 8208; location / { proxy_pass http://plant_calls; proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; } }
`)
			},
		},
		{
			name: "unlimited", host: "h3", check: "nginx-max-conns-per-worker", marks: []string{"plant_some"},
			line: "server 127.0.0.1:8207;", says: []string{"127.0.0.1:8207 has no max_conns"},
			set: func(t *testing.T, g *ground, s standing) {
				limit := " max_conns=1"
				if s == faulty {
					limit = ""
				}
				g.nginx(t, "h3", "some", `upstream plant_some {
    zone plant_some 64k;
    server 127.0.0.1:8206 max_conns=1;
    server 127.0.0.1:8207`+limit+`;
}
server { listen 8208; location / { proxy_pass http://plant_some; proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; } }
`)
			},
		},
		{
			name: "certificate", host: "h3", check: "tls-expiry", marks: []string{"plant.test", "plant-tls"}, says: []string{"critical", "expired"},
			set: func(t *testing.T, g *ground, s standing) {
				until := time.Now().Add(90 * 24 * time.Hour)
				if s == faulty {
					until = time.Now().Add(-3 * 24 * time.Hour)
				}
				g.certificate(t, "h3", "plant-tls", "plant.test", until)
				g.nginx(t, "h3", "tls", `server {
    listen 8444 ssl;
    server_name plant.test;
    ssl_certificate /etc/plant/plant-tls.pem;
    ssl_certificate_key /etc/plant/plant-tls.key;
    return 204;
}
`)
			},
			real: func(t *testing.T, g *ground, s standing) {
				Poll(t, 20*time.Second, "what is served is as planted", func() (bool, string) {
					out := g.sh("h3", "openssl s_client -connect 127.0.0.1:8444 -servername plant.test </dev/null 2>/dev/null | openssl x509 -noout -checkend 0")
					return strings.Contains(out, "will not expire") == (s != faulty), out
				})
			},
		},
	}
}

// shop puts the TLS edge on h2, which is sound all the time.
func (g *ground) shop(t *testing.T) {
	t.Helper()
	g.certificate(t, "h2", "plant-edge", "shop.test", time.Now().Add(90*24*time.Hour))
	g.nginx(t, "h2", "edge", fmt.Sprintf(`server {
    listen 8443 ssl;
    server_name shop.test;
    ssl_certificate /etc/plant/plant-edge.pem;
    ssl_certificate_key /etc/plant/plant-edge.key;
    location / {
        proxy_pass http://%s:8202;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto https;
    }
}
`, g.l.Host(t, "h1").Address))
}

// application runs the service that cares for what proxies say.
func (g *ground) application(t *testing.T, host, listen string) {
	t.Helper()
	g.l.Write(t, host, "/etc/systemd/system/plant-app.service", "[Service]\nExecStart=/usr/local/bin/svc app -every 300ms -listen "+listen+"\n")
	g.l.Exec(t, host, "sh", "-ec", "systemctl daemon-reload; systemctl start plant-app")
	Poll(t, 20*time.Second, "the application answers", func() (bool, string) {
		out := g.sh(host, "curl -s http://"+listen+"/health")
		return strings.Contains(out, "ok"), out
	})
}

// certificate puts a certificate and its key into /etc/plant of a host.
func (g *ground) certificate(t *testing.T, host, file, name string, until time.Time) {
	t.Helper()
	dir := t.TempDir()
	a := newAuthority(t, filepath.Join(dir, "ca.pem"))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: until.Add(-100 * 24 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	pem, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.key")
	a.sign(t, c, newKey(t), pem, key)
	for from, to := range map[string]string{pem: ".pem", key: ".key"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		g.l.Write(t, host, "/etc/plant/"+file+to, string(text))
	}
}
