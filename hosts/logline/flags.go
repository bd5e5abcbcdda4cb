package logline

import "strings"

// Flag is a response flag of an Envoy access log: why the proxy itself answered, or did not.
type Flag struct {
	Code  string // as %RESPONSE_FLAGS% writes it
	Name  string // as %RESPONSE_FLAGS_LONG% writes it
	Means string
}

// flags are those of Envoy's documentation (configuration, observability, access logs, command operators).
var flags = [...]Flag{
	{"UH", "NoHealthyUpstream", "no endpoint of the cluster is healthy; Envoy answers 503"},
	{"UF", "UpstreamConnectionFailure", "the connection to the endpoint could not be made; Envoy answers 503"},
	{"UO", "UpstreamOverflow", "a circuit breaker is open: too many connections or requests to the cluster; Envoy answers 503"},
	{"NR", "NoRouteFound", "no route matches the request (404), or no filter chain the connection"},
	{"URX", "UpstreamRetryLimitExceeded", "it was tried as often as is allowed, and failed each time"},
	{"NC", "NoClusterFound", "the cluster that the route names does not exist"},
	{"DT", "DurationTimeout", "it took longer than a connection or a request may last"},
	{"DC", "DownstreamConnectionTermination", "the client went away before the answer was complete"},
	{"DR", "DownstreamRemoteReset", "the client reset the stream"},
	{"LH", "LocalHealthCheckFailed", "Envoy's own service fails its health check; Envoy answers 503"},
	{"UT", "UpstreamRequestTimeout", "the endpoint did not answer within the route's timeout; Envoy answers 504"},
	{"LR", "LocalReset", "Envoy reset the connection to the endpoint; it answers 503"},
	{"UR", "UpstreamRemoteReset", "the endpoint reset the connection; Envoy answers 503"},
	{"UC", "UpstreamConnectionTermination", "the endpoint closed the connection in the middle; Envoy answers 503"},
	{"DI", "DelayInjected", "it was delayed on purpose, by fault injection"},
	{"FI", "FaultInjected", "it was ended on purpose, by fault injection"},
	{"RL", "RateLimited", "the rate limit was reached; Envoy answers 429"},
	{"UAEX", "UnauthorizedExternalService", "the external authorization service refused it"},
	{"RLSE", "RateLimitServiceError", "the rate limit service itself failed"},
	{"IH", "InvalidEnvoyRequestHeaders", "a header that is checked strictly has a wrong value; Envoy answers 400"},
	{"SI", "StreamIdleTimeout", "nothing was sent on the stream for too long; Envoy answers 408"},
	{"DPE", "DownstreamProtocolError", "the client does not keep to HTTP"},
	{"UPE", "UpstreamProtocolError", "the endpoint does not keep to HTTP"},
	{"UMSDR", "UpstreamMaxStreamDurationReached", "the stream to the endpoint lasted as long as it may"},
	{"OM", "OverloadManagerTerminated", "Envoy is overloaded and ended it"},
	{"DF", "DnsResolutionFailed", "the name of the endpoint could not be resolved"},
	{"DO", "DropOverload", "the control plane has Envoy drop a part of the requests; Envoy answers 503"},
}

// FlagsName reports the names of fields that hold response flags.
func FlagsName(name string) bool {
	switch strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) {
	case "flags", "response_flags", "response_flags_long", "responseflags":
		return true
	}
	return false
}

// Flags are the response flags that a field holds, in their order; what is not known to be one is left out.
func Flags(f Field) []Flag {
	if !FlagsName(f.Name) {
		return nil
	}
	var out []Flag
	for code := range strings.SplitSeq(f.Value, ",") {
		code = strings.TrimSpace(code)
		for _, x := range flags {
			if x.Code == code || x.Name == code {
				out = append(out, x)
			}
		}
	}
	return out
}
