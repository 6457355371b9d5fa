package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Credential is what belongs to an access key ID.
type Credential struct {
	SecretAccessKey string
	// SessionToken makes the credential a temporary one: requests must carry
	// the token.
	SessionToken string
	// Expires is when a temporary credential ends; zero means never.
	Expires time.Time
}

// SetCredentials replaces Options.Credentials. Nil lets everyone in.
func (s *Server) SetCredentials(byAccessKey map[string]Credential) { s.secrets.Store(&byAccessKey) }

// maxSkew is how far a client's clock may be off.
const maxSkew = 15 * time.Minute

// authenticate checks the request's signature if credentials are configured.
// service is that of the scope, s3 or sqs.
func (q *request) authenticate(service string) error {
	secrets := *q.s.secrets.Load()
	if len(secrets) == 0 {
		return nil
	}
	header := q.r.Header.Get("Authorization")
	if header == "" {
		return fail("AccessDenied", "Access Denied")
	}
	a, err := parseAuthorization(header)
	if err != nil {
		return err
	}
	if a.service != service {
		return fail("AuthorizationHeaderMalformed", "The authorization header is malformed; incorrect service \""+a.service+
			"\". This endpoint belongs to \""+service+"\".")
	}
	credential, ok := secrets[a.accessKey]
	if !ok {
		return fail("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.",
			field{"AWSAccessKeyId", a.accessKey})
	}
	signed, err := time.Parse("20060102T150405Z", q.r.Header.Get("X-Amz-Date"))
	if err != nil || signed.Format("20060102") != a.date {
		return fail("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	now := q.s.opt.Now()
	if skew := now.Sub(signed); skew > maxSkew || skew < -maxSkew {
		return fail("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
			field{"RequestTime", q.r.Header.Get("X-Amz-Date")}, field{"ServerTime", now.UTC().Format(time.RFC3339)},
			field{"MaxAllowedSkewMilliseconds", fmt.Sprint(maxSkew.Milliseconds())})
	}
	if err := credential.admits(q.r.Header.Get("X-Amz-Security-Token"), now); err != nil {
		return err
	}
	payload := q.r.Header.Get("X-Amz-Content-Sha256")
	if service == "s3" {
		if payload == "" {
			return fail("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
		}
	} else if payload, err = q.hashPayload(); err != nil {
		return err
	}
	canonical := canonicalRequest(q.r, a.signedHeaders, payload)
	q.signer = newSigner(credential.SecretAccessKey, a, q.r.Header.Get("X-Amz-Date"))
	if q.signer.sign("AWS4-HMAC-SHA256", hexSHA256(canonical)) != a.signature {
		return fail("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you"+
			" provided. Check your key and signing method.", field{"AWSAccessKeyId", a.accessKey},
			field{"SignatureProvided", a.signature}, field{"CanonicalRequest", canonical})
	}
	q.signer.previous = a.signature
	return nil
}

// admits checks the session token that came with a request.
func (c Credential) admits(token string, now time.Time) error {
	switch {
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return fail("ExpiredToken", "The provided token has expired.", field{"Token-0", token})
	case c.SessionToken != token:
		return fail("InvalidToken", "The provided token is malformed or otherwise invalid.", field{"Token-0", token})
	}
	return nil
}

// authorization is a parsed Authorization header.
type authorization struct {
	accessKey, date, region, service string
	signedHeaders                    []string
	signature                        string
}

// parseAuthorization reads a Signature Version 4 header.
func parseAuthorization(header string) (a authorization, err error) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256")
	if !ok {
		return a, errArgument("Unsupported Authorization Type", "Authorization", header)
	}
	malformed := fail("AuthorizationHeaderMalformed", "The authorization header is malformed; it must have Credential, SignedHeaders and Signature.")
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			f := strings.Split(value, "/")
			if len(f) < 5 || f[len(f)-1] != "aws4_request" {
				return a, malformed
			}
			// Only the access key may hold slashes.
			n := len(f) - 4
			a.accessKey, a.date, a.region, a.service = strings.Join(f[:n], "/"), f[n], f[n+1], f[n+2]
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	if a.accessKey == "" || a.signature == "" || len(a.signedHeaders) == 0 {
		return a, malformed
	}
	return a, nil
}

// hashPayload reads a short body to hash it, and leaves it to be read again.
func (q *request) hashPayload() (string, error) {
	body, err := io.ReadAll(io.LimitReader(q.r.Body, maxXML))
	if err != nil {
		return "", bodyError(err)
	}
	q.r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// checkRegion refuses requests signed for a region that the bucket is known
// not to be in, as S3 does.
func (q *request) checkRegion() error {
	b, err := q.s.bucket(q.bucket)
	if err != nil || b.region == "" {
		return nil
	}
	region := q.s.opt.Region
	if header := q.r.Header.Get("Authorization"); header != "" {
		a, err := parseAuthorization(header)
		if err != nil {
			return err
		}
		region = a.region
	}
	if region == b.region || q.op == "GetBucketLocation" {
		return nil
	}
	e := fail("AuthorizationHeaderMalformed", fmt.Sprintf("The authorization header is malformed; the region '%s' is wrong; expecting '%s'",
		region, b.region), field{"Region", b.region})
	if region == q.s.opt.Region {
		e = fail("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint."+
			" Please send all future requests to this endpoint.", field{"Endpoint", b.name + ".s3." + b.region + ".amazonaws.com"},
			field{"Bucket", b.name})
	}
	e.header = []field{{"x-amz-bucket-region", b.region}}
	return e
}

// checkPayer refuses requests on a Requester Pays bucket that do not agree to
// pay. See "Using Requester Pays buckets" in the S3 User Guide.
func (q *request) checkPayer() error {
	b, err := q.s.bucket(q.bucket)
	if err != nil || !b.requesterPays {
		return nil
	}
	if q.r.Header.Get("X-Amz-Request-Payer") != "requester" {
		return fail("AccessDenied", "Access Denied")
	}
	q.w.Header().Set("X-Amz-Request-Charged", "requester")
	return nil
}
