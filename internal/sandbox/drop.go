package sandbox

import (
	"os"
	"path/filepath"
)

// drop frees content that came in and is not going to be stored.
func (b *bucket) drop(c content) {
	switch c := c.(type) {
	case file:
		if b.disk != nil && filepath.Dir(c.path) == b.disk.tmp {
			// A failure leaves a file in a folder that the next start empties.
			_ = os.Remove(c.path)
		}
	case joined:
		for _, part := range c {
			b.drop(part)
		}
	}
}
