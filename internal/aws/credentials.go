package aws

import (
	"context"
	"errors"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"

	"s3bundler/internal/fault"
)

// Bounds on the time that Load takes. The instance metadata service answers in
// milliseconds where there is one, and never where there is none.
const (
	credentialsTimeout = 60 * time.Second
	instanceTimeout    = 5 * time.Second
	regionTimeout      = 2 * time.Second
)

const hintCredentials = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or attach a role to the task or instance"

var errNoCredentials = errors.New("none in the environment, the profile, the container or the instance")

// retrieve gets credentials into their cache, to learn early that there are
// none.
func retrieve(ctx context.Context, p awssdk.CredentialsProvider) error {
	timeout := credentialsTimeout
	instance := awssdk.IsCredentialsProvider(p, (*ec2rolecreds.Provider)(nil))
	if instance {
		timeout = instanceTimeout
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := p.Retrieve(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case instance:
		// The cause is that of the last place looked in, the instance
		// metadata service, and says nothing to a person on a laptop.
		err = errNoCredentials
	}
	return fault.New(fault.API, "get AWS credentials", "", err, hintCredentials)
}

// credentials marks the failures of a cached provider, so that they can be told
// from those of the request that needed signing.
type credentials struct{ cache awssdk.CredentialsProvider }

// Retrieve gives the credentials in the cache and renews them when they are
// about to expire.
func (c credentials) Retrieve(ctx context.Context) (awssdk.Credentials, error) {
	v, err := c.cache.Retrieve(ctx)
	if err != nil {
		return v, &credentialsError{err}
	}
	return v, nil
}

// credentialsError says that credentials could not be renewed.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "get AWS credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }
