package retrieve

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

const (
	logEnding = ".purged.csv"
	// logEvery is after how many lines the log is stored: S3 cannot append, so
	// that every time all of it is sent.
	logEvery = 5000
	// logPatience bounds the last storing of a log, after an interruption.
	logPatience = 30 * time.Second
)

// logColumns are the columns of a log, which is CSV with this header: when,
// Deleted or Gone, which object (the key as in the index), and which archive
// holds it. Times are as in an index.
func logColumns() []string {
	return []string{"time", "outcome", "bucket", "key", "size", "last_modified", "version_id", "etag", "archive", "archive_etag", "archive_version_id", "archive_checksum"}
}

// PurgeLog is where what is purged of a source is logged: beside its index,
// and for copies in a folder beside theirs, in which every name is an object's.
func PurgeLog(s Source) object.Location {
	l := s.Where()
	if i := strings.LastIndex(l.Key, "/"+bigObjects+"/"); s.Copy && i >= 0 {
		for !isCopy(l.Key[:i] + "/" + bigObjects + "/x") {
			i = strings.LastIndex(l.Key[:i], "/"+bigObjects+"/")
		}
		rest := strings.TrimSuffix(l.Key[i+len(bigObjects)+2:], metadataEnding)
		return object.Location{Bucket: l.Bucket, Key: l.Key[:i] + "/" + bigObjects + "-purged/" + rest + logEnding}
	}
	return layout.PurgeLog(l)
}

// purgeLog is the log of one source. The zero value logs nothing. It may be
// used by many goroutines.
type purgeLog struct {
	st      store.Writer
	at      object.Location
	archive []string // its columns
	now     func() time.Time

	mu     sync.Mutex // guards what follows
	text   bytes.Buffer
	known  map[string]struct{} // what is logged
	etag   string              // of what is stored
	unsent int
}

// openLog reads the log that there is, and stores it again, so that a log that
// cannot be written is known before anything is deleted.
func (p *purger) openLog(ctx context.Context, s Source, ok *safe) (*purgeLog, error) {
	if !p.opt.Delete {
		return &purgeLog{}, nil
	}
	if err := p.probeAt(ctx, s.Where()); err != nil {
		return nil, err
	}
	a := ok.archive
	l := &purgeLog{st: p.st, at: PurgeLog(s), now: p.opt.Now, known: map[string]struct{}{}}
	sum := ""
	if c := a.Attr.Checksum; c.Value != "" {
		sum = c.Algorithm + " " + c.Value
	}
	l.archive = []string{a.Object.Location().String(), a.Attr.ETag, a.Attr.VersionID, sum}
	if err := l.load(ctx, p.st); err != nil {
		return nil, err
	}
	return l, l.store(ctx)
}

// load reads what earlier runs have logged.
func (l *purgeLog) load(ctx context.Context, r store.Reader) error {
	body, attr, err := fetch.Stream(ctx, r, object.At(l.at))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return l.line(logColumns())
	}
	if err != nil {
		return fault.As(fault.Download, err)
	}
	defer body.Close()
	l.etag = attr.ETag
	rows := csv.NewReader(io.TeeReader(body, &l.text))
	for {
		f, err := rows.Read()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fault.New(fault.Read, "read log", l.at.String(), err, "move it away, and run again")
		case len(f) > 6:
			l.known[logID(f[2], f[3], f[6])] = struct{}{}
		}
	}
}

func logID(bucket, key, version string) string { return bucket + "/" + key + "\x00" + version }

// add logs an object that is not there any more, once.
func (l *purgeLog) add(ctx context.Context, out *Purged) error {
	if l.st == nil || out.Outcome != Deleted && out.Outcome != Gone {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	o := &out.Object
	id := logID(o.Bucket, o.EncodedKey, o.VersionID)
	if _, there := l.known[id]; there && out.Outcome == Gone {
		return nil
	}
	l.known[id] = struct{}{}
	err := l.line(append([]string{
		l.now().UTC().Format(index.TimeLayout), string(out.Outcome), o.Bucket, o.EncodedKey, strconv.FormatInt(o.Size, 10),
		o.LastModified.Format(index.TimeLayout), o.VersionID, o.ETag,
	}, l.archive...))
	if l.unsent++; err == nil && l.unsent >= logEvery {
		err = l.store(ctx)
	}
	return err
}

func (l *purgeLog) line(fields []string) error {
	w := csv.NewWriter(&l.text)
	err := w.Write(fields)
	w.Flush()
	return err
}

// store stores all of it, if it is still the one that was read.
func (l *purgeLog) store(ctx context.Context) error {
	stored, err := l.st.Put(ctx, l.at, l.text.Bytes(), store.PutOptions{
		Headers: []object.Pair{{Name: "Content-Type", Value: "text/csv"}},
		IfMatch: l.etag, IfAbsent: l.etag == "",
	})
	if errors.Is(err, store.ErrExists) {
		return fault.New(fault.Upload, "write log", l.at.String(), fmt.Errorf("another purge of this archive runs: %w", err), "let one end before the other")
	}
	if err != nil {
		return fault.As(fault.Upload, err)
	}
	l.etag, l.unsent = stored.ETag, 0
	return nil
}

// close stores what is not yet stored, also after the end of ctx.
func (l *purgeLog) close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.st == nil || l.unsent == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), logPatience, errors.New("S3 does not answer"))
	defer cancel()
	return l.store(ctx)
}
