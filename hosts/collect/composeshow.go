package collect

import (
	"net/url"
	"regexp"
	"strings"

	"midwatch/hosts"
)

// told is what may be told of the value of a variable: where it points to, which engine it chooses, how
// many there are. All else, and everything of a variable whose name says secret, is masked.
func told(name, value string) string {
	switch {
	case secretKey.MatchString(name) || len(value) > 300:
	case telling.MatchString(value), pointing.MatchString(name) && address.MatchString(value):
		return value
	case counting.MatchString(name) && number.MatchString(value), placing.MatchString(name) && folder.MatchString(value):
		return value
	case database.MatchString(value):
		return value
	case strings.Contains(value, "://"):
		return toldURL(value)
	}
	return hosts.Dots
}

var (
	// telling are whole values that are a choice among few, or the machine itself.
	telling = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|mysql2?|mariadb|postgres(ql)?|pg|(better-)?sqlite3?|mssql|mongodb|redis|memory|h2|bolt(db)?|` +
		`production|development|staging|test|debug|info|warn(ing)?|error|localhost|127\.0\.0\.1|0\.0\.0\.0|::1?|https?|wss?)$`)
	// pointing are names of variables that hold addresses, without a scheme.
	pointing = regexp.MustCompile(`(?i)(host|addr|address|server|servers|endpoint|broker|brokers|target|url|uri|namespace_dns|proxy|trusted|allow_ips)$`)
	address  = regexp.MustCompile(`(?i)^[a-z0-9_-]{1,30}(\.[a-z0-9_-]{1,30}){0,5}(:[0-9]{2,5})?$|^[0-9.*/, ]{1,80}$`)
	counting = regexp.MustCompile(`(?i)(port|workers|replicas|concurrency|threads|timeout|max_conn(ection)?s|max_concurrent_[a-z]+)$`)
	number   = regexp.MustCompile(`^[0-9]{1,6}(ms|s|m|h)?$`)
	placing  = regexp.MustCompile(`(?i)(dir|dirs|path|file|root|home|folder|outbox|spool|queue|storage|recordings?|data|database|db)$`)
	folder   = regexp.MustCompile(`^/[A-Za-z0-9][A-Za-z0-9._-]{0,40}(/[A-Za-z0-9][A-Za-z0-9._-]{0,40}){0,8}/?$`)
	// database is a file of SQLite, with or without the scheme that libraries want.
	database = regexp.MustCompile(`(?i)^((sqlite3?(\+[a-z]+)?|file):/{0,4})?/?([A-Za-z0-9][A-Za-z0-9._-]{0,40}/){0,8}[A-Za-z0-9][A-Za-z0-9._-]{0,40}\.(db3?|sqlite3?)$`)
	scheme   = regexp.MustCompile(`^[a-z][a-z0-9+.-]{1,30}$`)
)

// toldURL keeps scheme, host and port of a URL; who logs in, the path and the query are masked.
func toldURL(value string) string {
	u, err := url.Parse(strings.ReplaceAll(value, hosts.Dots, "masked")) // masked before: it stays as it is
	if err != nil || u.Host == "" || !scheme.MatchString(u.Scheme) || !address.MatchString(u.Host) {
		return hosts.Dots
	}
	out := u.Scheme + "://"
	if u.User != nil {
		out += hosts.Dots + "@"
	}
	out += u.Host
	switch {
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		out += "/" + hosts.Dots
	case u.Path != "":
		out += "/"
	}
	return out
}
