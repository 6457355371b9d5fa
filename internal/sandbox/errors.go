package sandbox

import (
	"errors"
	"net/http"
)

// apiError is an error as S3 answers it. See "Error responses" in the S3 API
// Reference.
type apiError struct {
	code, message string
	// fields are elements of the body besides the usual ones.
	fields []field
	// header goes into the answer.
	header []field
}

// field is a name with its value: an XML element or a header.
type field struct{ Name, Value string }

func (e *apiError) Error() string { return e.code + ": " + e.message }

// fail makes an error with elements for its body.
func fail(code, message string, fields ...field) *apiError {
	return &apiError{code: code, message: message, fields: fields}
}

// status is the HTTP status S3 sends with the code.
func (e *apiError) status() int {
	switch e.code {
	case "NotModified":
		return http.StatusNotModified
	case "PermanentRedirect":
		return http.StatusMovedPermanently
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidObjectState":
		return http.StatusForbidden
	case "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NoSuchConfiguration":
		return http.StatusNotFound
	case "MethodNotAllowed":
		return http.StatusMethodNotAllowed
	case "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "RestoreAlreadyInProgress",
		"ConditionalRequestConflict":
		return http.StatusConflict
	case "MissingContentLength":
		return http.StatusLengthRequired
	case "PreconditionFailed":
		return http.StatusPreconditionFailed
	case "InvalidRange":
		return http.StatusRequestedRangeNotSatisfiable
	case "InternalError":
		return http.StatusInternalServerError
	case "NotImplemented":
		return http.StatusNotImplemented
	case "SlowDown", "ServiceUnavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// asAPIError makes an answer of any error.
func asAPIError(err error) *apiError {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	return fail("InternalError", "We encountered an internal error. Please try again. ("+err.Error()+")")
}

func errNoSuchBucket(name string) *apiError {
	return fail("NoSuchBucket", "The specified bucket does not exist", field{"BucketName", name})
}

func errNoSuchKey(key string) *apiError {
	return fail("NoSuchKey", "The specified key does not exist.", field{"Key", key})
}

func errNoSuchVersion(key, id string) *apiError {
	return fail("NoSuchVersion", "The specified version does not exist.", field{"Key", key}, field{"VersionId", id})
}

func errNoSuchUpload(id string) *apiError {
	return fail("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload"+
		" may have been aborted or completed.", field{"UploadId", id})
}

func errPrecondition(condition string) *apiError {
	return fail("PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
		field{"Condition", condition})
}

func errArchived(class string) *apiError {
	return fail("InvalidObjectState", "The operation is not valid for the object's storage class",
		field{"StorageClass", class})
}

func errMalformedXML() *apiError {
	return fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func errArgument(message, name, value string) *apiError {
	return fail("InvalidArgument", message, field{"ArgumentName", name}, field{"ArgumentValue", value})
}
