package retrieve

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// probeBody tells whoever finds a probe that was left behind what it is.
const probeBody = "Made by s3bundler purge to see whether deletions under a condition are refused where it does not hold. It can be deleted.\n"

// probeAt has the server asked, once, beside the index at l. It must be called
// before unconditional.
func (p *purger) probeAt(ctx context.Context, l object.Location) error {
	p.probing.Lock()
	defer p.probing.Unlock()
	if p.probed {
		return nil
	}
	why, err := probe(ctx, p.st, object.Location{Bucket: l.Bucket, Key: l.Key + ".probe-" + strings.ToLower(rand.Text())})
	if err != nil {
		return err
	}
	p.probed, p.refusal = true, why
	return nil
}

// unconditional says why objects without a version cannot be deleted safely;
// empty if they can.
func (p *purger) unconditional() string {
	p.probing.Lock()
	defer p.probing.Unlock()
	if !p.probed {
		return "the server was not asked whether it takes conditions"
	}
	return p.refusal
}

// probe makes an object and tries to delete it under a wrong condition, and
// then under the right one. why is empty if the first was refused and the
// second done. Nothing but that object is touched, and it is left behind only
// if it cannot be deleted.
func probe(ctx context.Context, st store.Store, at object.Location) (why string, err error) {
	stored, err := st.Put(ctx, at, []byte(probeBody), store.PutOptions{IfAbsent: true})
	if err != nil {
		return "", fault.As(fault.Upload, err)
	}
	const wrong = "00000000000000000000000000000000"
	o := object.Object{Bucket: at.Bucket, Key: at.Key, ETag: wrong}
	err = st.Delete(ctx, o)
	switch {
	case err == nil:
		return "the server ignores If-Match on DELETE: version the bucket, or use a server that has conditional deletes", nil
	case fault.ReasonOf(err) != fault.Changed:
		return fmt.Sprintf("the server does not take If-Match on DELETE (%v)", err), removeProbe(ctx, st, at, stored)
	}
	if _, err := st.Head(ctx, object.At(at)); err != nil {
		return "the server refuses a DELETE by If-Match, and deletes all the same", nil
	}
	o.ETag = stored.ETag
	if err := st.Delete(ctx, o); err != nil {
		return fmt.Sprintf("the server refuses a DELETE whose If-Match holds (%v)", err), removeProbe(ctx, st, at, stored)
	}
	return "", nil
}

// removeProbe deletes the probe without a condition: it is nobody else's.
func removeProbe(ctx context.Context, st store.Store, at object.Location, stored store.Stored) error {
	return fault.As(fault.API, st.Delete(ctx, object.Object{Bucket: at.Bucket, Key: at.Key, VersionID: stored.VersionID}))
}
