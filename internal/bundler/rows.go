package bundler

import (
	"context"
	"errors"
	"io"
	"iter"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// reading is a manifest that is being read.
type reading struct {
	body counted
	next func() (object.Object, error, bool)
	stop func()
}

// open opens the manifest at its start; a second time it must be the same.
func (w *bundle) open(ctx context.Context) (*reading, error) {
	body, attr, err := fetch.Stream(ctx, w.st, object.At(w.manifest))
	if err != nil {
		return nil, fault.As(fault.Download, err)
	}
	if w.etag != "" && attr.ETag != w.etag {
		body.Close()
		return nil, fault.New(fault.Download, "read manifest", w.manifest.String(), errors.New("it was replaced meanwhile"), "run again")
	}
	w.etag = attr.ETag
	w.Progress.ManifestBytes.Add(attr.Size)
	m := &reading{body: counted{ReadCloser: body, p: &w.Progress, size: attr.Size}}
	m.next, m.stop = iter.Pull2(manifest.Read(&m.body, w.opt.Fields))
	return m, nil
}

// close ends the reading. It may be called again.
func (m *reading) close() {
	m.stop()
	m.body.Close()
}

// rest yields the rows that are still to come.
func (m *reading) rest(yield func(object.Object, error) bool) {
	for {
		o, err, ok := m.next()
		if !ok || !yield(o, err) {
			return
		}
	}
}

// findSource reads up to the first row that can be used, whose bucket is the
// source bucket. It returns all rows, or nil if there were others before that
// one: then the manifest must be opened again, for they may be too many to keep.
func (w *bundle) findSource(m *reading) (rows iter.Seq2[object.Object, error], err error) {
	var bad error
	for o, err := range m.rest {
		switch {
		case err == nil:
			w.source = o.Bucket
			if bad != nil {
				m.body.forget()
				return nil, nil
			}
			return func(yield func(object.Object, error) bool) {
				if yield(o, nil) {
					m.rest(yield)
				}
			}, nil
		case !isBadRow(err):
			return nil, w.manifestFault(err)
		case bad == nil:
			bad = err
		}
	}
	if bad != nil {
		return nil, fault.New(fault.Read, "read manifest", w.manifest.String(), bad, "name its columns with -f, in their order")
	}
	return nil, fault.New(fault.Read, "read manifest", w.manifest.String(), errors.New("it is empty"),
		"s3grouper writes no empty manifests: check who made it, and delete it")
}

func isBadRow(err error) bool {
	var bad *manifest.RowError
	return errors.As(err, &bad)
}

// manifestFault is the error for a manifest that broke off.
func (w *bundle) manifestFault(err error) error {
	return &fault.Error{Kind: fault.Download, Op: "read manifest", Where: w.manifest.String(), Err: err}
}

// counted is a manifest's body whose bytes count as progress.
type counted struct {
	io.ReadCloser
	p          *Progress
	size, read int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.read += int64(n)
	c.p.ManifestRead.Add(int64(n))
	return n, err
}

// forget takes the manifest back from the progress, for it is read once more.
func (c *counted) forget() {
	c.p.ManifestBytes.Add(-c.size)
	c.p.ManifestRead.Add(-c.read)
}
