package retrieve

import (
	"context"
	"iter"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// manifests yields what does not hold between manifests and what places hold
// of them.
func (v *verifier) manifests(ctx context.Context, places []object.Location) iter.Seq2[Finding, error] {
	in := archivesAt(places)
	return inOrder(ctx, manifestsBelow(ctx, v.st, v.opt.Manifests, in), v.opt.Archives, func(ctx context.Context, m object.Location) iter.Seq2[Finding, error] {
		return func(yield func(Finding, error) bool) {
			stopped, bad := false, false
			find := func(f Finding) {
				bad = true
				stopped = stopped || !yield(f, nil)
			}
			a := account{st: v.st, opt: &v.opt, manifest: m, places: in, find: find}
			err := a.run(ctx)
			switch cause := context.Cause(ctx); {
			case stopped:
			case cause != nil:
				yield(Finding{}, cause)
			case err != nil:
				find(of(Unreadable, m, err.Error()))
			}
			v.opt.Progress.Manifests.Add(1)
			if bad {
				v.opt.Progress.DamagedManifests.Add(1)
			}
		}
	})
}

// archivesAt are the layouts that places belong to: a prefix is one itself, an
// index lies in one.
func archivesAt(places []object.Location) []layout.Place {
	var ps []layout.Place
	for _, l := range places {
		if isPrefix(l) {
			ps = append(ps, layout.In(l.Bucket, l.Key))
			continue
		}
		if prefix, _, _, _, ok := splitResult(stemOf(l.Key)); ok {
			ps = append(ps, layout.In(l.Bucket, prefix))
		}
	}
	return ps
}

// manifestsBelow yields manifests: those that places name, and all below a
// prefix. What archives hold is passed over.
func manifestsBelow(ctx context.Context, st Store, places []object.Location, archives []layout.Place) iter.Seq2[object.Location, error] {
	return func(yield func(object.Location, error) bool) {
		for _, l := range places {
			if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
				if !yield(l, nil) {
					return
				}
				continue
			}
			for o, err := range manifestObjects(ctx, st, l, archives) {
				if !yield(o.Location(), err) || err != nil {
					return
				}
			}
		}
	}
}

// manifestObjects lists the manifests below a prefix.
func manifestObjects(ctx context.Context, st Store, prefix object.Location, archives []layout.Place) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		for o, err := range st.List(ctx, prefix) {
			if err == nil && (!isIndex(o.Key) || heldBy(archives, o.Location())) {
				continue
			}
			if !yield(o, fault.As(fault.Download, err)) || err != nil {
				return
			}
		}
	}
}

func heldBy(archives []layout.Place, l object.Location) bool {
	for _, p := range archives {
		if p.Holds(l) {
			return true
		}
	}
	return false
}
