package status

import (
	"cmp"
	"slices"
	"time"

	"s3bundler/internal/queue"
)

// Report is what there is to say at one moment. Its JSON is the command's.
type Report struct {
	At time.Time `json:"at"`
	// Manifests, Archives are the prefixes that were looked at.
	Manifests string `json:"manifests"`
	Archives  string `json:"archives"`

	Count Progress `json:"manifestCount"`
	// Objects and Bytes are those of the manifests' rows, dead letters
	// included.
	Objects Progress `json:"objects"`
	Bytes   Progress `json:"bytes"`
	// Estimated says that Objects and Bytes are not counted.
	Estimated bool `json:"estimated"`
	// ArchiveBytes is what the archives take, without copies of big objects.
	ArchiveBytes int64 `json:"archiveBytes"`

	// DeadLetters counts objects by reason, WithDeadLetters the archived
	// manifests that have any.
	DeadLetters     map[string]int64 `json:"deadLetters"`
	WithDeadLetters int              `json:"manifestsWithDeadLetters"`

	// Queue is nil if none was named.
	Queue *Queue `json:"queue,omitempty"`
	// Rate is nil until two manifests are archived.
	Rate *Rate `json:"rate,omitempty"`

	Slowest []Slow `json:"slowest"`
	// Damaged are the manifests that are not archived although something of
	// them is there.
	Damaged []Damaged `json:"damaged"`
	Curve   []Point   `json:"curve"`
}

// Progress is how much of something is done.
type Progress struct {
	Done  int64 `json:"done"`
	Left  int64 `json:"left"`
	Total int64 `json:"total"`
}

func (p *Progress) add(n int64, done bool) {
	p.Total += n
	if done {
		p.Done += n
	} else {
		p.Left += n
	}
}

// Fraction is the part that is done, from 0 to 1.
func (p Progress) Fraction() float64 {
	if p.Total == 0 {
		return 0
	}
	return float64(p.Done) / float64(p.Total)
}

// Queue is what SQS says, approximately.
type Queue struct {
	Name string `json:"name"`
	// Waiting messages are with nobody, InWork ones with a worker.
	Waiting int `json:"waiting"`
	InWork  int `json:"inWork"`
	// DeadLetterQueue is nil if the queue has none, or it cannot be read.
	DeadLetterQueue *DeadLetterQueue `json:"deadLetterQueue,omitempty"`
}

// DeadLetterQueue is where SQS puts messages that were received too often.
type DeadLetterQueue struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
}

// Waiting gives how many messages a queue has that nobody works on.
func Waiting(d queue.Depth) int { return d.Visible + d.Delayed }

// Slow is an archived manifest and how long its archive was written.
type Slow struct {
	Manifest string        `json:"manifest"`
	Took     time.Duration `json:"-"`
	Seconds  float64       `json:"seconds"`
	Objects  int64         `json:"objects"`
	Bytes    int64         `json:"bytes"`
}

// Damaged is a manifest with results that do not belong together.
type Damaged struct {
	Manifest string `json:"manifest"`
	Why      string `json:"why"`
}

// slowest is how many manifests Report.Slowest has at most.
const slowest = 10

// Report sums up what was found. prefixes are those of Options.
func (f *Found) Report(opt Options) *Report {
	r := &Report{
		At: f.At, Manifests: opt.Manifests.String(), Archives: opt.Archives.String(), Estimated: f.Estimated,
		DeadLetters: map[string]int64{}, Slowest: []Slow{}, Damaged: []Damaged{},
	}
	for _, m := range f.Manifests {
		r.Count.add(1, m.Archived)
		r.Objects.add(m.Rows, m.Archived)
		r.Bytes.add(m.Bytes, m.Archived)
		r.ArchiveBytes += m.ArchiveBytes
		if len(m.DeadLetters) > 0 {
			r.WithDeadLetters++
		}
		for reason, n := range m.DeadLetters {
			r.DeadLetters[reason] += n
		}
		where := m.Location().String()
		if m.Why != "" {
			r.Damaged = append(r.Damaged, Damaged{where, m.Why})
		}
		if m.Took > 0 {
			r.Slowest = append(r.Slowest, Slow{where, m.Took, m.Took.Seconds(), m.Rows, m.Bytes})
		}
	}
	slices.SortStableFunc(r.Slowest, func(a, b Slow) int { return cmp.Compare(b.Took, a.Took) })
	r.Slowest = r.Slowest[:min(len(r.Slowest), slowest)]
	done := f.done()
	r.Curve = curve(done)
	r.Rate = rate(done, f.At, r.Objects.Left)
	return r
}

// done are the archived manifests in the order in which they were.
func (f *Found) done() []Manifest {
	var done []Manifest
	for _, m := range f.Manifests {
		if m.Archived {
			done = append(done, m)
		}
	}
	slices.SortStableFunc(done, func(a, b Manifest) int { return a.Index.LastModified.Compare(b.Index.LastModified) })
	return done
}
