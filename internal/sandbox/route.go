package sandbox

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// handlerFunc serves one operation. An error becomes the answer's error body;
// it must be returned before anything was written.
type handlerFunc func(*Server, *request) error

// routes are the operations by S3's names for them.
func routes() map[string]handlerFunc {
	return map[string]handlerFunc{
		"ListBuckets":                        (*Server).listBuckets,
		"CreateBucket":                       (*Server).createBucket,
		"DeleteBucket":                       (*Server).deleteBucket,
		"HeadBucket":                         (*Server).headBucket,
		"GetBucketLocation":                  (*Server).getBucketLocation,
		"GetBucketVersioning":                (*Server).getBucketVersioning,
		"PutBucketVersioning":                (*Server).putBucketVersioning,
		"PutBucketInventoryConfiguration":    (*Server).putInventory,
		"GetBucketInventoryConfiguration":    (*Server).getInventory,
		"DeleteBucketInventoryConfiguration": (*Server).deleteInventory,
		"ListObjects":                        (*Server).listObjects,
		"ListObjectsV2":                      (*Server).listObjects,
		"ListObjectVersions":                 (*Server).listObjectVersions,
		"GetObject":                          (*Server).getObject,
		"HeadObject":                         (*Server).getObject,
		"PutObject":                          (*Server).putObject,
		"CopyObject":                         (*Server).copyObject,
		"DeleteObject":                       (*Server).deleteObject,
		"DeleteObjects":                      (*Server).deleteObjects,
		"GetObjectTagging":                   (*Server).getObjectTagging,
		"PutObjectTagging":                   (*Server).putObjectTagging,
		"DeleteObjectTagging":                (*Server).deleteObjectTagging,
		"RestoreObject":                      (*Server).restoreObject,
		"CreateMultipartUpload":              (*Server).createMultipartUpload,
		"UploadPart":                         (*Server).uploadPart,
		"UploadPartCopy":                     (*Server).uploadPartCopy,
		"CompleteMultipartUpload":            (*Server).completeMultipartUpload,
		"AbortMultipartUpload":               (*Server).abortMultipartUpload,
		"ListParts":                          (*Server).listParts,
		"ListMultipartUploads":               (*Server).listMultipartUploads,
	}
}

// subresources are the query parameters that select an operation S3 has and
// the sandbox has not.
const subresources = " acl accelerate analytics attributes cors encryption intelligent-tiering inventory legal-hold" +
	" lifecycle logging metrics notification object-lock ownershipControls partNumber policy policyStatus" +
	" publicAccessBlock renameObject replication requestPayment retention select torrent website "

// operationOf names what a request asks for; empty if S3 has no such method
// there, "NotImplemented" if the sandbox lacks it.
func operationOf(r *http.Request, bucket, key string, query url.Values) string {
	switch op := selectOperation(r, bucket, key, query); op {
	case "ListObjects", "ListObjectsV2", "CreateBucket", "DeleteBucket", "GetObject", "HeadObject", "PutObject", "DeleteObject":
		for name := range query {
			if strings.Contains(subresources, " "+name+" ") {
				return "NotImplemented"
			}
		}
		return op
	default:
		return op
	}
}

func selectOperation(r *http.Request, bucket, key string, query url.Values) string {
	switch {
	case bucket == "":
		if r.Method == http.MethodGet {
			return "ListBuckets"
		}
		return ""
	case key == "":
		return bucketOperation(r.Method, query)
	}
	copies := r.Header.Get("X-Amz-Copy-Source") != ""
	switch r.Method {
	case http.MethodGet:
		switch {
		case query.Has("tagging"):
			return "GetObjectTagging"
		case query.Has("uploadId"):
			return "ListParts"
		}
		return "GetObject"
	case http.MethodHead:
		return "HeadObject"
	case http.MethodPut:
		switch {
		case query.Has("tagging"):
			return "PutObjectTagging"
		case query.Has("uploadId") && copies:
			return "UploadPartCopy"
		case query.Has("uploadId"):
			return "UploadPart"
		case copies:
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodPost:
		switch {
		case query.Has("uploads"):
			return "CreateMultipartUpload"
		case query.Has("uploadId"):
			return "CompleteMultipartUpload"
		case query.Has("restore"):
			return "RestoreObject"
		}
	case http.MethodDelete:
		switch {
		case query.Has("tagging"):
			return "DeleteObjectTagging"
		case query.Has("uploadId"):
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	}
	return ""
}

func bucketOperation(method string, query url.Values) string {
	if query.Has("inventory") && query.Has("id") {
		switch method {
		case http.MethodGet:
			return "GetBucketInventoryConfiguration"
		case http.MethodPut:
			return "PutBucketInventoryConfiguration"
		case http.MethodDelete:
			return "DeleteBucketInventoryConfiguration"
		}
	}
	switch method {
	case http.MethodGet:
		switch {
		case query.Has("location"):
			return "GetBucketLocation"
		case query.Has("versioning"):
			return "GetBucketVersioning"
		case query.Has("versions"):
			return "ListObjectVersions"
		case query.Has("uploads"):
			return "ListMultipartUploads"
		case query.Get("list-type") == "2":
			return "ListObjectsV2"
		}
		return "ListObjects"
	case http.MethodPut:
		if query.Has("versioning") {
			return "PutBucketVersioning"
		}
		return "CreateBucket"
	case http.MethodHead:
		return "HeadBucket"
	case http.MethodDelete:
		return "DeleteBucket"
	case http.MethodPost:
		if query.Has("delete") {
			return "DeleteObjects"
		}
	}
	return ""
}

// place splits a request's address into bucket and key: virtual-host style
// where the host names a bucket, path style elsewhere.
func place(host, path string) (bucket, key string) {
	path = strings.TrimPrefix(path, "/")
	if b := hostBucket(host); b != "" {
		return b, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// hostBucket finds the bucket in bucket.localhost, bucket.s3.localhost and
// bucket.s3[-.]region.amazonaws.com; empty for any other host.
func hostBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	name, ok := strings.CutSuffix(host, ".localhost")
	if ok {
		name, _ = strings.CutSuffix(name, ".s3")
		if name == "s3" {
			return ""
		}
		return name
	}
	name, ok = strings.CutSuffix(strings.TrimSuffix(host, ".cn"), ".amazonaws.com")
	if !ok {
		return ""
	}
	// The service's label is the last that starts with s3: a bucket may have
	// labels of its own.
	for end := len(name); end > 0; {
		dot := strings.LastIndexByte(name[:end], '.')
		label := name[dot+1 : end]
		if label == "s3" || strings.HasPrefix(label, "s3-") {
			return name[:max(dot, 0)]
		}
		end = dot
	}
	return ""
}
