package store

import "errors"

// ErrRange is wrapped by the error of a read whose offset is not below the
// object's size.
var ErrRange = errors.New("range not satisfiable")

// ErrExists is wrapped by the error of a write with IfAbsent to a place that
// is taken.
var ErrExists = errors.New("object exists")

// ErrNoBucket is wrapped by the error of any call on a bucket that is not
// there.
var ErrNoBucket = errors.New("bucket does not exist")
