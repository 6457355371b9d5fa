package status

import (
	"io"

	"s3bundler/internal/manifest"
)

// RetryOf gives tests the rows of dead letters without a store.
func RetryOf(letters io.Reader, fields manifest.Fields) (Retry, error) {
	return retryOf(letters, nil, fields)
}
