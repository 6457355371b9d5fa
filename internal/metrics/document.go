package metrics

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"s3bundler/internal/fault"
)

// unit is one of the units of a CloudWatch MetricDatum.
type unit string

const (
	count unit = "Count"
	bytes unit = "Bytes"
)

// document is one line. See "Specification: Embedded metric format" in the
// CloudWatch User Guide.
type document struct {
	members    map[string]any
	metrics    []definition
	dimensions []string
}

type definition struct {
	Name string
	Unit unit
}

func newDocument() *document {
	// An empty list of dimensions makes metrics without dimensions; a null
	// would make none.
	return &document{members: map[string]any{}, dimensions: []string{}}
}

// metric adds a metric. value is a number.
func (d *document) metric(name string, u unit, value any) {
	d.members[name] = value
	d.metrics = append(d.metrics, definition{name, u})
}

// dimension makes all metrics of the document apply to name=value only.
func (d *document) dimension(name, value string) {
	d.members[name] = value
	d.dimensions = append(d.dimensions, name)
}

// property adds what is no metric.
func (d *document) property(name, value string) { d.members[name] = value }

// line gives the document as JSON, ended with a newline.
func (d *document) line() ([]byte, error) {
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	type metadata struct {
		Timestamp         int64 // milliseconds
		CloudWatchMetrics []directive
	}
	all := maps.Clone(d.members)
	all["_aws"] = metadata{time.Now().UnixMilli(), []directive{{Namespace, [][]string{d.dimensions}, d.metrics}}}
	text, err := json.Marshal(all)
	return append(text, '\n'), err
}

func sortedReasons(m map[fault.Reason]int64) []fault.Reason {
	return slices.Sorted(maps.Keys(m))
}
