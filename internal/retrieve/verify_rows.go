package retrieve

import (
	"errors"
	"hash/maphash"

	"s3bundler/internal/archive"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// rowsAhead is how many rows are looked at before a member counts as one that
// the index does not name.
const rowsAhead = 4096

// rowQueue are the rows of an index, to be taken in about the order of the
// archive's members. It keeps the rows it has passed over: none where index
// and archive agree.
type rowQueue struct {
	pull  func() (index.Row, error, bool)
	bad   func(error)     // told of lines that are no rows
	twice func(index.Row) // told of rows that were there before

	ahead []*queuedRow // not taken yet, in order
	ended bool
	err   error // of the reading, not of a line

	seed maphash.Seed
	seen map[uint64]struct{} // of the objects and members so far
}

type queuedRow struct {
	row  index.Row
	name string // of its member
}

func newRowQueue(pull func() (index.Row, error, bool), bad func(error), twice func(index.Row)) *rowQueue {
	return &rowQueue{pull: pull, bad: bad, twice: twice, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
}

// read gives the next row of the index; nil at its end.
func (q *rowQueue) read() *queuedRow {
	for !q.ended {
		row, err, ok := q.pull()
		switch {
		case !ok:
			q.ended = true
		case errors.Is(err, index.ErrRow):
			q.bad(err)
		case err != nil:
			q.ended, q.err = true, err
		default:
			r := &queuedRow{row, archive.MemberName(row.Bucket, object.DecodeKey(row.Key))}
			if !q.first("row", r.name, row.VersionID) {
				q.twice(row)
			}
			return r
		}
	}
	return nil
}

// first reports whether it is asked for the first time about something. 64
// bits stand for it, so that an index of millions takes no more than some
// hundred megabytes.
func (q *rowQueue) first(kind, name, version string) bool {
	var h maphash.Hash
	h.SetSeed(q.seed)
	for _, s := range []string{kind, name, version} {
		h.WriteString(s)
		h.WriteByte(0)
	}
	sum := h.Sum64()
	_, there := q.seen[sum]
	q.seen[sum] = struct{}{}
	return !there
}

// take finds the row of a member, and nil if there is none. fits prefers one
// of several rows with the name: versions of one object.
func (q *rowQueue) take(name string, fits func(*index.Row) bool) *index.Row {
	best := -1
	for i, r := range q.ahead {
		if r.name == name && (best < 0 || fits(&r.row)) {
			best = i
			if fits(&r.row) {
				break
			}
		}
	}
	if best >= 0 {
		r := q.ahead[best]
		q.ahead = append(q.ahead[:best], q.ahead[best+1:]...)
		return &r.row
	}
	for len(q.ahead) < rowsAhead {
		r := q.read()
		if r == nil {
			return nil
		}
		if r.name == name {
			return &r.row
		}
		q.ahead = append(q.ahead, r)
	}
	return nil
}

// has reports whether a row within reach has a member's name.
func (q *rowQueue) has(name string) bool {
	for _, r := range q.ahead {
		if r.name == name {
			return true
		}
	}
	for len(q.ahead) < rowsAhead {
		r := q.read()
		if r == nil {
			return false
		}
		q.ahead = append(q.ahead, r)
		if r.name == name {
			return true
		}
	}
	return false
}

// dropUntil hands rows to drop up to the first for which stop holds, which
// stays to be taken and is returned; nil if there is none.
func (q *rowQueue) dropUntil(stop func(*queuedRow) bool, drop func(index.Row)) *index.Row {
	for {
		if len(q.ahead) == 0 {
			r := q.read()
			if r == nil {
				return nil
			}
			q.ahead = append(q.ahead, r)
		}
		if r := q.ahead[0]; stop(r) {
			return &r.row
		}
		drop(q.ahead[0].row)
		q.ahead = q.ahead[1:]
	}
}

// full says that what was passed over must be decided upon before rows behind
// it can be looked at.
func (q *rowQueue) full() bool { return len(q.ahead) >= rowsAhead }
