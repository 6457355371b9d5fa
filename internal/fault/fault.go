// Package fault says what went wrong, where, and what it means for the run:
// which exit code a command ends with, or why one object is left out.
package fault

import (
	"context"
	"errors"
	"strings"
)

// Kind is a class of failure that ends a run. Its value is the exit code.
type Kind int

// The kinds, with the exit codes of the original Amazon S3 Bundler.
const (
	// Usage: wrong flags, an unusable queue or message.
	Usage Kind = 2
	// Write: a local write failed.
	Write Kind = 2
	// Read: a malformed report, inventory, manifest or index.
	Read Kind = 3
	// Upload: an archive, index or manifest could not be stored.
	Upload Kind = 4
	// Download: a report, inventory or manifest, or an object whose error is
	// no dead letter.
	Download Kind = 5
	// Compress: gzip, in or out.
	Compress Kind = 6
	// API: any other AWS call.
	API Kind = 7
	// Interrupted: SIGINT.
	Interrupted Kind = 130
)

// Reason is why one object is left out of an archive. It never ends a run.
// It stands in the last column of a dead-letter line.
type Reason string

// The reasons of formats.
const (
	// Retry: throttled, 5xx or a broken connection, after all retries.
	Retry Reason = "Retry"
	// NoSuchKey: the object or the version is gone.
	NoSuchKey Reason = "NoSuchKey"
	// Glacier: it must be restored before it can be read.
	Glacier Reason = "Glacier"
	// AccessDenied: S3 refuses this caller this object.
	AccessDenied Reason = "AccessDenied"
	// Changed: the object was replaced while it was read.
	Changed Reason = "Changed"
	// ChecksumMismatch: the bytes are not those S3's checksum promises.
	ChecksumMismatch Reason = "ChecksumMismatch"
	// BadRow: the manifest's row cannot be read.
	BadRow Reason = "BadRow"
)

// Reasons are those of the dead-letter index beside a manifest.
func Reasons() []Reason {
	return []Reason{Retry, NoSuchKey, Glacier, AccessDenied, Changed, ChecksumMismatch, BadRow}
}

// Error is a failure with all that a person needs in one line.
type Error struct {
	// Kind ends the run; zero leaves it to whoever wraps the error.
	Kind Kind
	// Reason is set if the failure concerns one object alone.
	Reason Reason
	// Throttled says that the service asked for fewer requests.
	Throttled bool
	// Transient says that the same request may succeed later.
	Transient bool
	// Op is what was tried: an S3 or SQS operation, or a verb.
	Op string
	// Where is the s3:// URI, queue, file or line.
	Where string
	// Hint is what to do about it; may be empty.
	Hint string
	// RequestID is AWS's, if it answered.
	RequestID string
	// Err is the cause; may be nil if Op says it all.
	Err error
}

// Error gives "op where: cause (request ID …); hint" on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Where != "" {
		if e.Op != "" {
			b.WriteByte(' ')
		}
		b.WriteString(e.Where)
	}
	if e.Err != nil {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, b.String())
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of kind that says what failed, where, why and what to do.
// hint and err may be empty.
func New(kind Kind, op, where string, err error, hint string) *Error {
	return &Error{Kind: kind, Op: op, Where: where, Err: err, Hint: hint}
}

// As marks err as being of kind unless it, or what it wraps, has one already.
// A nil err stays nil.
func As(kind Kind, err error) error {
	if err == nil || KindOf(err) != 0 {
		return err
	}
	return &Error{Kind: kind, Err: err}
}

// KindOf finds the kind nearest to the outside of err; zero if it has none.
func KindOf(err error) Kind {
	for {
		var e *Error
		if !errors.As(err, &e) {
			return 0
		}
		if e.Kind != 0 {
			return e.Kind
		}
		err = e.Err
	}
}

// ReasonOf finds the reason nearest to the outside of err; empty if err
// concerns more than one object.
func ReasonOf(err error) Reason {
	for {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Reason != "" {
			return e.Reason
		}
		err = e.Err
	}
}

// Throttled reports whether err says that the service asked for fewer requests.
func Throttled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Throttled
}

// Transient reports whether err says that the same request may succeed later.
func Transient(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Transient || e.Throttled || e.Reason == Retry)
}

// ExitCode is what a command that ends with err returns to the shell.
func ExitCode(err error) int {
	switch kind := KindOf(err); {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return int(Interrupted)
	case kind != 0:
		return int(kind)
	default:
		return 1
	}
}
