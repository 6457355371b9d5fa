package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// account holds one manifest against index, dead letters and copies. It keeps
// the names of the manifest's objects in memory.
type account struct {
	st       Store
	opt      *VerifyOptions
	manifest object.Location
	places   []layout.Place
	find     func(Finding)

	source string       // bucket of the first row
	place  layout.Place // where the index was found
	// archived and letters count what the index and the dead letters have and
	// no row of the manifest was seen to ask for. Dead letters once told no
	// version.
	archived, letters map[rowID]int
}

// rowID is an object as manifests and indexes name it: the key is encoded.
type rowID struct{ bucket, key, version string }

func (id rowID) row() *index.Row {
	return &index.Row{Bucket: id.bucket, Key: id.key, VersionID: id.version}
}

// asked is a row of the manifest.
type asked struct {
	id     rowID
	object object.Object // zero if the row is bad
}

func (a *account) run(ctx context.Context) error {
	body, attr, err := fetch.Stream(ctx, a.st, object.At(a.manifest))
	if err != nil {
		return err
	}
	defer body.Close()
	var missing []asked // with the rows before the first that can be read
	for o, err := range manifest.Read(body, a.opt.Fields) {
		var bad *manifest.RowError
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		a.opt.Progress.Rows.Add(1)
		row := asked{a.id(o.Bucket, o.EncodedKey, o.VersionID), o}
		if bad != nil {
			row.id = a.id(bad.Bucket, bad.Key, bad.VersionID)
		}
		if a.archived == nil && bad == nil {
			a.source = o.Bucket
			if found, err := a.collect(ctx, attr.ETag); err != nil || !found {
				return err
			}
			missing = slices.DeleteFunc(missing, func(r asked) bool { return a.has(r.id) })
		}
		if a.archived == nil || !a.has(row.id) {
			missing = append(missing, row)
		}
	}
	if a.archived == nil {
		a.find(of(NotArchived, a.manifest, "it has no row that can be read: name its columns with -f"))
		return nil
	}
	return a.settle(ctx, missing)
}

// id names an object. Versions count only where the manifest tells them.
func (a *account) id(bucket, key, version string) rowID {
	if !a.opt.Fields.Has(manifest.VersionID) || version == nullVersion {
		version = ""
	}
	return rowID{bucket, key, version}
}

// has reports whether a row is in the index or a dead letter, and takes it off.
func (a *account) has(id rowID) bool {
	if a.archived[id] > 0 {
		a.archived[id]--
		return true
	}
	for range 2 {
		if a.letters[id] > 0 {
			a.letters[id]--
			return true
		}
		id.version = ""
	}
	return false
}

// collect finds the manifest's index and reads it and the dead letters. found
// is false, and reported, if there is none.
func (a *account) collect(ctx context.Context, etag string) (found bool, err error) {
	name := manifest.Name(a.manifest.Key)
	var l *Listing
	for _, a.place = range a.places {
		l, err = Source{Index: object.At(a.place.Index(a.source, name))}.Open(ctx, a.st)
		if err == nil || fault.ReasonOf(err) != fault.NoSuchKey {
			break
		}
	}
	if fault.ReasonOf(err) == fault.NoSuchKey || l == nil && err == nil {
		a.find(of(NotArchived, a.manifest, "there is no index of it"))
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer l.Close()
	if of := valueOf(l.Attr.Metadata, layout.ManifestETag); of != "" && of != etag {
		a.find(Finding{Kind: ManifestChanged, Where: a.manifest, Offset: -1,
			Detail: fmt.Sprintf("its ETag is %s, %s was made from one with %s", etag, l.Source.Where(), of)})
	}
	a.archived, a.letters = map[rowID]int{}, map[rowID]int{}
	for row, err := range l.Rows() {
		if errors.Is(err, index.ErrRow) {
			continue // verify finds it in the index
		}
		if err != nil {
			return false, err
		}
		a.archived[a.id(row.Bucket, row.Key, row.VersionID)]++
	}
	return true, a.collectLetters(ctx, l.Attr)
}

// collectLetters reads the dead letters that belong to the index.
func (a *account) collectLetters(ctx context.Context, indexed object.Attributes) error {
	at := layout.DeadLetters(a.manifest)
	sum, count := valueOf(indexed.Metadata, layout.DeadLetterSum), valueOf(indexed.Metadata, layout.DeadLetterCount)
	if sum == "" && count == "0" {
		return nil // what there may be is of an older run
	}
	body, attr, err := fetch.Stream(ctx, a.st, object.At(at))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		if count != "" && count != "0" {
			a.find(of(BadLetters, at, "it is not there; the index counts "+count+" dead letters"))
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	if is := valueOf(attr.Metadata, layout.DeadLetterSum); is != sum {
		a.find(of(BadLetters, at, "it is not the one that belongs to the index: bundle the manifest again"))
	}
	n := 0
	for d, err := range index.ReadDeadLetters(body) {
		n++
		if errors.Is(err, index.ErrRow) {
			a.find(of(BadLetters, at, err.Error()))
			continue
		}
		if err != nil {
			return err
		}
		a.letters[a.id(d.Bucket, d.Key, d.VersionID)]++
	}
	if count != "" && fmt.Sprint(n) != count {
		a.find(of(BadLetters, at, fmt.Sprintf("it has %d lines, the index counts %s", n, count)))
	}
	return nil
}

// copies looks for copies of what is in neither index nor dead letters, and
// reports what has none.
func (a *account) copies(ctx context.Context, rows []asked) error {
	all := func(yield func(asked, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
	for r, err := range inOrder(ctx, all, headsAhead, a.copied) {
		if err != nil {
			return err
		}
		a.find(about(Unaccounted, a.manifest, r.id.row(), -1, "it is neither in the index nor a dead letter nor a copied big object"))
	}
	return nil
}

// copied yields r if it has no copy.
func (a *account) copied(ctx context.Context, r asked) iter.Seq2[asked, error] {
	return func(yield func(asked, error) bool) {
		if r.object.Key == "" {
			yield(r, nil)
			return
		}
		to := a.place.BigObject(r.object.Bucket, r.object)
		for _, l := range []object.Location{to, layout.BigObjectMetadata(to)} {
			err := a.opt.Limiter.Do(ctx, func(ctx context.Context) error {
				_, err := a.st.Head(ctx, object.At(l))
				return err
			})
			if err == nil {
				continue
			}
			if fault.ReasonOf(err) == fault.NoSuchKey {
				err = nil
			}
			yield(r, err)
			return
		}
	}
}

// settle reports what is missing, and what was archived and not asked for.
func (a *account) settle(ctx context.Context, missing []asked) error {
	if err := a.copies(ctx, missing); err != nil {
		return err
	}
	var over []rowID
	for _, ids := range []map[rowID]int{a.archived, a.letters} {
		for id, n := range ids {
			if n > 0 {
				over = append(over, id)
			}
		}
	}
	slices.SortFunc(over, func(x, y rowID) int { return cmp.Or(cmp.Compare(x.bucket, y.bucket), cmp.Compare(x.key, y.key)) })
	for _, id := range over {
		a.find(about(NotListed, a.manifest, id.row(), -1, "it was archived or is a dead letter, and the manifest does not ask for it"))
	}
	return nil
}
