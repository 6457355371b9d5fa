// Package aws implements the program's interfaces to S3, SQS and ECS. It is
// the only importer of the AWS SDK, and nothing of the SDK leaves it.
package aws

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"s3bundler/internal/fault"
)

// Settings are what a person says about AWS on the command line. What is left
// empty comes from where the AWS CLI takes it: AWS_REGION, AWS_PROFILE,
// AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 (_SQS, _ECS), the files under ~/.aws,
// and the container or instance the program runs in.
type Settings struct {
	Region  string
	Profile string
	// EndpointURL replaces the endpoint of every service.
	EndpointURL string
	// RequesterPays agrees to be charged for requests on Requester Pays
	// buckets.
	RequesterPays bool
	// VirtualHosts puts the bucket into the host name also under a custom
	// endpoint, where it goes into the path otherwise.
	VirtualHosts bool
	// SDKGet sends GETs through the SDK's client instead of this package's
	// own path, to compare the two.
	SDKGet bool
	// GetsInFlight is how many GETs the caller may have under way at once; as
	// many connections are kept. Zero means 512.
	GetsInFlight int
}

// Config is where to find AWS and who asks. It is safe for concurrent use.
type Config struct {
	raw      awssdk.Config
	settings Settings
}

// fallbackRegion is what requests to a custom endpoint are signed for if no
// region is named.
const fallbackRegion = "us-east-1"

// Load finds region, endpoints and credentials, and gets credentials once, so
// that a run without any ends before it begins.
func Load(ctx context.Context, s Settings) (Config, error) {
	if err := checkEndpoint(s.EndpointURL); err != nil {
		return Config{}, err
	}
	opts := []func(*config.LoadOptions) error{
		// What the SDK would write to standard error is in the errors.
		config.WithLogger(logging.Nop{}),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(tuneAPI)),
	}
	if s.Region != "" {
		opts = append(opts, config.WithRegion(s.Region))
	}
	if s.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(s.Profile))
	}
	if s.EndpointURL != "" {
		opts = append(opts, config.WithBaseEndpoint(s.EndpointURL))
	}
	raw, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		if ctx.Err() != nil {
			return Config{}, context.Cause(ctx)
		}
		return Config{}, fault.New(fault.Usage, "load AWS configuration", "", err,
			"check AWS_PROFILE, --profile and the files under ~/.aws")
	}
	if raw.Region == "" {
		if raw.Region, err = region(ctx, raw); err != nil {
			return Config{}, err
		}
	}
	if err := retrieve(ctx, raw.Credentials); err != nil {
		return Config{}, err
	}
	raw.Credentials = credentials{raw.Credentials}
	if b, ok := raw.HTTPClient.(*awshttp.BuildableClient); ok {
		// What all clients share must be one that can be told to end its idle
		// connections; the SDK's own cannot.
		raw.HTTPClient = &http.Client{Transport: b.GetTransport(), CheckRedirect: noRedirect}
	}
	if raw.RetryMode == "" {
		raw.RetryMode = awssdk.RetryModeStandard
	}
	if raw.RetryMaxAttempts == 0 {
		raw.RetryMaxAttempts = maxAttempts
	}
	return Config{raw: raw, settings: s}, nil
}

// Region is the region that requests go to, unless a bucket is known to lie in
// another one.
func (c Config) Region() string { return c.raw.Region }

// sdk gives the SDK's configuration, for the clients in this package. Each
// NewFromConfig finds its service's endpoint in it.
func (c Config) sdk() awssdk.Config { return c.raw.Copy() }

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("it must begin with http:// or https:// and name a host")
	}
	if err != nil {
		return fault.New(fault.Usage, "use endpoint", endpoint, err, "write --endpoint-url https://host:port")
	}
	return nil
}

// region settles the region where neither flag, environment nor profile names
// one: any will do for a custom endpoint; on EC2 it is the instance's own.
func region(ctx context.Context, raw awssdk.Config) (string, error) {
	if customEndpoint(ctx, raw) {
		return fallbackRegion, nil
	}
	ctx, cancel := context.WithTimeout(ctx, regionTimeout)
	defer cancel()
	if r, err := instanceRegion(ctx, raw); err == nil && r != "" {
		return r, nil
	}
	return "", fault.New(fault.Usage, "load AWS configuration", "", errors.New("no region"),
		"set AWS_REGION, give --region, or write a region into the profile")
}

// customEndpoint reports whether any service has an endpoint that is not AWS's.
func customEndpoint(ctx context.Context, raw awssdk.Config) bool {
	if raw.BaseEndpoint != nil {
		return true
	}
	for _, source := range raw.ConfigSources {
		p, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
		})
		for _, id := range []string{"S3", "SQS", "ECS"} {
			if !ok {
				break
			}
			if _, found, err := p.GetServiceBaseEndpoint(ctx, id); found && err == nil {
				return true
			}
		}
	}
	return false
}

// noRedirect leaves redirects to S3's clients, who must sign anew.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
