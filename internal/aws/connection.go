package aws

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"s3bundler/internal/fault"
	"s3bundler/internal/store"
)

// sendError is the failure of a GET without an answer.
type sendError struct{ err error }

func (e *sendError) Error() string { return e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// judgeConnection says what the failure of a call without an answer means.
func judgeConnection(err error) verdict {
	var (
		dns        *net.DNSError
		credential *credentialsError
		own        *sendError
		sdk        *smithyhttp.RequestSendError
		network    net.Error
	)
	switch {
	case errors.Is(err, store.ErrRange):
		return verdict{}
	case errors.As(err, &credential):
		return verdict{hint: hintCredentials}
	case errors.As(err, &dns) && dns.IsNotFound:
		return verdict{hint: "check the region, the bucket's name and --endpoint-url"}
	case isTLS(err):
		return verdict{hint: "check --endpoint-url, the machine's clock and AWS_CA_BUNDLE"}
	case errors.As(err, &own), errors.As(err, &sdk), errors.As(err, &network), unreadable(err):
		return verdict{reason: fault.Retry, hint: "check the network and --endpoint-url"}
	}
	return verdict{}
}

// isTLS reports whether the two ends do not agree on TLS, which another attempt
// does not mend.
func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}

// unwrapped takes off an error what the clients and net/http wrap around it,
// which repeats the operation and the URL.
func unwrapped(err error) error {
	var (
		credential *credentialsError
		location   *url.Error
		operation  *smithy.OperationError
		unread     *smithy.DeserializationError
		answered   *awshttp.ResponseError
	)
	switch {
	case errors.As(err, &credential):
		return credential
	case errors.As(err, &location):
		return location.Err
	case errors.As(err, &unread):
		return fmt.Errorf("the answer cannot be read: %w", unread.Err)
	case errors.As(err, &answered):
		return fmt.Errorf("the answer cannot be read: %w", answered.Err)
	case errors.As(err, &operation):
		return operation.Err
	}
	return err
}
