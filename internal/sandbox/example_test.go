package sandbox_test

import (
	"fmt"
	"net/http"

	"s3bundler/internal/sandbox"
)

func Example() {
	s, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if err := s.CreateBucket("src", sandbox.BucketOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	etag, _, err := s.Plant("src", "logs/2 GiB", sandbox.Planted{
		Generated: &sandbox.Generated{Size: 2 << 30, Seed: 1}, // costs no memory
		ETag:      "00000000000000000000000000000000-256",     // or it is calculated
		Checksum:  "none",
	})
	fmt.Println(etag, err)

	// Every third GET of a log is throttled.
	s.SetFaults(sandbox.Rule{Operation: "GetObject", Prefix: "logs/", Every: 3, Fault: sandbox.Fault{Kind: sandbox.SlowDown}})
	for range 3 {
		r, err := http.NewRequest(http.MethodGet, s.URL()+"/src/logs/2%20GiB", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		r.Header.Set("Range", "bytes=2000000000-2000000009")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.Status)
		_ = resp.Body.Close()
	}
	fmt.Println(s.Stats().Requests, s.Stats().Faults)
	// Output:
	// 00000000000000000000000000000000-256 <nil>
	// 206 Partial Content
	// 206 Partial Content
	// 503 Service Unavailable
	// map[GetObject:3] map[SlowDown:1]
}
