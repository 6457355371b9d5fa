package stack

import (
	"maps"
	"slices"
)

// operations are the S3 and SQS operations that s3grouper and s3bundler -q
// make, with the IAM actions each needs. Sources: "Required permissions for
// Amazon S3 API operations" in the S3 User Guide, "Amazon SQS API permissions"
// in the SQS Developer Guide.
func operations() map[string][]string {
	return map[string][]string{
		// A GET that names a version needs the version's own action.
		"GetObject":               {"s3:GetObject", "s3:GetObjectVersion"},
		"HeadObject":              {"s3:GetObject", "s3:GetObjectVersion"},
		"GetObjectTagging":        {"s3:GetObjectTagging", "s3:GetObjectVersionTagging"},
		"ListObjectsV2":           {"s3:ListBucket"},
		"PutObject":               {"s3:PutObject"},
		"CopyObject":              {"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"},
		"CreateMultipartUpload":   {"s3:PutObject", "s3:PutObjectTagging"},
		"UploadPart":              {"s3:PutObject"},
		"UploadPartCopy":          {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"},
		"CompleteMultipartUpload": {"s3:PutObject"},
		"AbortMultipartUpload":    {"s3:AbortMultipartUpload"},
		"GetQueueUrl":             {"sqs:GetQueueUrl"},
		"GetQueueAttributes":      {"sqs:GetQueueAttributes"},
		"ReceiveMessage":          {"sqs:ReceiveMessage"},
		"ChangeMessageVisibility": {"sqs:ChangeMessageVisibility"},
		"DeleteMessage":           {"sqs:DeleteMessage"},
	}
}

// unusedActions are in the role though no program makes their operation, each
// with its reason.
func unusedActions() map[string]string {
	return map[string]string{
		"s3:ListMultipartUploadParts": "S3 advises to list the parts after an abort, since a part in flight may survive it",
	}
}

// ActionsFor returns the IAM actions that an S3 or SQS operation of the task
// programs needs, by the operation's name in the AWS API. ok is false for an
// operation that they do not make: the task role would refuse it.
func ActionsFor(operation string) (actions []string, ok bool) {
	actions, ok = operations()[operation]
	return actions, ok
}

// Operations returns the S3 and SQS operations that the task role is made
// for, sorted.
func Operations() []string { return slices.Sorted(maps.Keys(operations())) }

// TaskRoleActions returns the S3 and SQS actions that the task role allows,
// sorted. KMS actions, which S3 uses on the role's behalf, are not among them.
func TaskRoleActions() []string {
	var all []string
	for _, s := range taskStatements() {
		all = append(all, s.actions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
