// Package sandbox hands over an S3 and an SQS of one's own: real HTTP on
// loopback, with AWS's answers and error bodies, objects in memory or in a
// folder, and faults on request. Tests and the demo run against it.
//
// A conformance suite in package aws holds its S3 and independent servers to
// the same cases. Known differences from S3, besides size and speed: what it
// does not know (ACLs, policies, lifecycle rules and the like) it refuses with
// NotImplemented, as S3 does with a header it does not know; a restore from
// GLACIER takes no time, or a number of HEADs; a multipart upload that was
// completed can be completed again for as long as the server runs, in S3 for
// a while; multipart uploads do not outlive the server.
package sandbox
