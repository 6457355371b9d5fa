package main

import (
	"net"
	"net/url"
	"strconv"
)

// answer answers the requests of one connection, one after the other.
type answer struct {
	request
	in  *reader
	s   *server
	out []byte
}

// do answers the request that was parsed. An error ends the connection.
func (a *answer) do() error {
	switch string(a.method) {
	case "GET", "HEAD":
		if a.length > 0 {
			return errRequest
		}
		if len(a.key) > 0 {
			a.s.gets.Add(1)
			return a.get()
		}
		a.s.lists.Add(1)
		if string(a.method) == "GET" {
			return a.list()
		}
	case "PUT":
		a.s.puts.Add(1)
		return a.put()
	case "POST":
		a.s.puts.Add(1)
		return a.post()
	case "DELETE":
		if id := a.argument("uploadId"); id != "" {
			a.s.kept.abort(id)
		}
		return a.send("HTTP/1.1 204 No Content\r\n\r\n")
	}
	return a.refuse("501 Not Implemented", "NotImplemented")
}

// get answers GET and HEAD.
func (a *answer) get() error {
	if s := a.s.source(a.bucket); s != nil {
		return a.generated(s, s.object(a.key))
	}
	if s := a.s.shelf(a.bucket); s != nil {
		return a.shelved(s)
	}
	o, ok := a.s.kept.get(a.name())
	if !ok {
		return a.refuse("404 Not Found", "NoSuchKey")
	}
	v := describe(o.etag, o.sum, o.size)
	if o.body == nil && string(a.method) == "GET" && o.size > 0 {
		return a.refuse("501 Not Implemented", "NotImplemented") // it is nowhere
	}
	return a.generated(&source{pool: o.body, size: o.size}, &v)
}

// generated answers with an object of s, or a range of it.
func (a *answer) generated(s *source, v *variant) error {
	head, from, n, err := a.head(v, s.size)
	if head == nil || err != nil {
		return err
	}
	if n == 0 {
		_, err = a.in.conn.Write(head)
		return err
	}
	vec := make(net.Buffers, 1, 4)
	vec[0] = head
	for piece := range s.bytes(v.start, from, n) {
		vec = append(vec, piece)
	}
	_, err = vec.WriteTo(a.in.conn)
	return err
}

// head gives the head of the answer with an object, or a range of it, and the
// bytes of the object that must follow: n from from on. If the object cannot
// be had, it answers so, and gives none.
func (a *answer) head(v *variant, size int64) (head []byte, from, n int64, err error) {
	if a.ifMatch != nil && string(a.ifMatch) != v.etag {
		return nil, 0, 0, a.refuse("412 Precondition Failed", "PreconditionFailed")
	}
	head, n = v.whole, size
	if a.rangeOf != nil {
		if a.from >= size {
			return nil, 0, 0, a.refuse("416 Requested Range Not Satisfiable", "InvalidRange")
		}
		to := size - 1
		if a.to >= 0 {
			to = min(to, a.to)
		}
		from, n = a.from, to-a.from+1
		head = append(append(a.out[:0], "HTTP/1.1 206 Partial Content\r\n"...), v.ranged...)
		head = strconv.AppendInt(append(head, "Content-Range: bytes "...), from, 10)
		head = strconv.AppendInt(append(head, '-'), to, 10)
		head = strconv.AppendInt(append(head, '/'), size, 10)
		head = strconv.AppendInt(append(head, "\r\nContent-Length: "...), n, 10)
		head = append(head, "\r\n\r\n"...)
		a.out = head[:0]
	}
	if string(a.method) == "HEAD" {
		n = 0
	}
	a.s.sent.Add(n)
	return head, from, n, nil
}

// put takes an object, a part of one, or a bucket, of which it computes all
// objects.
func (a *answer) put() error {
	if a.copySource {
		return a.refuse("501 Not Implemented", "NotImplemented")
	}
	if len(a.key) == 0 {
		a.s.source(a.bucket)
		a.s.shelf(a.bucket)
		return a.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
	o := stored{sum: string(a.sum), size: a.length}
	name, absent := a.name(), a.absent
	id, n := a.argument("uploadId"), a.argument("partNumber")
	if err := a.receive(&o); err != nil { // a's fields may be gone after it
		return err
	}
	ok := false
	if id != "" {
		number, err := strconv.ParseInt(n, 10, 64)
		if err == nil && number > 0 {
			o, ok = a.s.kept.part(id, number, o)
		}
		if !ok {
			return a.refuse("404 Not Found", "NoSuchUpload")
		}
	} else if o, ok = a.s.kept.put(name, o, absent); !ok {
		return a.refuse("412 Precondition Failed", "PreconditionFailed")
	}
	head := "HTTP/1.1 200 OK\r\nx-amz-request-id: 4442587FB7D0A2F9\r\nETag: " + o.etag + "\r\nContent-Length: 0\r\n"
	if o.sum != "" {
		head += "x-amz-checksum-type: FULL_OBJECT\r\nx-amz-checksum-crc64nvme: " + o.sum + "\r\n"
	}
	return a.send(head + "\r\n")
}

// receive reads the body.
func (a *answer) receive(o *stored) error {
	if a.expect {
		if err := a.send("HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	if !keeps(string(a.bucket)) {
		return a.in.discard(a.length, a.s.room)
	}
	o.body = make([]byte, 0, a.length)
	return a.in.body(a.length, func(p []byte) { o.body = append(o.body, p...) })
}

// post begins or completes a multipart upload.
func (a *answer) post() error {
	name, sum, id := a.name(), string(a.sum), a.argument("uploadId")
	if err := a.in.discard(a.length, a.s.room); err != nil {
		return err
	}
	if id == "" {
		return a.xml("<InitiateMultipartUploadResult><UploadId>" + a.s.kept.create() + "</UploadId></InitiateMultipartUploadResult>")
	}
	o, ok := a.s.kept.complete(name, id, sum)
	if !ok {
		return a.refuse("404 Not Found", "NoSuchUpload")
	}
	text := "<CompleteMultipartUploadResult><ETag>" + o.etag + "</ETag>"
	if o.sum != "" {
		text += "<ChecksumCRC64NVME>" + o.sum + "</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>"
	}
	return a.xml(text + "</CompleteMultipartUploadResult>")
}

// name is bucket and key, decoded.
func (a *answer) name() string {
	name := string(a.bucket) + "/" + string(a.key)
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// argument is a value in the query.
func (a *answer) argument(name string) string {
	if len(a.query) == 0 {
		return ""
	}
	values, err := url.ParseQuery(string(a.query))
	if err != nil {
		return ""
	}
	return values.Get(name)
}

func (a *answer) xml(body string) error {
	return a.send("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

func (a *answer) refuse(status, code string) error {
	body := "<Error><Code>" + code + "</Code><Message>" + code + "</Message></Error>"
	if string(a.method) == "HEAD" {
		body = ""
	}
	return a.send("HTTP/1.1 " + status + "\r\nContent-Type: application/xml\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

func (a *answer) send(text string) error {
	a.out = append(a.out[:0], text...)
	_, err := a.in.conn.Write(a.out)
	return err
}
