package http1

import (
	"errors"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// names are the canonical forms of headers that S3 sends, so that none has to
// be made for each answer.
var names = func() map[string]string {
	m := make(map[string]string)
	for _, name := range []string{
		"Accept-Ranges", "Cache-Control", "Connection", "Content-Disposition", "Content-Encoding", "Content-Language",
		"Content-Length", "Content-Range", "Content-Type", "Date", "Etag", "Expires", "Last-Modified", "Server",
		"Transfer-Encoding", "X-Amz-Checksum-Crc32", "X-Amz-Checksum-Crc32c", "X-Amz-Checksum-Crc64nvme",
		"X-Amz-Checksum-Sha1", "X-Amz-Checksum-Sha256", "X-Amz-Checksum-Type", "X-Amz-Expiration", "X-Amz-Id-2",
		"X-Amz-Missing-Meta", "X-Amz-Replication-Status", "X-Amz-Request-Charged", "X-Amz-Request-Id", "X-Amz-Restore",
		"X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
		"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "X-Amz-Storage-Class", "X-Amz-Tagging-Count", "X-Amz-Version-Id",
	} {
		m[name], m[strings.ToLower(name)] = name, name
	}
	m["ETag"] = "Etag"
	return m
}()

var (
	errStatus = errors.New("its first line is no status line")
	errField  = errors.New("a line of its head is no header field")
	errLength = errors.New("its Content-Length is no number of bytes")
	errCoding = errors.New("its Transfer-Encoding is unknown")
)

// parse makes the answer's status and header of its head, without the empty
// line. See RFC 9112, sections 4 and 5.
func (c *conn) parse(head []byte) error {
	text := string(head) // which all the values are parts of
	line, text, _ := strings.Cut(text, "\n")
	status, ok := parseStatus(line)
	if !ok {
		return errStatus
	}
	h := c.res.Header
	clear(h)
	c.values = c.values[:0]
	c.res.StatusCode = status
	c.res.Close = line[7] == '0'
	for at := len(head) - len(text); len(text) > 0; {
		line, rest, _ := strings.Cut(text, "\n")
		colon := strings.IndexByte(line, ':')
		if colon <= 0 || line[0] == ' ' || line[0] == '\t' || line[colon-1] == ' ' || line[colon-1] == '\t' {
			return errField
		}
		name := names[string(head[at:at+colon])]
		if name == "" {
			name = textproto.CanonicalMIMEHeaderKey(line[:colon])
		}
		value := trim(line[colon+1:])
		if all := h[name]; all != nil {
			h[name] = append(all, value)
		} else {
			n := len(c.values)
			c.values = append(c.values, value)
			h[name] = c.values[n : n+1 : n+1]
		}
		at += len(line) + 1
		text = rest
	}
	return nil
}

// parseStatus reads "HTTP/1.1 200 OK"; the reason may be missing.
func parseStatus(line string) (status int, ok bool) {
	if len(line) < 12 || line[:7] != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return 0, false
	}
	for _, d := range []byte(line[9:12]) {
		if d < '0' || d > '9' {
			return 0, false
		}
		status = status*10 + int(d-'0')
	}
	end := len(line) == 12 || line[12] == ' ' || line[12] == '\r'
	return status, end && status >= 100
}

// trim takes the white space off a value, the carriage return included.
func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

// frame finds out where the body ends. See RFC 9112, section 6.3.
func (c *conn) frame() error {
	h := c.res.Header
	for _, v := range h["Connection"] {
		if containsToken(v, "close") {
			c.res.Close = true
		}
	}
	length := int64(-1)
	for i, v := range h["Content-Length"] {
		n, err := strconv.ParseUint(v, 10, 63)
		if err != nil || i > 0 && int64(n) != length {
			return errLength
		}
		length = int64(n)
	}
	chunked := false
	if codings := h["Transfer-Encoding"]; len(codings) > 0 {
		if len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") {
			return errCoding
		}
		if length >= 0 { // RFC 9112 has the coding win, and the connection end
			c.res.Close = true
		}
		chunked, length = true, -1
	}
	switch c.res.StatusCode {
	case http.StatusNoContent, http.StatusNotModified:
		chunked, length = false, 0
	}
	c.body = body{conn: c, left: length}
	if chunked {
		c.body.dechunk()
	} else if length < 0 {
		c.res.Close = true // its end is the connection's
	}
	c.res.ContentLength, c.res.Body = length, &c.body
	return nil
}

// containsToken looks for a token in a comma-separated list.
func containsToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}
