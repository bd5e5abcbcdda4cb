// Package lint makes the world that checks are asked about from files: configurations of nginx, compose
// files, dumps of Envoy. It tells the kinds apart by what is in them. It reads no disk either: whoever
// calls it gives the texts and says where included files are.
package lint
