package aws

import (
	"encoding/xml"
	"io"
	"net/http"
)

// maxRefusal bounds what is read of an error's body.
const maxRefusal = 64 << 10

// refusal reads an answer that is an error, and its body to the end so that
// the connection can be used again. See "Error responses" in the S3 API
// reference.
func refusal(res *http.Response) answer {
	defer res.Body.Close()
	h := res.Header
	a := answer{
		status:       res.StatusCode,
		requestID:    first(h, "X-Amz-Request-Id"),
		region:       first(h, "X-Amz-Bucket-Region"),
		deleteMarker: first(h, "X-Amz-Delete-Marker") == "true",
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	if err != nil {
		return a
	}
	var e struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
		Region    string
	}
	if xml.Unmarshal(text, &e) != nil {
		return a
	}
	a.code, a.message = e.Code, e.Message
	if a.requestID == "" {
		a.requestID = e.RequestID
	}
	if a.region == "" {
		a.region = e.Region
	}
	return a
}
