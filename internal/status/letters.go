package status

import (
	"context"
	"errors"
	"io"

	"s3bundler/internal/csvrow"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// letters is what one dead-letter index says.
type letters struct {
	of      object.Object
	sum     string // that binds it to its index; empty if it has none
	reasons map[string]int64
}

// unknownReason stands for a row whose last column is no reason.
const unknownReason = "unknown"

func (s *Survey) readLetters(ctx context.Context, o object.Object) (letters, error) {
	l := letters{of: o, reasons: map[string]int64{}}
	body, attr, err := fetch.Stream(ctx, s.st, object.At(o.Location()))
	if err != nil {
		return l, fault.As(fault.Download, err)
	}
	defer body.Close()
	l.sum, _ = metadata(attr, layout.DeadLetterSum)
	err = eachLetter(body, func(cells [][]byte) {
		reason := unknownReason
		if len(cells) >= letterColumns {
			reason = reasonOf(cells)
		}
		l.reasons[reason]++
	})
	return l, located(err, o.Location())
}

// letterColumns is how many columns a dead-letter index has: bucket, key,
// size, last modified, reason. One more, the version ID, has that of a manifest
// that tells versions.
const letterColumns = 5

// eachLetter hands out the rows; of one that is no CSV, none of its columns.
func eachLetter(r io.Reader, row func(cells [][]byte)) error {
	for rows := csvrow.NewScanner(r); ; {
		cells, err := rows.Next()
		var bad *csvrow.RowError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &bad):
			cells = nil
		case err != nil:
			return err
		}
		row(cells)
	}
}

// reasonOf gives a row's reason, which is one word.
func reasonOf(cells [][]byte) string {
	reason := string(cells[letterColumns-1])
	if reason == "" || len(reason) > 40 {
		return unknownReason
	}
	for _, c := range []byte(reason) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return unknownReason
		}
	}
	return reason
}

// located says where reading failed.
func located(err error, l object.Location) error {
	if err == nil || fault.KindOf(err) != 0 {
		return err
	}
	return fault.New(fault.Download, "read", l.String(), err, "")
}
