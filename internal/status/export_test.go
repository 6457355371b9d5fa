package status

import "io"

// RetryOf gives tests the rows of dead letters without a store.
func RetryOf(letters io.Reader) (Retry, error) { return retryOf(letters, nil) }
