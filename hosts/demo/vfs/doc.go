// Package vfs is a Unix file system in memory: what the hosts and containers of the demo fleet have
// instead of disks.
//
// It knows owners, permission bits, symbolic links, sockets, modification times and inode numbers,
// because checks read them, and files whose text is made at the moment of reading, as those of /proc
// are. Errors are *fs.PathError around the errno the kernel would give. A lookup asks for
// credentials, so "permission denied" is as real as on a host.
//
// The package imports the standard library only. An FS may be used from any goroutine.
package vfs
