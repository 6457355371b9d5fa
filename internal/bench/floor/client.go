package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	unsigned  = "UNSIGNED-PAYLOAD"
)

// client sends signed requests.
type client struct {
	http     http.Client
	signer   *v4.Signer
	endpoint string
}

// newClient sets net/http's transport up as well as it can be for many small
// requests at once: connections are kept, and an answer of 10 KB is one read.
func newClient(endpoint string, inFlight int) *client {
	return &client{
		http: http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost: inFlight,
			DisableCompression:  true,
			ReadBufferSize:      16 << 10,
			WriteBufferSize:     64 << 10,
		}},
		signer:   v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
		endpoint: endpoint,
	}
}

// do sends one request and reads the body of its answer into buf, which must
// be as long as that is.
func (c *client) do(ctx context.Context, method, path, hash string, header http.Header, body, buf []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("X-Amz-Content-Sha256", hash)
	credentials := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	if err := c.signer.SignHTTP(ctx, credentials, req, hash, "s3", "us-east-1", time.Now()); err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	if res.ContentLength != int64(len(buf)) {
		return fmt.Errorf("%s %s: %d bytes, want %d", method, path, res.ContentLength, len(buf))
	}
	_, err = io.ReadFull(res.Body, buf)
	return err
}

// get reads a whole object.
func (c *client) get(ctx context.Context, path string, buf []byte) error {
	return c.do(ctx, http.MethodGet, path, emptyHash, nil, nil, buf)
}

// getRange reads len(buf) bytes of an object from offset on.
func (c *client) getRange(ctx context.Context, path string, offset int64, buf []byte) error {
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(buf))-1)}}
	return c.do(ctx, http.MethodGet, path, emptyHash, h, nil, buf)
}

// put stores an object, or part of one. Its content is not signed, nor summed.
func (c *client) put(ctx context.Context, path string, body []byte) error {
	return c.do(ctx, http.MethodPut, path, unsigned, nil, body, nil)
}
