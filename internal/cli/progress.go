package cli

import (
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Snapshot is how far a job is at one moment.
type Snapshot struct {
	// Done of Total units are finished. Total may grow; zero means that it is
	// not known yet.
	Done, Total int64
	// Bytes of TotalBytes have passed; a zero TotalBytes is not known.
	Bytes, TotalBytes int64
	// Skipped counts the units left out so far; Done includes them.
	Skipped int64
	// Unit is the plural of what is counted: "objects", "rows".
	Unit string
	// Note is what else there is to say, in a word or two; may be empty.
	Note string
}

// interval is how often the bar is drawn.
const interval = 200 * time.Millisecond

// Progress draws a bar from what snapshot returns until stop is called, if
// standard error is a terminal; elsewhere it does nothing. snapshot is called
// from one goroutine, which has ended when stop returns. stop may be called
// more than once.
func (c *Console) Progress(snapshot func() Snapshot) (stop func()) {
	if c.screen.width == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer c.screen.draw("")
		bar := newBar()
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			c.screen.draw(bar.render(snapshot()))
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}()
	return func() {
		select {
		case <-done:
		case quit <- struct{}{}:
			<-done
		}
	}
}

// scale is the bar's own maximum. Feeding it fractions lets the total grow,
// and keeps the last step for when the job says that it has ended.
const scale = 1 << 20

type bar struct {
	bar     *progressbar.ProgressBar
	started time.Time
}

func newBar() *bar {
	return &bar{
		bar: progressbar.NewOptions64(scale,
			progressbar.OptionSetWriter(io.Discard), // the screen draws it
			progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: " ", BarStart: "|", BarEnd: "|"}),
		),
		started: time.Now(),
	}
}

// render returns one line:
//
//	45% |█████████           | 29,250/65,000 objects, 285.6 MiB, 2,310/s, 3 skipped, 16s left
func (b *bar) render(s Snapshot) string {
	elapsed := time.Since(b.started)
	parts := []string{counted(s.Done, s.Unit)}
	if s.Total > 0 {
		parts[0] = count(s.Done) + "/" + counted(s.Total, s.Unit)
	}
	if s.Bytes > 0 {
		parts = append(parts, size(s.Bytes))
	}
	seconds := elapsed.Seconds()
	if rate := float64(s.Done) / seconds; seconds >= 1 && rate >= 1 {
		parts = append(parts, count(int64(rate))+"/s")
	}
	if seconds >= 1 && s.Bytes > 0 {
		parts = append(parts, size(int64(float64(s.Bytes)/seconds))+"/s")
	}
	if s.Skipped > 0 {
		parts = append(parts, count(s.Skipped)+" skipped")
	}
	if s.Note != "" {
		parts = append(parts, s.Note)
	}
	if s.Total <= 0 {
		return strings.Join(append(parts, elapsed.Round(time.Second).String()), ", ")
	}
	f := s.fraction()
	if f > 0 && elapsed >= time.Second {
		left := time.Duration(float64(elapsed) * (1 - f) / f)
		parts = append(parts, left.Round(time.Second).String()+" left")
	}
	// Its errors are those of io.Discard.
	_ = b.bar.Set64(min(int64(f*scale), scale-1))
	text := strings.Join(parts, ", ")
	b.bar.Describe(text)
	// The bar leaves room for figures that text already holds.
	drawn, _ := strings.CutSuffix(strings.TrimSpace(b.bar.String()), text)
	return strings.TrimSpace(drawn) + " " + text
}

// fraction weighs units and bytes alike: small objects cost by their number,
// large ones by their bytes.
func (s Snapshot) fraction() float64 {
	f := float64(s.Done) / float64(s.Total)
	if s.TotalBytes > 0 {
		f = (f + float64(s.Bytes)/float64(s.TotalBytes)) / 2
	}
	return min(max(f, 0), 1)
}
