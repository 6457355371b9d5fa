package retrieve

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Thawer asks S3 for a readable copy of an object in GLACIER or DEEP_ARCHIVE.
// That it was asked before is no error.
type Thawer interface {
	RequestRestore(ctx context.Context, o object.Object, tier string, days int) error
}

// Thaw is what to do about archives that must be restored before they can be
// read. Its zero value does nothing.
type Thaw struct {
	// Tier is Standard, Bulk or Expedited, to ask for a readable copy; empty
	// does not ask.
	Tier string
	// Days is how long the copy is kept.
	Days int
	// Wait goes on when the copy is there, and Every is how often to look;
	// zero means five minutes.
	Wait  bool
	Every time.Duration
}

// ask requests a readable copy, unless that is under way.
func (t Thaw) ask(ctx context.Context, st Thawer, a Archive, log *slog.Logger) error {
	if t.Tier == "" || strings.Contains(a.Attr.Restore, `ongoing-request="true"`) {
		return nil
	}
	if err := st.RequestRestore(ctx, a.Object, t.Tier, t.Days); err != nil {
		return fault.As(fault.API, err)
	}
	log.Log(ctx, levelNotice, "asked S3 to restore "+a.Object.Location().String(), "tier", t.Tier, "days", t.Days)
	return nil
}

// levelNotice is that of what a person waits for.
const levelNotice = slog.LevelInfo + 2

// pause waits until it is time to look again.
func (t Thaw) pause(ctx context.Context) error {
	every := t.Every
	if every <= 0 {
		every = 5 * time.Minute
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// findThawed is Source.Find that asks for, and waits for, a readable copy.
func (t Thaw) findThawed(ctx context.Context, st store.Reader, s Source, indexed object.Attributes, anyETag bool, log *slog.Logger) (Archive, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	asked := false
	for {
		a, err := s.Find(ctx, st, indexed, anyETag)
		if fault.ReasonOf(err) != fault.Glacier || a.Object.Key == "" {
			return a, err
		}
		thawer, ok := st.(Thawer)
		if ok && !asked && t.Tier != "" {
			asked = true
			if err := t.ask(ctx, thawer, a, log); err != nil {
				return a, err
			}
			continue // tells of the restore under way
		}
		if !t.Wait {
			return a, err
		}
		log.Info("waiting", "for", a.Object.Location().String())
		if err := t.pause(ctx); err != nil {
			return a, err
		}
	}
}
