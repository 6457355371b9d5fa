package sandbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkGet is what the sandbox itself costs, without a network.
func BenchmarkGet(b *testing.B) {
	s, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateBucket("src", BucketOptions{}); err != nil {
		b.Fatal(err)
	}
	for name, p := range map[string]Planted{"memory": {Body: make([]byte, 10<<10)}, "generated": {Generated: &Generated{Size: 10 << 10}}} {
		if _, _, err := s.Plant("src", name, p); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "/src/"+name, nil)
			r.Header.Set("x-amz-checksum-mode", "ENABLED")
			for b.Loop() {
				s.ServeHTTP(discardResponse{http.Header{}}, r)
			}
		})
	}
}

type discardResponse struct{ header http.Header }

func (d discardResponse) Header() http.Header         { return d.header }
func (d discardResponse) Write(b []byte) (int, error) { return len(b), nil }
func (d discardResponse) WriteHeader(int)             {}

// BenchmarkHTTP has 32 GETs of 10 KiB in flight, client and server in one
// process.
func BenchmarkHTTP(b *testing.B) {
	s, err := Start(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateBucket("src", BucketOptions{}); err != nil {
		b.Fatal(err)
	}
	if _, _, err := s.Plant("src", "k", Planted{Generated: &Generated{Size: 10 << 10}}); err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	defer client.CloseIdleConnections()
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			resp, err := client.Get(s.URL() + "/src/k")
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				b.Error(err)
			}
			_ = resp.Body.Close()
		}
	})
}
