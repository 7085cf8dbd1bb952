// Package control is HTTP and JSON over a Unix socket: both ends.
package control
