package cli

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// terminal is a screen of 100 columns that keeps all that is written.
func terminal(columns int) (*screen, *bytes.Buffer) {
	var b bytes.Buffer
	return &screen{w: &b, width: func() int { return columns }}, &b
}

// shown is what a terminal shows at the end of out: the last line drawn.
func shown(out string) string { return out[strings.LastIndex(out, clearLine)+len(clearLine):] }

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out := terminal(100)
		con := NewConsole(s, LevelNotice)
		var now atomic.Pointer[Snapshot]
		now.Store(&Snapshot{Total: 1000, Unit: "objects"})
		stop := con.Progress(func() Snapshot { return *now.Load() })
		synctest.Wait()
		if got := shown(out.String()); !strings.HasPrefix(got, "0% |"+strings.Repeat(" ", 20)+"| ") || !strings.HasSuffix(got, "0/1,000 objects") {
			t.Errorf("at the start: %q", got)
		}
		now.Store(&Snapshot{Done: 500, Total: 1000, Bytes: 5 << 20, Skipped: 3, Unit: "objects"})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := shown(out.String()), "500/1,000 objects, 5.0 MiB, 50/s, 512.0 KiB/s, 3 skipped, 10s left"; !strings.HasPrefix(got, "50% |") || !strings.HasSuffix(got, want) {
			t.Errorf("halfway: %q, want 50%% and %q", got, want)
		}
		now.Store(&Snapshot{Done: 1000, Total: 2000, Unit: "objects"})
		time.Sleep(interval)
		synctest.Wait()
		if got := shown(out.String()); !strings.HasPrefix(got, "50% |") {
			t.Errorf("after the total has grown: %q", got)
		}
		stop()
		if got := shown(out.String()); got != "" {
			t.Errorf("after the end: %q", got)
		}
		stop()
	})
}

func TestProgressWithoutTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out := terminal(100)
		now := Snapshot{Done: 3, Bytes: 10, Unit: "rows"}
		stop := NewConsole(s, LevelNotice).Progress(func() Snapshot { return now })
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got, want := shown(out.String()), "3 rows, 10 B, 1/s, 3 B/s, 3s"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		stop()
	})
}

func TestLogAboveProgress(t *testing.T) {
	s, out := terminal(20)
	con := NewConsole(s, LevelNotice)
	s.draw("a bar that is longer than the terminal is wide")
	con.Notice("begin processing s3://b/k")
	want := clearLine + "a bar that is longe" + clearLine + "begin processing s3://b/k\n" + "a bar that is longe"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	s.draw("")
	out.Reset()
	con.Notice("done")
	if got := out.String(); got != "done\n" {
		t.Errorf("without a bar: %q", got)
	}
}

func TestOutputAboveProgress(t *testing.T) {
	s, out := terminal(20)
	con := NewConsole(s, LevelNotice)
	s.draw("bar")
	if _, err := con.Output(out).Write([]byte("line\n")); err != nil {
		t.Error(err)
	}
	s.draw("")
	if _, err := con.Output(out).Write([]byte("more\n")); err != nil {
		t.Error(err)
	}
	if got, want := out.String(), clearLine+"bar"+clearLine+"line\nbar"+clearLine+"more\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNoProgressElsewhere(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	con := NewConsole(&out, LevelNotice)
	stop := con.Progress(func() Snapshot { t.Error("asked for a snapshot"); return Snapshot{} })
	stop()
	if out.Len() != 0 {
		t.Errorf("wrote %q", out.String())
	}
}
