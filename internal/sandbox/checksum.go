package sandbox

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/minio/crc64nvme"
)

// S3's names for the kinds of checksums of objects in parts.
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// checksum is what S3 keeps with an object. The zero value means that it
// keeps none.
type checksum struct {
	// Algorithm is S3's name in capitals, such as CRC64NVME.
	Algorithm string `json:"algorithm,omitzero"`
	// Value is base64 of the big-endian sum; a composite one ends in a dash
	// and the number of parts.
	Value string `json:"value,omitzero"`
	// Type is fullObject or composite.
	Type string `json:"type,omitzero"`
}

// header is the header's name, in Go's spelling.
func (c checksum) header() string { return checksumHeader(c.Algorithm) }

func checksumHeader(algorithm string) string {
	return http.CanonicalHeaderKey("x-amz-checksum-" + algorithm)
}

// element is the name in XML.
func (c checksum) element() string { return "Checksum" + c.Algorithm }

// algorithms lists what S3 takes.
func algorithms() []string { return []string{"CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256"} }

// newHash makes the hash of an algorithm, or nil if there is no such.
func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC64NVME":
		return crc64nvme.New()
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	}
	return nil
}

func encodeSum(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// givenChecksum finds the one checksum that a request's header names, with
// its value if that is not in the trailer. Its zero value means none.
func givenChecksum(h http.Header) (sum checksum, inTrailer bool, err error) {
	for _, a := range algorithms() {
		if v := h.Get(checksumHeader(a)); v != "" {
			if sum.Algorithm != "" {
				return sum, false, errManyChecksums()
			}
			sum = checksum{a, v, fullObject}
		}
	}
	for name := range strings.SplitSeq(h.Get("X-Amz-Trailer"), ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		a, ok := trailerAlgorithm(name)
		switch {
		case !ok:
			return sum, false, fail("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		case sum.Algorithm != "":
			return sum, false, errManyChecksums()
		}
		sum, inTrailer = checksum{a, "", fullObject}, true
	}
	if sum.Algorithm != "" && !inTrailer {
		err = validSum(sum)
	}
	return sum, inTrailer, err
}

func errManyChecksums() *apiError {
	return fail("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
}

// trailerAlgorithm reads a trailer's name.
func trailerAlgorithm(name string) (algorithm string, ok bool) {
	algorithm, ok = strings.CutPrefix(strings.ToLower(name), "x-amz-checksum-")
	algorithm = strings.ToUpper(algorithm)
	return algorithm, ok && newHash(algorithm) != nil
}

// validSum refuses what is no sum of its algorithm.
func validSum(sum checksum) error {
	b, err := base64.StdEncoding.DecodeString(sum.Value)
	if err != nil || len(b) != newHash(sum.Algorithm).Size() {
		return fail("InvalidRequest", fmt.Sprintf("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(sum.Algorithm)))
	}
	return nil
}

func errBadDigest(algorithm string) *apiError {
	return fail("BadDigest", fmt.Sprintf("The %s you specified did not match the calculated checksum.", algorithm))
}

// setChecksum puts sum into an answer.
func setChecksum(h http.Header, sum checksum) {
	if sum.Algorithm != "" {
		h.Set(sum.header(), sum.Value)
		h.Set("X-Amz-Checksum-Type", sum.Type)
	}
}
