package aws

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/crc64nvme"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

const (
	benchSize     = 10 << 10
	benchInFlight = 32
	// serveVariable makes the test binary serve objects instead of testing, so
	// that a benchmark's processor time is the client's alone.
	serveVariable = "S3BUNDLER_TEST_SERVE"
)

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		if err := serveObjects(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveObjects answers every GET as S3 answers one for an object of 10 KB, and
// takes every PUT, until its standard input ends.
func serveObjects() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	content := make([]byte, benchSize)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method == http.MethodPut {
			io.Copy(io.Discard, r.Body)
			h["Etag"] = []string{`"6f4f5b396c1a28734abd6756db5e5a00"`}
			return
		}
		h["X-Amz-Id-2"] = []string{"aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8="}
		h["X-Amz-Request-Id"] = []string{"4442587FB7D0A2F9"}
		h["Last-Modified"] = []string{"Thu, 30 Mar 2017 18:06:00 GMT"}
		h["Etag"] = []string{`"6f4f5b396c1a28734abd6756db5e5a00"`}
		h["X-Amz-Checksum-Crc64nvme"] = []string{"KJdqWZN8XV0="}
		h["X-Amz-Checksum-Type"] = []string{"FULL_OBJECT"}
		h["X-Amz-Server-Side-Encryption"] = []string{"AES256"}
		h["Accept-Ranges"] = []string{"bytes"}
		h["Content-Type"] = []string{"application/octet-stream"}
		h["Content-Length"] = []string{strconv.Itoa(benchSize)}
		w.Write(content)
	})}
	fmt.Println("http://" + ln.Addr().String())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		srv.Close()
	}()
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// startServing runs serveObjects in a process of its own.
func startServing(b *testing.B) (endpoint string) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return line[:len(line)-1]
}

// BenchmarkOpen compares Open with the SDK's client, and with loops of GETs
// over net/http that it cannot be expected to undercut. cpu-µs/op is what the
// process spends on one object of 10 KB.
func BenchmarkOpen(b *testing.B) {
	endpoint := startServing(b)
	b.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	b.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	b.Setenv("AWS_REGION", "us-east-1")
	open := func(settings Settings) func(ctx context.Context, n int64) (io.ReadCloser, error) {
		settings.EndpointURL = endpoint
		cfg, err := Load(b.Context(), settings)
		if err != nil {
			b.Fatal(err)
		}
		s := NewS3(cfg)
		b.Cleanup(s.Close)
		return func(ctx context.Context, n int64) (io.ReadCloser, error) {
			body, _, err := s.Open(ctx, object.Object{Bucket: "src1", Key: key(n)}, store.Range{})
			return body, err
		}
	}
	cfg, err := Load(b.Context(), Settings{EndpointURL: endpoint})
	if err != nil {
		b.Fatal(err)
	}
	tr := transportOf(cfg.raw.HTTPClient).Clone()
	tr.ReadBufferSize = 16 << 10
	b.Cleanup(tr.CloseIdleConnections)
	client := &http.Client{Transport: tr}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	plain := func(sign bool) func(ctx context.Context, n int64) (io.ReadCloser, error) {
		return func(ctx context.Context, n int64) (io.ReadCloser, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/src1/"+key(n), nil)
			if err != nil {
				return nil, err
			}
			if sign {
				c, err := cfg.raw.Credentials.Retrieve(ctx)
				if err != nil {
					return nil, err
				}
				req.Header.Set("X-Amz-Content-Sha256", emptyHash)
				if err := signer.SignHTTP(ctx, c, req, emptyHash, "s3", "us-east-1", time.Now()); err != nil {
					return nil, err
				}
			}
			res, err := client.Do(req)
			if err != nil {
				return nil, err
			}
			return res.Body, nil
		}
	}
	for _, bb := range []struct {
		name string
		get  func(ctx context.Context, n int64) (io.ReadCloser, error)
	}{
		{"own", open(Settings{})},
		{"sdk", open(Settings{SDKGet: true})},
		{"nethttp-signed-by-sdk", plain(true)},
		{"nethttp-unsigned", plain(false)},
	} {
		b.Run(bb.name, func(b *testing.B) { benchGets(b, bb.get) })
	}
}

// BenchmarkUploadPart compares UploadPart with a PUT over net/http that neither
// sums nor signs.
func BenchmarkUploadPart(b *testing.B) {
	endpoint := startServing(b)
	s := newS3(b, endpoint, Settings{})
	part := make([]byte, 16<<20)
	tr := transportOf(s.options.HTTPClient).Clone()
	b.Cleanup(tr.CloseIdleConnections)
	client := &http.Client{Transport: tr}
	for _, bb := range []struct {
		name string
		put  func() error
	}{
		{"own", func() error {
			_, err := s.UploadPart(b.Context(), object.Location{Bucket: "b", Key: "k"}, "u", 1, part, object.CRC64NVME(crc64nvme.Checksum(part)))
			return err
		}},
		{"nethttp", func() error {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPut, endpoint+"/b/k", bytes.NewReader(part))
			if err != nil {
				return err
			}
			res, err := client.Do(req)
			if err == nil {
				res.Body.Close()
			}
			return err
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(part)))
			before := cpuTime(b)
			for b.Loop() {
				if err := bb.put(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func key(n int64) string { return fmt.Sprintf("logs/%03d/obj-%06d.bin", n%1000, n) }

func benchGets(b *testing.B, get func(ctx context.Context, n int64) (io.ReadCloser, error)) {
	b.ReportAllocs()
	var next atomic.Int64
	var wg sync.WaitGroup
	before := cpuTime(b)
	b.ResetTimer()
	for range benchInFlight {
		wg.Go(func() {
			buf := make([]byte, benchSize)
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				body, err := get(b.Context(), n)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(body, buf); err != nil {
					b.Error(err)
				}
				body.Close()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
}

// cpuTime is what this process has used, in user and system mode.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
