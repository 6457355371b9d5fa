package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"s3bundler/internal/fault"
)

func TestExitCodes(t *testing.T) {
	plain := errors.New("plain")
	for _, tt := range []struct {
		err    error
		exit   int
		reason fault.Reason
	}{
		{nil, 0, ""},
		{plain, 1, ""},
		{fault.New(fault.Read, "read", "s3://b/k", plain, ""), 3, ""},
		{fault.As(fault.Upload, plain), 4, ""},
		{fault.As(fault.Upload, nil), 0, ""},
		{fault.As(fault.Upload, fault.New(fault.Compress, "", "", plain, "")), 6, ""},
		{fmt.Errorf("more: %w", fault.New(fault.API, "", "", plain, "")), 7, ""},
		{&fault.Error{Kind: fault.Upload, Err: fault.New(fault.Download, "", "", plain, "")}, 4, ""},
		{&fault.Error{Err: fault.New(fault.Download, "", "", plain, "")}, 5, ""},
		{errors.Join(plain, fault.New(fault.Usage, "", "", plain, "")), 2, ""},
		{fault.New(fault.Upload, "", "", context.Canceled, ""), 130, ""},
		{&fault.Error{Reason: fault.Retry, Err: io.ErrUnexpectedEOF}, 1, fault.Retry},
		{&fault.Error{Kind: fault.Download, Err: &fault.Error{Reason: fault.NoSuchKey}}, 5, fault.NoSuchKey},
		{fmt.Errorf("x: %w", &fault.Error{Reason: fault.Changed, Err: &fault.Error{Reason: fault.Retry}}), 1, fault.Changed},
	} {
		if got := fault.ExitCode(tt.err); got != tt.exit {
			t.Errorf("%v: exit %d, want %d", tt.err, got, tt.exit)
		}
		if got := fault.ReasonOf(tt.err); got != tt.reason {
			t.Errorf("%v: reason %q, want %q", tt.err, got, tt.reason)
		}
	}
}

func TestErrorsAreOneLineWithAllThatHelps(t *testing.T) {
	err := &fault.Error{
		Op: "GetObject", Where: "s3://b/new\nline", RequestID: "R1", Hint: "run it again",
		Err: errors.New("broken\r\noff"),
	}
	const want = "GetObject s3://b/new line: broken  off (request R1); run it again"
	if got := err.Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (&fault.Error{Err: io.EOF}).Error(); got != "EOF" {
		t.Errorf("a wrapped error alone reads %q", got)
	}
}

func TestThrottled(t *testing.T) {
	if !fault.Throttled(fmt.Errorf("x: %w", &fault.Error{Throttled: true})) || fault.Throttled(io.EOF) || fault.Throttled(nil) {
		t.Error("throttling is not told apart")
	}
}
