package sandbox

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// chunkReader decodes Content-Encoding aws-chunked: chunks with a hexadecimal
// length each, optionally signed, and a trailer. See "Signature calculations
// for the authorization header: transferring a payload in multiple chunks" in
// the S3 API Reference.
type chunkReader struct {
	r *bufio.Reader
	// left is what remains of the current chunk.
	left int64
	// verify checks chunk signatures; nil means not to.
	verify *chunkVerifier
	// signed says that chunks must carry a signature.
	signed bool
	// trailer holds what came after the last chunk.
	trailer http.Header
	err     error
	started bool
}

// errChunked is what is wrong with a body that is not aws-chunked.
func errChunked(what string) *apiError {
	return fail("InvalidRequest", "The aws-chunked body is malformed: "+what+".")
}

// maxChunkLine bounds a chunk's header and each line of the trailer.
const maxChunkLine = 4 << 10

func newChunkReader(r io.Reader, signed bool, verify *chunkVerifier) *chunkReader {
	return &chunkReader{r: bufio.NewReaderSize(r, maxChunkLine), signed: signed, verify: verify, trailer: http.Header{}}
}

// Read gives decoded bytes, then io.EOF if everything was in order.
func (c *chunkReader) Read(p []byte) (int, error) {
	for c.left == 0 && c.err == nil {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.verify != nil {
		c.verify.data(p[:n])
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	c.err = err
	return n, err
}

// next ends the current chunk and reads the next one's header; after the last
// it reads the trailer and returns io.EOF.
func (c *chunkReader) next() error {
	if c.started {
		if err := c.endChunk(); err != nil {
			return err
		}
	}
	c.started = true
	line, err := c.line()
	if err != nil {
		return err
	}
	digits, extension, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(digits, 16, 62)
	if err != nil {
		return errChunked("a chunk has no length")
	}
	signature, ok := strings.CutPrefix(extension, "chunk-signature=")
	if c.signed && !ok {
		return errChunked("a chunk is not signed")
	}
	if c.verify != nil {
		c.verify.begin(signature)
	}
	c.left = int64(size)
	if size > 0 {
		return nil
	}
	if c.verify != nil {
		if err := c.verify.end(); err != nil {
			return err
		}
	}
	if err := c.readTrailer(); err != nil {
		return err
	}
	return io.EOF
}

func (c *chunkReader) endChunk() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	if line != "" {
		return errChunked("a chunk is longer than it says")
	}
	if c.verify != nil {
		return c.verify.end()
	}
	return nil
}

// readTrailer reads lines up to an empty one or the end.
func (c *chunkReader) readTrailer() error {
	var signed strings.Builder
	verified := c.verify == nil
	for range 16 {
		line, err := c.line()
		if err == io.ErrUnexpectedEOF && line == "" {
			line, err = "", nil
		}
		if err != nil {
			return err
		}
		if line == "" {
			if !verified && len(c.trailer) > 0 {
				return errChunkSignature()
			}
			return nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return errChunked("the trailer has a line without a colon")
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			if c.verify != nil {
				if err := c.verify.trailer(signed.String(), value); err != nil {
					return err
				}
				verified = true
			}
			continue
		}
		signed.WriteString(name + ":" + value + "\n")
		c.trailer.Add(name, value)
	}
	return errChunked("the trailer is too long")
}

// line reads one line without its end. At the end of the body it gives what
// is left and io.ErrUnexpectedEOF.
func (c *chunkReader) line() (string, error) {
	b, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errChunked("a line is too long")
	case err == io.EOF:
		return string(b), io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), nil
}
