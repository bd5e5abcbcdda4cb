package hosts

import "fmt"

// hostKeyText is the one line an operator reads; it names the known_hosts line, because that is
// what has to be looked at before anything else is done.
func hostKeyText(e *HostKeyError) string {
	switch e.Kind {
	case HostKeyChanged:
		where := "known_hosts"
		if len(e.Known) > 0 {
			where = fmt.Sprintf("%s:%d", e.Known[0].File, e.Known[0].Line)
		}
		return fmt.Sprintf("host key of %s changed: got %s %s, %s has another; if the host was rebuilt, remove that line and run midwatch hosts trust",
			e.Host, e.Algorithm, e.Fingerprint, where)
	case HostKeyRevoked:
		where := "known_hosts"
		if len(e.Known) > 0 {
			where = fmt.Sprintf("%s:%d", e.Known[0].File, e.Known[0].Line)
		}
		return fmt.Sprintf("host key of %s is revoked: %s %s, by %s", e.Host, e.Algorithm, e.Fingerprint, where)
	default:
		return fmt.Sprintf("host key of %s is not known: %s %s; compare it and run midwatch hosts trust", e.Host, e.Algorithm, e.Fingerprint)
	}
}
