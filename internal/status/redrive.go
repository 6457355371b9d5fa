package status

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Sender is a queue that takes messages. It is called from several goroutines.
type Sender interface {
	Send(ctx context.Context, body string) error
}

// senders is how many messages are on their way at once.
const senders = 16

// Send has workers take up manifests, by a message {"Bucket": B, "Key": K} for
// each, in no order. The first error ends it; sent tells how many are on the
// queue.
func Send(ctx context.Context, q Sender, manifests []object.Location) (sent int, err error) {
	var n atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(senders)
	for _, m := range manifests {
		g.Go(func() error {
			body, err := json.Marshal(struct{ Bucket, Key string }{m.Bucket, m.Key})
			if err == nil && gctx.Err() == nil {
				err = q.Send(gctx, string(body))
			}
			if err == nil && gctx.Err() == nil {
				n.Add(1)
			}
			return err
		})
	}
	err = g.Wait()
	return int(n.Load()), ended(ctx, err)
}

// Retry is a manifest made of the rows of a dead-letter index.
type Retry struct {
	Manifest object.Location
	// Text is the manifest.
	Text []byte
	// Rows is how many it has. None make no manifest.
	Rows int
	// LeftOut counts the rows that have another reason than those wanted, or
	// that no worker can read.
	LeftOut int
}

// NewRetry makes a manifest of the rows of the dead-letter index at dlq that
// have one of reasons; without reasons, of all but bad rows. Its columns are
// those of fields, empty where a dead letter does not know, or, if fields is the
// zero value, Bucket, Key, Size and, behind them, VersionId if the dead letters
// tell versions. It stores nothing.
func NewRetry(ctx context.Context, st store.Reader, dlq object.Location, reasons []fault.Reason, fields manifest.Fields) (Retry, error) {
	body, _, err := fetch.Stream(ctx, st, object.At(dlq))
	if err != nil {
		return Retry{}, fault.As(fault.Download, err)
	}
	defer body.Close()
	r, err := retryOf(body, reasons, fields)
	if err == error(errNoVersions) {
		err = &fault.Error{Op: "redrive", Where: dlq.String(), Err: err}
	}
	r.Manifest = retryAt(dlq, r.Text)
	return r, located(ended(ctx, err), dlq)
}

func retryOf(letters io.Reader, reasons []fault.Reason, fields manifest.Fields) (r Retry, err error) {
	columns := fields.Columns()
	lacking := false
	err = eachLetter(letters, func(cells [][]byte) {
		if !wanted(cells, reasons) {
			r.LeftOut++
			return
		}
		versioned := len(cells) > letterColumns
		lacking = lacking || versioned && columns != nil && !fields.Has(manifest.VersionID)
		row := columns
		if row == nil && versioned {
			row = versionColumns
		} else if row == nil {
			row = plainColumns
		}
		for i, c := range row {
			if i > 0 {
				r.Text = append(r.Text, ',')
			}
			r.Text = manifest.AppendField(r.Text, letterCell(cells, c))
		}
		r.Text = append(r.Text, '\n')
		r.Rows++
	})
	if err == nil && lacking {
		err = errNoVersions
	}
	return r, err
}

var errNoVersions = fault.New(fault.Usage, "", "", errors.New("its objects are versions, and there is no column for these"), "name the workers' columns with -f, VersionId among them")

// The columns of a manifest of dead letters, unless others are asked for.
var (
	plainColumns   = []manifest.Column{manifest.Bucket, manifest.Key, manifest.Size}
	versionColumns = append(plainColumns, manifest.VersionID)
)

// letterCell is what a dead letter knows of a column.
func letterCell(cells [][]byte, c manifest.Column) []byte {
	switch c {
	case manifest.Bucket:
		return cells[0]
	case manifest.Key:
		return cells[1]
	case manifest.Size:
		return cells[2]
	case manifest.VersionID:
		if len(cells) > letterColumns {
			return cells[letterColumns]
		}
	}
	return nil
}

// wanted reports whether a worker can read a row, and shall.
func wanted(cells [][]byte, reasons []fault.Reason) bool {
	if len(cells) < letterColumns || len(cells) > letterColumns+1 || len(cells[0]) == 0 || len(cells[1]) == 0 {
		return false
	}
	if _, err := manifest.ParseSize(cells[2]); err != nil {
		return false
	}
	reason := fault.Reason(reasonOf(cells))
	if len(reasons) == 0 {
		return reason != fault.BadRow
	}
	return slices.Contains(reasons, reason)
}

// LettersEnding is what the key of a dead-letter index ends in.
const LettersEnding = ".dlq"

const (
	retryMark   = ".retry-"
	retryDigits = 12
)

// retryAt names a manifest: <name>.retry-<digest>.index beside the dead-letter
// index <name>.index.dlq. The digest is of where that lies and of the rows, so
// that the archive has a name of its own, and that to do the same again gives
// the same manifest.
func retryAt(dlq object.Location, text []byte) object.Location {
	sum := sha256.New()
	_, _ = io.WriteString(sum, dlq.String()+"\n") // a hash takes all
	_, _ = sum.Write(text)
	name := strings.TrimSuffix(strings.TrimSuffix(dlq.Key, LettersEnding), ".index")
	if at := len(name) - len(retryMark) - retryDigits; at > 0 && strings.HasPrefix(name[at:], retryMark) {
		name = name[:at] // of a manifest that was made so itself
	}
	return object.Location{Bucket: dlq.Bucket, Key: name + retryMark + hex.EncodeToString(sum.Sum(nil))[:retryDigits] + ".index"}
}

// Store stores the manifest, unless it is there. It has at least one row.
func (r Retry) Store(ctx context.Context, st store.Writer) error {
	_, err := st.Put(ctx, r.Manifest, r.Text, store.PutOptions{
		Headers: []object.Pair{{Name: "Content-Type", Value: "text/csv"}}, IfAbsent: true,
	})
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	return fault.As(fault.Upload, err)
}

// LettersBelow yields the dead-letter indexes with at least a row that places
// name: each one, or, where a key is empty or ends in a slash, all below it. A
// place where there is nothing at all is an error.
func LettersBelow(ctx context.Context, st store.Lister, places []object.Location) iter.Seq2[object.Location, error] {
	return func(yield func(object.Location, error) bool) {
		for _, l := range places {
			if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
				if !yield(l, nil) {
					return
				}
				continue
			}
			empty := true
			for o, err := range st.List(ctx, l) {
				if err != nil {
					yield(l, fault.As(fault.Download, err))
					return
				}
				empty = false
				if strings.HasSuffix(o.Key, LettersEnding) && o.Size > 0 && !yield(o.Location(), nil) {
					return
				}
			}
			if empty {
				yield(l, fault.New(fault.Download, "look for dead letters below", l.String(), nil, "there is nothing: check bucket and prefix"))
				return
			}
		}
	}
}
