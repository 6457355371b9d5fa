package main

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listed is an object in a list.
type listed struct {
	key, etag string
	size      int64
}

// maxKeys is what S3 lists in one answer.
const maxKeys = 1000

// list answers ListObjectsV2 with what was put into a bucket, or what a shelf
// has.
func (a *answer) list() error {
	var all []listed
	if s := a.s.shelf(a.bucket); s != nil {
		all = s.list()
	} else {
		all = a.s.kept.list(string(a.bucket))
	}
	prefix, after := a.argument("prefix"), a.argument("continuation-token")
	all = slices.DeleteFunc(all, func(o listed) bool { return !strings.HasPrefix(o.key, prefix) || o.key <= after })
	more := len(all) > maxKeys
	all = all[:min(len(all), maxKeys)]
	var b strings.Builder
	b.WriteString("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" + strconv.FormatBool(more) + "</IsTruncated>")
	if more {
		b.WriteString("<NextContinuationToken>" + escaped(all[len(all)-1].key) + "</NextContinuationToken>")
	}
	for _, o := range all {
		b.WriteString("<Contents><Key>" + escaped(url.QueryEscape(o.key)) + "</Key><LastModified>2026-11-23T11:36:13.000Z</LastModified><ETag>" +
			escaped(o.etag) + "</ETag><Size>" + strconv.FormatInt(o.size, 10) + "</Size><StorageClass>STANDARD</StorageClass></Contents>")
	}
	b.WriteString("</ListBucketResult>")
	return a.xml(b.String())
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
