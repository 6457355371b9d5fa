package aws

import (
	"context"
	"maps"
	"regexp"
	"sync"
	"sync/atomic"
)

// buckets remembers what is known of each bucket. Reading takes no lock, for
// every GET reads. It does not forget: a program names few buckets.
type buckets struct {
	known atomic.Pointer[map[string]*bucket]
	mu    sync.Mutex // held to replace known
}

// bucket is what is known of one bucket.
type bucket struct {
	name string
	// region is where it turned out to lie; nil means where all others do.
	region atomic.Pointer[string]
	// exists is set by the first answer that shows it.
	exists atomic.Bool
	// endpoint is where GETs go; nil until the first, and after region changes.
	endpoint atomic.Pointer[endpoint]
}

// get gives what is known of the bucket called name.
func (k *buckets) get(name string) *bucket {
	if known := k.known.Load(); known != nil {
		if b := (*known)[name]; b != nil {
			return b
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string]*bucket)
	if known := k.known.Load(); known != nil {
		if b := (*known)[name]; b != nil {
			return b
		}
		maps.Copy(next, *known)
	}
	b := &bucket{name: name}
	next[name] = b
	k.known.Store(&next)
	return b
}

// expecting finds the region in the answer to a request that was signed for
// another one: "the region 'us-east-1' is wrong; expecting 'eu-west-1'".
var expecting = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// regionOr is the region to ask: the bucket's, as far as it is known.
func (b *bucket) regionOr(byDefault string) string {
	if r := b.region.Load(); r != nil {
		return *r
	}
	return byDefault
}

// learn takes the bucket's region from an answer to a request that was sent to
// the wrong one, or signed for it. It reports whether asking again makes sense:
// the answer names a region that is not the one this request asked. Another
// that was sent beside it may have learned it before.
func (b *bucket) learn(a answer, asked string) bool {
	switch a.code {
	case "PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
	default:
		// HEAD is answered without a code.
		if a.code != "" || a.status != 301 && a.status != 307 && a.status != 400 {
			return false
		}
	}
	region := a.region
	if m := expecting.FindStringSubmatch(a.message); region == "" && m != nil {
		region = m[1]
	}
	if region == "" || region == asked {
		return false
	}
	b.region.Store(&region)
	b.endpoint.Store(nil)
	return true
}

// in gives the endpoint for GETs from the bucket.
func (b *bucket) in(ctx context.Context, s *S3) (*endpoint, error) {
	if e := b.endpoint.Load(); e != nil {
		return e, nil
	}
	region := b.regionOr(s.options.Region)
	e, err := resolve(ctx, s.options, b.name, region)
	if err != nil {
		return nil, err
	}
	e.own, e.asked = s.get.serves(e), region
	b.endpoint.Store(e)
	return e, nil
}
