package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// stub is a running stub S3.
type stub struct {
	url string
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// requests are what a stub counts: see its Counts.
type requests struct {
	Gets  int64         `json:"gets"`
	Puts  int64         `json:"puts"`
	Lists int64         `json:"lists"`
	Bytes int64         `json:"bytes"`
	CPU   time.Duration `json:"cpu"`
}

// startStub starts a stub whose answers begin after firstByte. text is the
// file that text objects are made of, or empty.
func startStub(program string, firstByte time.Duration, text string) (*stub, error) {
	s := &stub{cmd: exec.Command(program, "-first-byte", firstByte.String(), "-text", text)}
	s.cmd.Stderr = os.Stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.url = line[:len(line)-1]
	return s, nil
}

// close ends the stub.
func (s *stub) close() error { return errors.Join(s.in.Close(), s.cmd.Wait()) }

// counts gives the requests since it was last asked.
func (s *stub) counts() (r requests, err error) {
	if _, err := io.WriteString(s.in, "counts\n"); err != nil {
		return r, err
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

// environment has a program take the stub for AWS.
func (s *stub) environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.url, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// prepare has the stub compute a bucket of generated objects.
func (s *stub) prepare(ctx context.Context, bucket string) error {
	return s.put(ctx, bucket, nil)
}

// put stores body at bucket/key.
func (s *stub) put(ctx context.Context, path string, body []byte) error {
	_, err := s.do(ctx, http.MethodPut, path, body, nil)
	return err
}

// size is that of the object at bucket/key.
func (s *stub) size(ctx context.Context, path string) (int64, error) {
	return s.do(ctx, http.MethodHead, path, nil, nil)
}

// save writes the object at bucket/key to w.
func (s *stub) save(ctx context.Context, path string, w io.Writer) error {
	_, err := s.do(ctx, http.MethodGet, path, nil, w)
	return err
}

func (s *stub) do(ctx context.Context, method, path string, body []byte, w io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	if w != nil {
		_, err = io.Copy(w, res.Body)
	}
	return res.ContentLength, err
}
