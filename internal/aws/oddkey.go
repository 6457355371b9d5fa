package aws

import (
	"context"
	"errors"
	"net/http"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// harmless is a key that every service takes.
const harmless = "s3bundler"

// oddKey settles whether a refusal of o with status 400, whose code says
// nothing known, is about the key or about whatever is asked: another answer
// for another key of the bucket shows that it is the key, which gets a reason.
// The cause of ctx's end is left as it is: it may be another service's answer.
func (s *S3) oddKey(ctx context.Context, o object.Object, err error) error {
	if ctx.Err() != nil {
		return err
	}
	a, answered := answerOf(err)
	var f *fault.Error
	if !answered || a.status != http.StatusBadRequest || judge(a).hint != hintRefused || !errors.As(err, &f) {
		return err
	}
	if b := s.buckets.get(o.Bucket); !b.exists.Load() {
		body, _, other := s.open(ctx, object.Object{Bucket: o.Bucket, Key: harmless}, store.Range{})
		if other == nil {
			body.Close()
		} else if a, _ := answerOf(other); a.status != http.StatusForbidden && (a.status != http.StatusNotFound || judge(a).is != nil) {
			return err
		}
	}
	f.Reason, f.Hint = fault.BadRow, hintOddKey
	return err
}
