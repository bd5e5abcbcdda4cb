// Package envoy reads what Envoy's admin interface says (/config_dump, /clusters, /listeners,
// /server_info, /certs) and answers what Envoy would do with a connection and a request.
//
// It walks plain JSON instead of Envoy's protocol buffers: snake and camel case, v2 and v3 shapes
// are all read, every value keeps its JSON path, and what is not understood (vendor filters, custom
// matchers) is kept by its type name and said to be unknown, never dropped.
//
// The package is pure. A Config is not changed after Parse, so any goroutine may read it.
package envoy
