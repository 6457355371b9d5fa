package aws

import (
	"context"
	"net/url"
	"strings"
	"sync/atomic"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"s3bundler/internal/http1"
)

// endpoint is where GETs from one bucket go, and what they are signed for.
type endpoint struct {
	scheme, host string
	// path stands before the slash of a key: empty where the bucket is in the
	// host name. It is escaped; plain is not.
	path, plain string
	// asked is the region it is the endpoint of.
	asked string
	// region and service are the scope of the signature.
	region, service string
	// foreign says that requests are not signed with Signature Version 4
	// alone (directory buckets, multi-region access points): the SDK's client
	// must send them.
	foreign bool
	// own is set if GETs need not go through the SDK's client.
	own bool
	// key is today's signing key.
	key atomic.Pointer[signingKey]
}

// resolve asks the SDK's resolver for the endpoint of a bucket: virtual-host or
// path style, dual-stack, FIPS, custom endpoints, the partition of the region.
func resolve(ctx context.Context, o s3.Options, bucket, region string) (*endpoint, error) {
	found, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket:                         &bucket,
		Region:                         &region,
		Endpoint:                       o.BaseEndpoint,
		UseFIPS:                        awssdk.Bool(o.EndpointOptions.UseFIPSEndpoint == awssdk.FIPSEndpointStateEnabled),
		UseDualStack:                   awssdk.Bool(o.EndpointOptions.UseDualStackEndpoint == awssdk.DualStackEndpointStateEnabled),
		ForcePathStyle:                 &o.UsePathStyle,
		Accelerate:                     &o.UseAccelerate,
		UseGlobalEndpoint:              awssdk.Bool(false),
		DisableMultiRegionAccessPoints: &o.DisableMultiRegionAccessPoints,
		UseArnRegion:                   &o.UseARNRegion,
		DisableS3ExpressSessionAuth:    o.DisableS3ExpressSessionAuth,
	})
	if err != nil {
		return nil, err
	}
	e := &endpoint{
		scheme:  found.URI.Scheme,
		host:    withoutDefaultPort(&found.URI),
		plain:   strings.TrimSuffix(found.URI.Path, "/"),
		region:  region,
		service: "s3",
	}
	e.path = string(appendPath(nil, e.plain))
	if options, _ := smithyauth.GetAuthOptions(&found.Properties); len(options) > 0 {
		// The resolver's first choice, by its own name for Signature Version 4.
		e.foreign = options[0].SchemeID != "sigv4"
		if r, ok := smithyhttp.GetSigV4SigningRegion(&options[0].SignerProperties); ok {
			e.region = r
		}
		if n, ok := smithyhttp.GetSigV4SigningName(&options[0].SignerProperties); ok {
			e.service = n
		}
	}
	e.foreign = e.foreign || len(found.Headers) > 0
	return e, nil
}

// origin is the server to connect to.
func (e *endpoint) origin() http1.Origin { return http1.Origin{Scheme: e.scheme, Host: e.host} }

// withoutDefaultPort gives the host as proxies and servers will see it when
// they check what was signed.
func withoutDefaultPort(u *url.URL) string {
	if p := u.Port(); p == "443" && u.Scheme == "https" || p == "80" && u.Scheme == "http" {
		return strings.TrimSuffix(u.Host, ":"+p)
	}
	return u.Host
}

// appendPath appends a path or key as Signature Version 4 and the request line
// both want it: every byte is escaped but letters, digits, "-", ".", "_", "~"
// and "/", and nothing is cleaned. See "Create a signed AWS API request" in the
// IAM User Guide.
func appendPath(dst []byte, key string) []byte {
	for i := 0; i < len(key); i++ {
		if c := key[i]; plain(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return dst
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '/' || c == '-' || c == '.' || c == '_' || c == '~'
}
