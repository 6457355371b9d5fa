// Package status tells how far the manifests below a prefix are archived, and
// sends to the queue again what has failed.
package status
