package aws

import (
	"encoding/xml"
	"io"
	"net/http"
	"time"
)

// maxRefusal bounds what is read of an error's body.
const maxRefusal = 64 << 10

// refusal reads an answer that is an error, and its body to the end so that
// the connection can be used again. See "Error responses" in the S3 API
// reference. The error says that the body broke off: which refusal it is cannot
// be known then.
func refusal(res *http.Response) (answer, error) {
	defer res.Body.Close()
	h := res.Header
	serverTime, _ := http.ParseTime(first(h, "Date"))
	a := answer{
		status:       res.StatusCode,
		serverTime:   serverTime,
		requestID:    first(h, "X-Amz-Request-Id"),
		region:       first(h, "X-Amz-Bucket-Region"),
		deleteMarker: first(h, "X-Amz-Delete-Marker") == "true",
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	if err != nil {
		return a, &sendError{err}
	}
	var e struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
		Region    string
		// ServerTime comes with RequestTimeTooSkewed.
		ServerTime string
	}
	if xml.Unmarshal(text, &e) != nil {
		return a, nil
	}
	a.code, a.message = e.Code, e.Message
	if at, err := time.Parse(time.RFC3339, e.ServerTime); err == nil {
		a.serverTime = at
	}
	if a.requestID == "" {
		a.requestID = e.RequestID
	}
	if a.region == "" {
		a.region = e.Region
	}
	return a, nil
}
