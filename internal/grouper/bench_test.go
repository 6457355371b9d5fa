package grouper

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"s3bundler/internal/object"
)

// BenchmarkRun groups an inventory of 16 data files without a network, from
// and to memory. Its floor is BenchmarkDecompress of package inventory.
func BenchmarkRun(b *testing.B) {
	const files, rows = 16, 50000
	m := newMemory()
	var texts []string
	for f := range files {
		var text strings.Builder
		for i := range rows {
			n := f*rows + i
			text.WriteString(row(fmt.Sprintf("logs/2026/%02d/%02d/obj-%08d.bin", n%12+1, n%28+1, n), int64(n*7919%20000), "STANDARD"))
		}
		texts = append(texts, text.String())
	}
	deliver(b, m, plainSchema, texts...)
	inventory := make(map[object.Location]stored)
	for at, s := range m.objects {
		inventory[at] = s
	}
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		m := newMemory()
		m.objects = inventory
		opt := options()
		opt.Overwrite = true
		stats, err := Run(b.Context(), m, report, opt, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		n += stats.Rows
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
