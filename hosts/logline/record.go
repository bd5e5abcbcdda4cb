package logline

import (
	"strings"
	"time"

	"midwatch/hosts"
)

// Format names how a line is written.
type Format int

// The formats, in the order in which they are tried.
const (
	Plain      Format = iota // a text, perhaps with a time and a level in front
	JSON                     // one object: slog, zap, zerolog, pino, structlog, Envoy and nginx with a JSON format
	Logfmt                   // key=value pairs: slog's and logrus's text, lograge
	Access                   // nginx and Apache, common or combined
	NginxError               // nginx's error log
	Envoy                    // Envoy's default access log
	EnvoyApp                 // Envoy's application log
	Uvicorn                  // uvicorn's access and application log
	Ruby                     // Ruby's Logger, as Rails writes it
	Sidekiq                  // Sidekiq's default format
	Syslog                   // RFC 3164 and RFC 5424
	Klog                     // Kubernetes' klog
	Zap                      // zap's console encoder, columns between tabs
)

func (f Format) String() string {
	names := [...]string{
		"plain", "json", "logfmt", "access log", "nginx error log", "envoy access log", "envoy log",
		"uvicorn", "ruby", "sidekiq", "syslog", "klog", "zap console",
	}
	if f < 0 || int(f) >= len(names) {
		return "unknown"
	}
	return names[f]
}

// Field is a named value of a line. The names of nested objects are joined with dots.
type Field struct{ Name, Value string }

// Record is what a line says.
type Record struct {
	Format  Format
	Time    time.Time   // what the line states; zero when it states none, or only a part of a date
	Level   hosts.Level // stated, or what the status of an access log amounts to
	Message string      // what a person reads first; the whole line when there is nothing better
	Fields  []Field     // in the order of the line; time, level and message are not among them

	names *hosts.LogFields // of the source, while the line is read; nil for the usual ones
}

// Get returns the value of a field by its exact name.
func (r *Record) Get(name string) (string, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

func (r *Record) add(name, value string) {
	if value != "" && value != "-" && len(r.Fields) < maxFields {
		if r.Fields == nil {
			r.Fields = make([]Field, 0, 12) // an access log has about ten
		}
		r.Fields = append(r.Fields, Field{name, value})
	}
}

// The bounds of what is read: a line is not trusted to be a sensible one.
const (
	maxFields = 128
	maxParse  = 256 << 10 // bytes of a line that are looked at
	maxDepth  = 8         // of nested objects
)

// reader reads one format: it reports whether the line is written in it.
type reader struct {
	format Format
	read   func(line string, r *Record) bool
}

// readers are tried in turn. The cheap and certain ones come first; logfmt, which finds itself in
// much that is not it, last.
var readers = [...]reader{
	{JSON, readJSON},
	{NginxError, readNginxError},
	{Access, readAccess},
	{Envoy, readEnvoy},
	{EnvoyApp, readEnvoyApp},
	{Uvicorn, readUvicorn},
	{Ruby, readRuby},
	{Sidekiq, readSidekiq},
	{Syslog, readSyslog},
	{Klog, readKlog},
	{Zap, readZap},
	{Logfmt, readLogfmt},
}

// Parse reads a line. Only the first line of a text with several is looked at; the others belong to
// its message.
func Parse(text string) Record {
	var r Record
	ParseInto(&r, text)
	return r
}

// ParseInto is Parse for whoever reads many lines and keeps none of them: the memory of r's fields is
// used again.
func ParseInto(to *Record, text string) {
	names := to.names
	head, rest, several := strings.Cut(text, "\n")
	line := strings.TrimRight(head, " \r")
	if len(line) <= maxParse {
		for _, x := range readers {
			*to = Record{Format: x.format, Fields: to.Fields[:0], names: names}
			if x.read(line, to) {
				if to.Level == hosts.LevelNone {
					to.Level = Level(line)
				}
				if several {
					to.Message += "\n" + rest
				}
				return
			}
		}
	}
	*to = Record{Level: Level(text), Message: text, Fields: to.Fields[:0]}
	if t, n, ok := leadingTime(line); ok {
		to.Time = t
		if m := plainMessage(line[n:]); m != "" {
			to.Message = m
			if several {
				to.Message += "\n" + rest
			}
		}
	}
}

// plainMessage takes the separators off that stand between a time and what follows.
func plainMessage(s string) string { return strings.TrimLeft(s, " ]|:-,\t") }

// byStatus is the level of an HTTP status: what a client did wrong is a warning, what we did an error.
func byStatus(code string) hosts.Level {
	if len(code) != 3 {
		return hosts.LevelNone
	}
	switch code[0] {
	case '5':
		return hosts.LevelError
	case '4':
		return hosts.LevelWarn
	case '0': // Envoy's status of a request that was never answered
		return hosts.LevelError
	default:
		return hosts.LevelInfo
	}
}
