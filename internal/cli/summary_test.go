package cli

import (
	"testing"
	"time"

	"s3bundler/internal/fault"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		s    Summary
		want string
	}{
		{Summary{Count: 65000, Unit: "objects", Bytes: 665600000, Elapsed: 12345 * time.Millisecond,
			More:        []Tally{{"archives", 1}},
			DeadLetters: map[fault.Reason]int64{fault.NoSuchKey: 1, fault.Glacier: 1200, fault.Retry: 0}},
			"65,000 objects, 634.8 MiB, 1 archive, 1,201 dead letters (Glacier 1,200, NoSuchKey 1), 12.3 s"},
		{Summary{Count: 1, Unit: "objects", Bytes: 1023, DeadLetters: map[fault.Reason]int64{}},
			"1 object, 1023 B, 0 dead letters, 0.0 s"},
		{Summary{Count: 1, Unit: "rows", More: []Tally{{"rows of other storage classes", 1}, {"delete markers", 1}, {"manifests already there", 2}}},
			"1 row, 0 B, 1 row of other storage classes, 1 delete marker, 2 manifests already there, 0.0 s"},
		{Summary{Count: 1234567, Unit: "rows", Bytes: 3 << 40, More: []Tally{{"manifests", 19}}, Elapsed: time.Minute},
			"1,234,567 rows, 3.0 TiB, 19 manifests, 60.0 s"},
	}
	for _, tt := range tests {
		if got := tt.s.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
}
