// Package sandbox hands over an S3 and an SQS of one's own: real HTTP on
// loopback, with AWS's answers and error bodies, objects in memory or in a
// folder, and faults on request. Tests and the demo run against it.
//
// A conformance suite in package aws holds it to an independent server. What
// it does not know (ACLs, policies, lifecycle rules and the like) it refuses
// with NotImplemented, as S3 does with a header it does not know.
package sandbox
