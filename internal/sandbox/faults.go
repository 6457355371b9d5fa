package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// Kind is a way in which an answer goes wrong.
type Kind string

// The kinds of faults.
const (
	// Latency holds the first byte up, and that is all.
	Latency Kind = "Latency"
	// SlowDown is S3's 503 for too many requests.
	SlowDown Kind = "SlowDown"
	// InternalError is S3's 500.
	InternalError Kind = "InternalError"
	// InternalErrorIn200 is the 500 that CopyObject, UploadPartCopy and
	// CompleteMultipartUpload send in the body of a 200.
	InternalErrorIn200 Kind = "InternalErrorIn200"
	// AccessDenied is S3's 403.
	AccessDenied Kind = "AccessDenied"
	// InvalidObjectState is S3's 403 for an archived object.
	InvalidObjectState Kind = "InvalidObjectState"
	// CutBody closes the connection after At bytes of the body.
	CutBody Kind = "CutBody"
	// StallBody sends no more after At bytes of the body. It lasts for
	// Latency, or until the client gives up if that is 0; then the connection
	// is closed.
	StallBody Kind = "StallBody"
	// CorruptBody flips a bit in byte At of the body.
	CorruptBody Kind = "CorruptBody"
	// WrongChecksum sends a checksum header that does not fit the body.
	WrongChecksum Kind = "WrongChecksum"
	// Replace answers, and then replaces the object by another of the same
	// size: the next request sees another ETag.
	Replace Kind = "Replace"
	// Reset cuts the connection before anything is done.
	Reset Kind = "Reset"
	// LoseAnswer does what is asked and cuts the connection before the
	// answer.
	LoseAnswer Kind = "LoseAnswer"
)

// kinds lists all of them.
func kinds() []Kind {
	return []Kind{Latency, SlowDown, InternalError, InternalErrorIn200, AccessDenied, InvalidObjectState, CutBody, StallBody,
		CorruptBody, WrongChecksum, Replace, Reset, LoseAnswer}
}

// UnmarshalText refuses a kind that there is not.
func (k *Kind) UnmarshalText(text []byte) error {
	if !slices.Contains(kinds(), Kind(text)) {
		return fmt.Errorf("there is no fault %q", text)
	}
	*k = Kind(text)
	return nil
}

// Fault is what goes wrong.
type Fault struct {
	Kind Kind `json:"kind"`
	// Latency holds the answer's first byte up, whatever the kind.
	Latency Duration `json:"latency,omitzero"`
	// At is a byte of the body, from 0; beyond the body's end it means the
	// last byte.
	At int64 `json:"at,omitzero"`
}

// Rule says which requests go wrong, and how. Fields left empty match
// everything.
type Rule struct {
	// Operation is S3's or SQS's name: GetObject, ReceiveMessage.
	Operation string `json:"operation,omitzero"`
	Method    string `json:"method,omitzero"`
	Bucket    string `json:"bucket,omitzero"`
	// Key is a glob in which * is any run of characters, / included, and ?
	// is any one.
	Key string `json:"key,omitzero"`
	// Prefix is what the key begins with.
	Prefix string `json:"prefix,omitzero"`
	// Nth takes only the nth request that matches, from 1; Every takes every
	// so many.
	Nth   int64 `json:"nth,omitzero"`
	Every int64 `json:"every,omitzero"`
	// Probability takes this share of the matching requests, 0 < p < 1; 0
	// means all. The choice depends on Seed, on what is asked for, and on how
	// often it was asked for before, not on the order in which requests for
	// different objects come in: a run with many workers can be repeated.
	Probability float64 `json:"probability,omitzero"`
	Seed        uint64  `json:"seed,omitzero"`
	// Times is how often the rule is applied at most; 0 means without limit.
	Times int64 `json:"times,omitzero"`

	Fault Fault `json:"fault"`
}

// Duration is a time.Duration that JSON has as text, such as "30ms".
type Duration time.Duration

// MarshalText writes the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
