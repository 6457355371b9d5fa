package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// isolate clears every AWS_ variable and points the SDK at files that are
// empty, so that a test sees only what it sets.
func isolate(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// profile writes the AWS configuration file.
func profile(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest"}
	with := func(more ...string) map[string]string {
		m := map[string]string{}
		for k, v := range keys {
			m[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for name, tt := range map[string]struct {
		settings Settings
		env      map[string]string
		profile  string
		region   string
		kind     fault.Kind
		message  string // part of the error
	}{
		"flag region":         {settings: Settings{Region: "eu-west-1"}, env: with("AWS_REGION", "us-west-2"), region: "eu-west-1"},
		"AWS_REGION":          {env: with("AWS_REGION", "us-west-2"), region: "us-west-2"},
		"profile region":      {env: with("AWS_PROFILE", "p"), profile: "[profile p]\nregion = eu-north-1\n", region: "eu-north-1"},
		"flag profile":        {settings: Settings{Profile: "q"}, env: with("AWS_PROFILE", "p"), profile: "[profile p]\nregion = eu-north-1\n[profile q]\nregion = eu-south-1\naws_access_key_id = a\naws_secret_access_key = b\n", region: "eu-south-1"},
		"endpoint flag":       {settings: Settings{EndpointURL: "http://127.0.0.1:9"}, env: keys, region: "us-east-1"},
		"endpoint of S3":      {env: with("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"), region: "us-east-1"},
		"endpoint of SQS":     {env: with("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9"), region: "us-east-1"},
		"endpoint in profile": {env: with("AWS_PROFILE", "p"), profile: "[profile p]\nendpoint_url = http://127.0.0.1:9\n", region: "us-east-1"},
		"no region":           {env: keys, kind: fault.Usage, message: "no region; set AWS_REGION"},
		"no profile":          {settings: Settings{Profile: "gone"}, env: keys, kind: fault.Usage, message: "gone"},
		"no credentials":      {settings: Settings{Region: "eu-west-1"}, kind: fault.API, message: "get AWS credentials: none in the environment"},
		"no URL":              {settings: Settings{EndpointURL: "localhost:9000"}, env: keys, kind: fault.Usage, message: "write --endpoint-url https://host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			profile(t, tt.profile)
			cfg, err := Load(t.Context(), tt.settings)
			if tt.message != "" {
				if err == nil || !strings.Contains(err.Error(), tt.message) || fault.KindOf(err) != tt.kind {
					t.Fatalf("error %v of kind %d; want %q of kind %d", err, fault.KindOf(err), tt.message, tt.kind)
				}
				return
			}
			if err != nil || cfg.Region() != tt.region {
				t.Fatalf("region %q, error %v; want %q", cfg.Region(), err, tt.region)
			}
		})
	}
}

func TestLoadEndsWithContext(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := Load(ctx, Settings{Region: "eu-west-1"}); !errors.Is(err, stop) {
		t.Fatalf("error %v; want the context's cause", err)
	}
}

// On an EC2 instance, region and credentials come from its metadata service.
func TestLoadOnAnInstance(t *testing.T) {
	isolate(t)
	answers := map[string]string{
		"PUT /latest/api/token":                                 "token",
		"GET /latest/dynamic/instance-identity/document":        `{"region":"eu-central-1"}`,
		"GET /latest/meta-data/iam/security-credentials/":       "worker",
		"GET /latest/meta-data/iam/security-credentials/worker": `{"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}`,
	}
	imds := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodPut {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		}
		io.WriteString(w, answer)
	})
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds)
	cfg, err := Load(t.Context(), Settings{})
	if err != nil || cfg.Region() != "eu-central-1" {
		t.Fatalf("region %q, error %v", cfg.Region(), err)
	}
	c, err := cfg.raw.Credentials.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "ASIA" || c.SessionToken != "t" {
		t.Errorf("credentials of %q, error %v", c.AccessKeyID, err)
	}
}

// Credentials that cannot be renewed while the program runs are no fault of
// the object that is asked for.
func TestCredentialsEnd(t *testing.T) {
	bothPaths(t, func(t *testing.T, settings Settings) {
		cfg := Config{raw: awssdk.Config{Region: "r", BaseEndpoint: str("http://127.0.0.1:1")}, settings: settings}
		cfg.raw.Credentials = credentials{awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
			return awssdk.Credentials{}, errors.New("role is gone")
		})}
		s := NewS3(cfg)
		t.Cleanup(s.Close)
		_, _, open := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{})
		_, head := s.Head(t.Context(), object.Object{Bucket: "b", Key: "k"})
		for op, err := range map[string]error{"GetObject": open, "HeadObject": head} {
			want := op + " s3://b/k: get AWS credentials: role is gone; " + hintCredentials
			if err == nil || err.Error() != want || fault.ReasonOf(err) != "" || fault.KindOf(err) != fault.Download {
				t.Errorf("%v of reason %q; want %s", err, fault.ReasonOf(err), want)
			}
		}
	})
}
