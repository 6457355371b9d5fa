package aws

import (
	"net/http"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/store"
)

// Hints, each on what to do.
const (
	hintThrottled = "the service asks for fewer requests: lower the concurrency, or spread the load over more prefixes or time"
	hintClock     = "set this machine's clock"
	hintBucket    = "check the bucket's name and the account"
	hintKey       = "check the key: there may have been such an object, and be none any more"
	hintOddKey    = "look at the key: the service takes no such one"
	hintRefused   = "check --endpoint-url, the region and the credentials"
	hintDamaged   = "the bytes were damaged on their way: check the network and proxies"
	hintExpired   = "renew the session, for instance by aws sso login"
)

// verdict is what an answer means for the program.
type verdict struct {
	reason    fault.Reason
	throttled bool
	// stranger asks for the hint that it is not the service that answers.
	stranger bool
	hint     string
	// is is the sentinel of package store that the error must wrap. ErrDenied
	// asks for the hint that names the IAM action.
	is error
}

// judge reads an answer. The codes are those of "Error responses" in the S3
// API reference and of the SQS and ECS API references.
func judge(a answer) verdict {
	switch a.code {
	case "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
		"RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "BandwidthLimitExceeded":
		return verdict{reason: fault.Retry, throttled: true, hint: hintThrottled}
	case "RequestTimeout", "RequestTimeoutException", "InternalError", "OperationAborted",
		"ConditionalRequestConflict", "IncompleteBody":
		return verdict{reason: fault.Retry}
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch":
		return verdict{reason: fault.Retry, hint: hintDamaged}
	case "NoSuchKey", "NoSuchVersion", "KeyTooLongError":
		return verdict{reason: fault.NoSuchKey, hint: hintKey}
	case "InvalidURI":
		return verdict{reason: fault.BadRow, hint: hintOddKey}
	case "NoSuchBucket", "InvalidBucketName":
		return verdict{is: store.ErrNoBucket, hint: hintBucket}
	case "InvalidObjectState":
		return verdict{reason: fault.Glacier, hint: "restore the object first"}
	case "PreconditionFailed":
		return verdict{reason: fault.Changed}
	case "InvalidRange":
		return verdict{is: store.ErrRange}
	case "AccessDenied", "AllAccessDisabled", "AccessDeniedException":
		return verdict{reason: fault.AccessDenied, is: store.ErrDenied}
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId",
		"UnrecognizedClientException", "IncompleteSignature", "MissingAuthenticationToken", "InvalidSecurity", "NotSignedUp":
		return verdict{hint: "check the credentials: " + hintCredentials}
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return verdict{hint: hintExpired}
	case "RequestTimeTooSkewed", "RequestExpired":
		return verdict{hint: hintClock}
	case "PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return verdict{hint: regionHint(a)}
	case "InvalidArgument":
		// The answer to a version ID that S3 cannot have given.
		if strings.Contains(strings.ToLower(a.message), "version id") {
			return verdict{reason: fault.NoSuchKey}
		}
	case "InvalidRequest":
		// The answer to a read, without the key, of an object encrypted with
		// a customer's own key (SSE-C).
		if strings.Contains(a.message, "Server Side Encryption") {
			return verdict{reason: fault.AccessDenied, hint: "the object is encrypted with a key that its owner keeps (SSE-C)"}
		}
	}
	if strings.HasPrefix(a.code, "KMS.") {
		return verdict{reason: fault.AccessDenied, hint: "check the KMS key that encrypts the object"}
	}
	return judgeStatus(a)
}

// judgeStatus reads an answer by its status alone: HEAD gets no error body,
// and servers other than AWS's have codes of their own. Any other request that
// is refused without a code has met a proxy, a firewall or the like, which
// knows nothing of the object.
func judgeStatus(a answer) verdict {
	switch a.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return verdict{reason: fault.Retry, throttled: true, hint: hintThrottled}
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return verdict{reason: fault.Retry}
	case http.StatusPreconditionFailed:
		return verdict{reason: fault.Changed}
	case http.StatusRequestedRangeNotSatisfiable:
		return verdict{is: store.ErrRange}
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return verdict{hint: regionHint(a)}
	case http.StatusMethodNotAllowed:
		if a.deleteMarker {
			return verdict{reason: fault.NoSuchKey}
		}
	case http.StatusForbidden:
		if a.code == "" && !a.head {
			return verdict{reason: fault.Retry, stranger: true}
		}
		return verdict{reason: fault.AccessDenied, is: store.ErrDenied}
	case http.StatusNotFound:
		switch {
		case a.code != "":
		case a.head:
			return verdict{reason: fault.NoSuchKey, hint: hintKey}
		default:
			return verdict{reason: fault.Retry, stranger: true}
		}
	case http.StatusBadRequest:
		if a.code == "" && a.region != "" {
			return verdict{hint: regionHint(a)}
		}
		return verdict{hint: hintRefused}
	}
	return verdict{}
}

func regionHint(a answer) string {
	if a.region == "" {
		return "give the bucket's region by --region or AWS_REGION"
	}
	return "the bucket lies in " + a.region + ": give --region " + a.region
}

// strangerHint is for what a service does not say.
func strangerHint(service string) string {
	return "it is not " + strings.ToUpper(service) + " that answers: check --endpoint-url and proxies"
}

func deniedHint(c call) string {
	action := c.action
	if action == "" {
		action = c.op
	}
	return "allow " + c.service + ":" + action + " in the caller's IAM policy and in the resource's own policy"
}
