package status

import (
	"fmt"
	"strconv"
	"time"
)

// count prints n with commas between thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size prints a number of bytes with a binary unit.
func size(n int64) string {
	if n < 1<<10 {
		return count(n) + " B"
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if f /= 1 << 10; f < 1<<10 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// span prints a duration in its two largest units.
func span(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	days, hours, minutes := seconds/86400, seconds/3600%24, seconds/60%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds%60)
	}
	return fmt.Sprintf("%d s", seconds)
}

// perSecond prints a rate that may be below one.
func perSecond(f float64) string {
	if f < 10 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return count(int64(f))
}

// percent prints a fraction, never 100 for what is not all.
func percent(f float64) string {
	if f < 1 {
		f = min(f, 0.999)
	}
	return strconv.FormatFloat(f*100, 'f', 1, 64) + "%"
}

// about marks an estimate.
func about(estimated bool) string {
	if estimated {
		return "about "
	}
	return ""
}

// manifests prints a number of them.
func manifests(n int) string {
	if n == 1 {
		return "1 manifest"
	}
	return count(int64(n)) + " manifests"
}
