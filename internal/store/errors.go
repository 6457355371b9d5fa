package store

import "errors"

// ErrRange is wrapped by the error of a read whose offset is not below the
// object's size.
var ErrRange = errors.New("range not satisfiable")

// ErrExists is wrapped by the error of a write whose condition failed: to a
// place that is taken although it was to be free, or by another object than it
// was to be.
var ErrExists = errors.New("another object is there")

// ErrNoTime is a cause with which a context ends when the process is about to
// end too: what S3 must still be told, such as that an upload is aborted, then
// gets a moment and no more.
var ErrNoTime = errors.New("the grace period is over")

// ErrNoBucket is wrapped by the error of any call on a bucket that is not
// there.
var ErrNoBucket = errors.New("bucket does not exist")

// ErrDenied is wrapped by the error of any call that S3 denies this caller, also
// of one on no single object, such as a list, which has no reason.
var ErrDenied = errors.New("access denied")
