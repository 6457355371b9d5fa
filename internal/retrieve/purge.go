package retrieve

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// PurgeOptions are what is purged, and how.
type PurgeOptions struct {
	// Delete deletes; otherwise nothing is written or deleted anywhere.
	Delete bool
	// Noncurrent deletes also archived versions that are not the current one.
	Noncurrent bool
	// Reread reads source objects for which S3 has nothing to compare.
	Reread bool
	// Archives is how many archives are read at once.
	Archives int
	// Limiter bounds the HEADs and DELETEs.
	Limiter *fetch.Limiter
	// Now is the clock of the log; nil means time.Now.
	Now func() time.Time
	// Progress, which may be nil, is told what is done.
	Progress *PurgeProgress
}

// PurgeProgress counts what was looked at. It may be read at any time.
type PurgeProgress struct {
	Verified VerifyProgress
	// Objects are decided upon; Deleted and DeletedBytes are, or in a dry run
	// would be, deleted.
	Objects, Deleted, DeletedBytes atomic.Int64
}

// Outcome is what became of a source object.
type Outcome string

// The outcomes. All but Deleted leave the source object alone.
const (
	// Deleted: it is deleted.
	Deleted Outcome = "Deleted"
	// Deletable: it would be deleted.
	Deletable Outcome = "Deletable"
	// Gone: it is not there, perhaps because an earlier run deleted it.
	Gone Outcome = "Gone"
	// Changed: it is not what was archived.
	Changed Outcome = "Changed"
	// Unproven: S3 knows nothing by which it could be compared.
	Unproven Outcome = "Unproven"
	// Unconditional: the server does not take conditions for deletions, so
	// that another object than the one compared might be deleted.
	Unconditional Outcome = "Unconditional"
	// Unverified: its archive is not as it should be. This outcome stands for
	// a finding about the archive, whose objects are all left alone.
	Unverified Outcome = "Unverified"
	// Own: it is an archive itself, or belongs to one.
	Own Outcome = "Own"
	// Refused: S3 does not let this caller look at it or delete it.
	Refused Outcome = "Refused"
	// Failed: S3 could not be asked, after all retries.
	Failed Outcome = "Failed"
)

// Purged is what became of one source object, or one finding about an archive.
type Purged struct {
	Outcome Outcome
	Source  Source
	// Object is the source object; zero for a finding.
	Object object.Object
	Detail string
}

// Purge deletes source objects that are safely archived in what places name,
// and only those, and yields what became of each, in the archives' order.
//
// It is the only thing in this program that destroys what it has not made.
// This is why it destroys nothing that is not archived:
//
//   - The archive is verified first, whole, in this run: every byte of it is
//     read, pinned to the ETag that its index names, and every member has the
//     CRC64NVME (in archives of the original the MD5) of its row. If anything
//     does not hold, nothing of that archive is deleted. The index is read a
//     second time for the deletions; it must have the same ETag, and row by
//     row the same content, as when it was verified. Before every so many
//     deletions, archive and index must still be there, unchanged.
//   - Each source object is asked for with a HEAD. It must have the size, the
//     time, and, as far as the index tells, the metadata and headers of its
//     row; and its content must be proven the same: by the version ID, for
//     versions never change; by the ETag; or by S3's CRC64NVME of the whole,
//     compared with that of the archived bytes as read in this run. A multipart
//     object without such a checksum is left alone, or with Reread it is read,
//     and its bytes compared by their CRC64NVME.
//   - The deletion names the very thing that was compared, and S3 itself holds
//     it to that: a version by its ID, which no other object ever gets; else
//     the ETag as a condition (If-Match), so that an object that was replaced
//     after the HEAD is refused with 412. What was stored while the bucket was
//     not versioned has the version ID "null", which other objects may get,
//     and is deleted by the condition alone: if the bucket is versioned today,
//     that puts a delete marker over it.
//   - A server may ignore the condition. Whether this one does is tried once a
//     run, on an object that is made for it beside an index: a deletion under
//     a wrong ETag must be refused. If it is not, only versions are deleted.
//
// What is left open: an object that is replaced between HEAD and DELETE by one
// with the same content has the same ETag; where the bucket is not versioned,
// it is deleted, with metadata that nobody has seen. Tags that were changed
// since, which changes neither ETag nor time, are not compared. An archive
// that somebody deletes while its objects are purged is noticed only with the
// next look at it. And the current version of an object, once deleted, lets
// the version before it be seen again.
//
// Dead letters are in no index, and so are never looked at. What was deleted
// is logged as CSV beside the index, in lines as logColumns has them, before
// the iteration moves on to another archive, and after every logEvery lines; a
// run that is killed in between leaves objects deleted that the next run logs
// as gone. If the log cannot be written, nothing is deleted. Running it again
// goes on where it was stopped.
//
// An error ends the iteration: that of listing a place, of a log, an answer of
// S3 that is about more than one object, or the end of ctx.
func Purge(ctx context.Context, st store.Store, places []object.Location, opt PurgeOptions) iter.Seq2[Purged, error] {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Progress == nil {
		opt.Progress = &PurgeProgress{}
	}
	p := &purger{st: st, opt: opt}
	return inOrder(ctx, Sources(ctx, st, places), opt.Archives, p.source)
}

type purger struct {
	st  store.Store
	opt PurgeOptions

	probing sync.Mutex // guards the following, and one probe at a time
	probed  bool
	refusal string // why objects without a version cannot be deleted
}

// deletionsAhead is how many objects of one archive are looked at and deleted
// at once; lookEvery is after how many of them the archive is looked for again.
const (
	deletionsAhead = 64
	lookEvery      = 1000
)

// source purges what one archive or copy holds.
func (p *purger) source(ctx context.Context, s Source) iter.Seq2[Purged, error] {
	return func(yield func(Purged, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		safe, findings, err := p.verify(ctx, s)
		if err != nil {
			yield(Purged{}, err)
			return
		}
		for _, f := range findings {
			if !yield(Purged{Outcome: Unverified, Source: s, Detail: f.String()}, nil) {
				return
			}
		}
		if len(findings) > 0 {
			return
		}
		log, err := p.openLog(ctx, s, safe)
		if err != nil {
			yield(Purged{}, err)
			return
		}
		stopped := false
		for out, e := range inOrder(ctx, p.rows(ctx, s, safe), deletionsAhead, p.object(s, safe, log)) {
			if err = e; err != nil {
				break
			}
			p.count(&out)
			if stopped = !yield(out, nil); stopped {
				break
			}
		}
		// All deletions have ended by now, and are in the log.
		if err := errors.Join(err, log.close(ctx)); err != nil && !stopped {
			yield(Purged{}, err)
		}
	}
}

func (p *purger) count(out *Purged) {
	p.opt.Progress.Objects.Add(1)
	if out.Outcome == Deleted || out.Outcome == Deletable {
		p.opt.Progress.Deleted.Add(1)
		p.opt.Progress.DeletedBytes.Add(out.Object.Size)
	}
}

// refused is the outcome for an error that concerns one object; others have
// none and end the run.
func refused(err error) (o Outcome, ok bool) {
	switch fault.ReasonOf(err) {
	case fault.NoSuchKey:
		return Gone, true
	case fault.Changed:
		return Changed, true
	case fault.AccessDenied, fault.Glacier:
		return Refused, true
	case fault.Retry:
		return Failed, true
	}
	return "", false
}
