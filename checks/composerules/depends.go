package composerules

import (
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func weakDependsOn() checks.Check {
	return checks.Check{
		ID:       "weak-depends-on",
		Title:    "it starts before the service it depends on is ready",
		Area:     checks.AreaCompose,
		Severity: checks.Warning,
		Why: "Without condition: service_healthy a dependency counts as soon as its process was started. A database needs longer: the first " +
			"connections are refused, migrations fail, and the container restarts or comes up broken.",
		Fix:       "Give the dependency a healthcheck and wait for it: depends_on: NAME: {condition: service_healthy}",
		Verify:    "docker compose up -d on a stopped project; no refused connection in the logs of the dependent",
		Sources:   []string{"https://docs.docker.com/compose/how-tos/startup-order/"},
		Diagnoses: []string{"unhealthy-gate"},
		Eval:      checks.OnCompose(evalWeakDependsOn),
	}
}

// datastore are images that take a while until they answer.
var datastore = regexp.MustCompile(`(?i)(postgres|postgis|timescale|pgvector|mysql|mariadb|percona|mongo|redis|valkey|keydb|dragonfly|rabbitmq|kafka|zookeeper|elasticsearch|opensearch|cassandra|scylla|clickhouse|mssql|influxdb|neo4j|couchdb|etcd|minio|qdrant|weaviate|milvus|memcached|nats|serenedb|seekdb|oceanbase|infinity)`)

// besides are programs that are named after a data store and are none.
var besides = regexp.MustCompile(`(?i)(exporter|commander|express|insight|phpmyadmin|pgadmin|adminer|backup|migrate|-ui$|console|client|proxy|bouncer)`)

func isDatastore(s *compose.Service) bool {
	if s == nil {
		return false
	}
	name := imagePath(s)
	return datastore.MatchString(name) && !besides.MatchString(name[strings.LastIndexByte(name, '/')+1:])
}

func evalWeakDependsOn(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		for _, d := range s.DependsOn {
			to := c.Project.Service(d.Service)
			// An empty cache at the start is an empty cache: nothing waits for memcached.
			if d.Condition == "service_started" && isDatastore(to) && !strings.Contains(imagePath(to), "memcached") {
				f := c.At(d.Pos, "service "+s.Name)
				f.Title = s.Name + " does not wait until " + d.Service + " is ready"
				f.Key = d.Service
				out = append(out, f)
			}
		}
	}
	return out
}
