// Package ports joins what is known of the ports of a host: what Docker publishes, what really
// listens and who owns it, what proxies send traffic to, what stopped containers will want, and
// what a probe reached. It is pure. What could not be read leaves a column unknown, and nothing is
// called missing because of it.
package ports
