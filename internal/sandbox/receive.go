package sandbox

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/crc64nvme"
)

// maxPut is the longest body one request may have: 5 GiB.
const maxPut = 5 << 30

// received is a body that has arrived whole and as promised.
type received struct {
	content content
	md5     []byte
	sum     checksum
}

// etag is the MD5 in hex.
func (r received) etag() string { return hex.EncodeToString(r.md5) }

// receive reads the request's body into to, checking all that the request
// says about it. algorithm is what to calculate if it names no checksum.
func (q *request) receive(to sink, algorithm string) (received, error) {
	return q.receiveBy(to, algorithm, false)
}

// receiveBy is receive; quick takes the body on trust, see BucketOptions.
func (q *request) receiveBy(to sink, algorithm string, quick bool) (received, error) {
	got, err := q.receiveInto(to, algorithm, quick)
	if err != nil {
		to.abort()
	}
	return got, err
}

func (q *request) receiveInto(to sink, algorithm string, quick bool) (received, error) {
	body, err := q.openBody()
	if err != nil {
		return received{}, err
	}
	given, inTrailer, err := givenChecksum(q.r.Header)
	if err != nil {
		return received{}, err
	}
	wantMD5, err := contentMD5(q.r.Header)
	if err != nil {
		return received{}, err
	}
	if given.Algorithm != "" {
		algorithm = given.Algorithm
	}
	hashMD5, sum := newMD5(quick && wantMD5 == nil), newHash(algorithm)
	hashes := []hash.Hash{hashMD5}
	if sum != nil {
		hashes = append(hashes, sum)
	}
	payload := payloadHash(q.r.Header)
	if quick {
		payload = nil
	}
	if payload != nil {
		hashes = append(hashes, sha256.New())
	}
	n, err := pour(to, body, hashes)
	if err != nil {
		return received{}, bodyError(err)
	}
	if n != body.size {
		return received{}, errIncomplete()
	}
	got := received{md5: hashMD5.Sum(nil)}
	if sum != nil {
		got.sum = checksum{algorithm, encodeSum(sum.Sum(nil)), fullObject}
	}
	if inTrailer {
		given.Value = body.chunks.trailer.Get(given.header())
		if given.Value == "" {
			return received{}, errChunked("the trailer lacks the checksum that x-amz-trailer promised")
		}
		if err := validSum(given); err != nil {
			return received{}, err
		}
	}
	switch {
	case payload != nil && !bytes.Equal(payload, hashes[len(hashes)-1].Sum(nil)):
		return received{}, fail("XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.",
			field{"ClientComputedContentSHA256", hex.EncodeToString(payload)},
			field{"S3ComputedContentSHA256", hex.EncodeToString(hashes[len(hashes)-1].Sum(nil))})
	case wantMD5 != nil && !bytes.Equal(wantMD5, got.md5):
		return received{}, fail("BadDigest", "The Content-MD5 you specified did not match what we received.",
			field{"ExpectedDigest", encodeSum(wantMD5)}, field{"CalculatedDigest", encodeSum(got.md5)})
	case given.Algorithm != "" && given.Value != got.sum.Value:
		return received{}, errBadDigest(given.Algorithm)
	}
	got.content, err = to.finish()
	return got, err
}

// newMD5 makes the hash for ETags: MD5, or where that takes too long something
// of its length.
func newMD5(quick bool) hash.Hash {
	if quick {
		return quickMD5{crc64nvme.New()}
	}
	return md5.New()
}

// quickMD5 is as long as an MD5, and a CRC64NVME.
type quickMD5 struct{ hash.Hash64 }

func (q quickMD5) Size() int { return md5.Size }

func (q quickMD5) Sum(b []byte) []byte {
	sum := q.Sum64()
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, sum), mix(sum))
}

// pour reads all of body into to and the hashes.
func pour(to sink, body io.Reader, hashes []hash.Hash) (int64, error) {
	var total int64
	for {
		space := to.space()
		n, err := body.Read(space)
		for _, h := range hashes {
			h.Write(space[:n])
		}
		if e := to.take(n); e != nil {
			return total, e
		}
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// requestBody is a body as the client meant it, without its encoding.
type requestBody struct {
	io.Reader
	// size is how long it says it is.
	size   int64
	chunks *chunkReader // nil unless aws-chunked
}

// openBody looks through the body's encoding.
func (q *request) openBody() (requestBody, error) {
	h := q.r.Header
	encoding := h.Get("X-Amz-Content-Sha256")
	body := requestBody{Reader: q.r.Body, size: q.r.ContentLength}
	if strings.HasPrefix(encoding, "STREAMING-") || h.Get("X-Amz-Decoded-Content-Length") != "" {
		n, err := strconv.ParseInt(h.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return body, fail("MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		signed := strings.HasPrefix(encoding, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
		if !signed && encoding != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
			return body, errArgument("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER,"+
				" STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
				"x-amz-content-sha256", encoding)
		}
		var verify *chunkVerifier
		if signed && q.signer != nil {
			verify = q.signer.chunks()
		}
		body.size = n
		body.chunks = newChunkReader(q.r.Body, signed, verify)
		body.Reader = body.chunks
	}
	if h.Get("X-Amz-Trailer") != "" && body.chunks == nil {
		return body, fail("InvalidRequest", "The x-amz-trailer header needs an aws-chunked body.")
	}
	switch {
	case body.size < 0:
		return body, fail("MissingContentLength", "You must provide the Content-Length HTTP header.")
	case body.size > maxPut:
		return body, fail("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
			field{"ProposedSize", fmt.Sprint(body.size)}, field{"MaxSizeAllowed", fmt.Sprint(int64(maxPut))})
	}
	return body, nil
}

// contentMD5 reads Content-MD5; nil if there is none.
func contentMD5(h http.Header) ([]byte, error) {
	v := h.Get("Content-Md5")
	if v == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(v)
	if err != nil || len(b) != md5.Size {
		return nil, fail("InvalidDigest", "The Content-MD5 you specified was invalid.", field{"Content-MD5", v})
	}
	return b, nil
}

// payloadHash is the body's SHA-256 if the request gives one.
func payloadHash(h http.Header) []byte {
	b, err := hex.DecodeString(h.Get("X-Amz-Content-Sha256"))
	if err != nil || len(b) != sha256.Size {
		return nil
	}
	return b
}

func errIncomplete() *apiError {
	return fail("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
}

// bodyError is the answer to a body that could not be read.
func bodyError(err error) error {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errIncomplete()
	}
	return fail("RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period.")
}

// readAll gives a body that must be short, checked as receive does.
func (q *request) readAll(limit int64) ([]byte, error) {
	if q.r.ContentLength > limit {
		return nil, errMalformedXML()
	}
	got, err := q.receive(&memorySink{limit: limit}, "")
	if err != nil {
		return nil, err
	}
	return readAll(got.content)
}
