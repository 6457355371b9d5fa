package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// rows reads all indexes of a bucket and looks at each byte: it counts the
// lines and the commas. The requests are few, and not signed.
func (w *work) rows(ctx context.Context, c *client) error {
	keys, err := c.indexes(ctx, w.bucket)
	if err != nil {
		return err
	}
	if int64(len(keys)) != w.objects {
		return fmt.Errorf("%d indexes in %s, want %d", len(keys), w.bucket, w.objects)
	}
	return each(ctx, w.objects, w.inFlight, 256<<10, func(ctx context.Context, i int64, buf []byte) error {
		body, err := c.open(ctx, "/"+w.bucket+"/"+keys[i])
		if err != nil {
			return err
		}
		defer body.Close()
		lines, commas := 0, 0
		for {
			n, err := body.Read(buf)
			lines += bytes.Count(buf[:n], []byte("\n"))
			commas += bytes.Count(buf[:n], []byte(","))
			if err == io.EOF && lines > 0 && commas > 2*lines {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s has %d lines and %d commas: %w", keys[i], lines, commas, err)
			}
		}
	})
}

// indexes lists the indexes of a bucket.
func (c *client) indexes(ctx context.Context, bucket string) (keys []string, err error) {
	token := ""
	for {
		body, err := c.open(ctx, "/"+bucket+"?list-type=2&continuation-token="+url.QueryEscape(token))
		if err != nil {
			return nil, err
		}
		var list struct {
			Contents              []struct{ Key string }
			NextContinuationToken string
		}
		err = xml.NewDecoder(body).Decode(&list)
		body.Close()
		if err != nil {
			return nil, err
		}
		for _, o := range list.Contents {
			key, err := url.QueryUnescape(o.Key)
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(key, ".index") {
				keys = append(keys, key)
			}
		}
		if token = list.NextContinuationToken; token == "" {
			return keys, nil
		}
	}
}

func (c *client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		res.Body.Close()
		err = fmt.Errorf("GET %s: %s", path, res.Status)
	}
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}
