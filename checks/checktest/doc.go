// Package checktest runs the samples of rules: what must fire and what must stay silent. It is for
// tests only. A rule without both kinds of samples fails.
//
// The samples of a rule are testdata/ID/bad-*.* and testdata/ID/ok-*.*. One file (.conf, .yml, .json) is
// linted alone; lines that end in "# want" or "# want SEVERITY" are where findings are expected. A
// .txtar holds several files. Its comment may say how to lint ("lint a.yml b.yml --merge --live c.yml");
// without that, its files make a snapshot:
//
//	HOST/facts.yml              parts of hosts.HostFacts by name; a text makes the part unknown
//	HOST/nginx.conf             the host's nginx; HOST/nginx@NAME.conf that of a container. A first
//	                            line "# nginx 1.25.3" gives the version
//	HOST/envoy.json             an Envoy by its config_dump; HOST/envoy@NAME.json in a container
//	HOST/envoy-clusters.json    what its /clusters said; HOST/envoy-stats.json a mapping of stats; both
//	                            stand after the dump
//	HOST/compose/PROJECT/FILE   a compose file
//	want                        the findings, one a line as Describe writes them
//
// In facts times may be relative to the moment of the snapshot ("-5m") and durations are written as
// Go does. A part that is not mentioned was read and is empty.
package checktest
