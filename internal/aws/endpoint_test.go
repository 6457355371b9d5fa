package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestResolve(t *testing.T) {
	type want struct {
		url             string // with the path before the key
		region, service string
		foreign         bool
	}
	for name, tt := range map[string]struct {
		bucket, region, endpoint string
		options                  func(*s3.Options)
		want                     want
	}{
		"virtual host": {bucket: "src1", region: "eu-west-1", want: want{"https://src1.s3.eu-west-1.amazonaws.com", "eu-west-1", "s3", false}},
		"us-east-1":    {bucket: "src1", region: "us-east-1", want: want{"https://src1.s3.us-east-1.amazonaws.com", "us-east-1", "s3", false}},
		"dotted name": {bucket: "a.b", region: "eu-west-1", want: want{
			"https://s3.eu-west-1.amazonaws.com/a.b", "eu-west-1", "s3", false,
		}},
		"China": {bucket: "src1", region: "cn-north-1", want: want{"https://src1.s3.cn-north-1.amazonaws.com.cn", "cn-north-1", "s3", false}},
		"dual-stack": {bucket: "src1", region: "eu-west-1", options: func(o *s3.Options) {
			o.EndpointOptions.UseDualStackEndpoint = awssdk.DualStackEndpointStateEnabled
		}, want: want{"https://src1.s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1", "s3", false}},
		"FIPS": {bucket: "src1", region: "us-gov-west-1", options: func(o *s3.Options) {
			o.EndpointOptions.UseFIPSEndpoint = awssdk.FIPSEndpointStateEnabled
		}, want: want{"https://src1.s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", "s3", false}},
		"custom, path": {bucket: "src1", region: "us-east-1", endpoint: "http://minio:9000", options: func(o *s3.Options) {
			o.UsePathStyle = true
		}, want: want{"http://minio:9000/src1", "us-east-1", "s3", false}},
		"custom under a path": {bucket: "src1", region: "us-east-1", endpoint: "https://ceph:443/a%20b/", options: func(o *s3.Options) {
			o.UsePathStyle = true
		}, want: want{"https://ceph/a%20b/src1", "us-east-1", "s3", false}},
		"custom, virtual host": {bucket: "src1", region: "us-east-1", endpoint: "http://minio:9000", want: want{
			"http://src1.minio:9000", "us-east-1", "s3", false,
		}},
		"directory bucket": {bucket: "x--use1-az4--x-s3", region: "us-east-1", want: want{
			"https://x--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "us-east-1", "s3express", true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var fs []func(*s3.Options)
			if tt.options != nil {
				fs = append(fs, tt.options)
			}
			client := s3.NewFromConfig(awssdk.Config{Region: tt.region, BaseEndpoint: str(tt.endpoint)}, fs...)
			e, err := resolve(t.Context(), client.Options(), tt.bucket, tt.region)
			if err != nil {
				t.Fatal(err)
			}
			got := want{e.scheme + "://" + e.host + e.path, e.region, e.service, e.foreign}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestLearnRegion(t *testing.T) {
	for name, tt := range map[string]struct {
		answer answer
		want   string // empty: nothing learned
	}{
		"redirect":      {answer{status: 301, code: "PermanentRedirect", region: "eu-west-1"}, "eu-west-1"},
		"HEAD":          {answer{status: 301, region: "eu-west-1"}, "eu-west-1"},
		"scope":         {answer{status: 400, code: "AuthorizationHeaderMalformed", region: "eu-west-1"}, "eu-west-1"},
		"scope in text": {answer{status: 400, code: "AuthorizationHeaderMalformed", message: "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"}, "eu-west-1"},
		"same region":   {answer{status: 301, code: "PermanentRedirect", region: "us-east-1"}, ""},
		"no region":     {answer{status: 301, code: "PermanentRedirect"}, ""},
		"other refusal": {answer{status: 403, code: "AccessDenied", region: "eu-west-1"}, ""},
		"other missing": {answer{status: 404, region: "eu-west-1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bucket{name: "b"}
			b.endpoint.Store(&endpoint{})
			learned := b.learn(tt.answer, "us-east-1")
			if learned != (tt.want != "") {
				t.Fatalf("learned: %t", learned)
			}
			if learned && (*b.region.Load() != tt.want || b.endpoint.Load() != nil) {
				t.Errorf("region %s, endpoint %v", *b.region.Load(), b.endpoint.Load())
			}
			if learned && !b.learn(tt.answer, "us-east-1") {
				t.Error("a request sent beside the first is not sent again")
			}
			if learned && b.learn(tt.answer, tt.want) {
				t.Error("the region that was asked is asked again")
			}
		})
	}
}
