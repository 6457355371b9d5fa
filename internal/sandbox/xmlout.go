package sandbox

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// xmlDoc writes an answer's body. encoding/xml would replace the control
// characters a key may hold; S3 writes them as character references, and so
// does xmlDoc.
type xmlDoc struct {
	buf  bytes.Buffer
	open []string
}

// newXML starts a document with S3's namespace.
func newXML(root string) *xmlDoc {
	d := &xmlDoc{open: []string{root}}
	d.buf.WriteString(xml.Header + "<" + root + ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	return d
}

// newErrorXML starts a document without a namespace, as S3's errors are.
func newErrorXML() *xmlDoc {
	d := &xmlDoc{open: []string{"Error"}}
	d.buf.WriteString(xml.Header + "<Error>")
	return d
}

func (d *xmlDoc) begin(name string) {
	d.open = append(d.open, name)
	d.buf.WriteString("<" + name + ">")
}

func (d *xmlDoc) end() {
	last := len(d.open) - 1
	d.buf.WriteString("</" + d.open[last] + ">")
	d.open = d.open[:last]
}

func (d *xmlDoc) text(name, value string) {
	d.begin(name)
	d.escape(value)
	d.end()
}

// optional writes an element unless it is empty.
func (d *xmlDoc) optional(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *xmlDoc) number(name string, n int64) { d.text(name, strconv.FormatInt(n, 10)) }

func (d *xmlDoc) boolean(name string, b bool) { d.text(name, strconv.FormatBool(b)) }

func (d *xmlDoc) time(name string, t time.Time) {
	d.text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

func (d *xmlDoc) etag(value string) { d.text("ETag", `"`+value+`"`) }

func (d *xmlDoc) escape(s string) {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || strings.ContainsRune(`&<>"`, r) }) {
		d.buf.WriteString(s)
		return
	}
	for _, r := range s {
		switch {
		case r == '&':
			d.buf.WriteString("&amp;")
		case r == '<':
			d.buf.WriteString("&lt;")
		case r == '>':
			d.buf.WriteString("&gt;")
		case r == '"':
			d.buf.WriteString("&quot;")
		case r < ' ':
			fmt.Fprintf(&d.buf, "&#x%x;", r)
		default:
			d.buf.WriteRune(r)
		}
	}
}

// bytes closes all that is open.
func (d *xmlDoc) bytes() []byte {
	for len(d.open) > 0 {
		d.end()
	}
	return d.buf.Bytes()
}

// maxXML is more than the longest body S3 takes needs: 10,000 parts with
// their checksums.
const maxXML = 8 << 20

// readXML reads a request's XML body into v.
func (q *request) readXML(v any) error {
	body, err := q.readAll(maxXML)
	if err != nil {
		return err
	}
	return parseXML(body, v)
}

// parseXML reads one document, with nothing after it.
func parseXML(body []byte, v any) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	if d.Decode(v) != nil {
		return errMalformedXML()
	}
	for {
		switch t, err := d.Token(); t := t.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errMalformedXML()
			}
		default:
			if err != io.EOF {
				return errMalformedXML()
			}
			return nil
		}
	}
}

// writeXML answers with d.
func (q *request) writeXML(status int, d *xmlDoc) { q.writeXMLBytes(status, d.bytes()) }

func (q *request) writeXMLBytes(status int, body []byte) {
	h := q.w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	q.w.WriteHeader(status)
	if q.r.Method != http.MethodHead {
		// A client that is gone needs no answer.
		_, _ = q.w.Write(body)
	}
}
