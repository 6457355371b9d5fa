package status

import (
	"bytes"
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// Of so many manifests, spread over all of them, so many bytes are read to
// estimate rows and bytes: 2 MiB in all.
const (
	sampled     = 32
	sampleBytes = 64 << 10
)

// sample is what was read of a manifest.
type sample struct {
	text        int64 // bytes read
	rows, bytes int64
	whole       bool
}

// count fills in the rows and bytes of all manifests.
func (s *Survey) count(ctx context.Context, f *Found) error {
	if err := s.sample(ctx, f); err != nil {
		return err
	}
	var all sample
	for _, m := range f.Manifests {
		if p, ok := s.samples[m.Object]; ok {
			all.text += p.text
			all.rows += p.rows
			all.bytes += p.bytes
		}
	}
	for i := range f.Manifests {
		m := &f.Manifests[i]
		p, ok := s.samples[m.Object]
		if ok && p.whole {
			m.Rows, m.Bytes = p.rows, p.bytes
			continue
		}
		f.Estimated = true
		if !ok || p.rows == 0 {
			p = all
		}
		if p.text > 0 {
			share := float64(m.Size) / float64(p.text)
			m.Rows, m.Bytes = int64(share*float64(p.rows)), int64(share*float64(p.bytes))
		}
	}
	return nil
}

// sample reads manifests that were not read before.
func (s *Survey) sample(ctx context.Context, f *Found) error {
	step := max(1, (len(f.Manifests)+sampled-1)/sampled)
	if s.opt.Exact {
		step = 1
	}
	var mine []object.Object
	for i := 0; i < len(f.Manifests); i += step {
		if _, ok := s.samples[f.Manifests[i].Object]; !ok {
			mine = append(mine, f.Manifests[i].Object)
		}
	}
	got := make([]sample, len(mine))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.opt.Readers)
	for i, o := range mine {
		g.Go(func() (err error) {
			got[i], err = s.read(gctx, o)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return ended(ctx, err)
	}
	for i, o := range mine {
		s.samples[o] = got[i]
	}
	return nil
}

func (s *Survey) read(ctx context.Context, o object.Object) (sample, error) {
	body, _, err := fetch.Stream(ctx, s.st, object.At(o.Location()))
	if err != nil {
		return sample{}, fault.As(fault.Download, err)
	}
	defer body.Close()
	if s.opt.Exact || o.Size <= sampleBytes {
		p, err := rowsOf(body, s.opt.Fields)
		p.text, p.whole = o.Size, true
		return p, located(err, o.Location())
	}
	start := make([]byte, sampleBytes)
	n, err := io.ReadFull(body, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return sample{}, located(err, o.Location())
	}
	start = start[:bytes.LastIndexByte(start[:n], '\n')+1]
	p, err := rowsOf(bytes.NewReader(start), s.opt.Fields)
	p.text = int64(len(start))
	return p, err
}

// rowsOf counts a manifest's rows; one that cannot be read has no size.
func rowsOf(r io.Reader, f manifest.Fields) (p sample, err error) {
	for o, err := range manifest.Read(r, f) {
		var bad *manifest.RowError
		if err != nil && !errors.As(err, &bad) {
			return p, err
		}
		p.rows++
		p.bytes += o.Size
	}
	return p, nil
}
