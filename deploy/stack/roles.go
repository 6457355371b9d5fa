package stack

import "github.com/awslabs/goformation/v7/cloudformation/iam"

// statement allows actions on resources.
type statement struct {
	sid      string
	actions  []string
	resource any
}

func (s statement) document() fn {
	return fn{"Sid": s.sid, "Effect": "Allow", "Action": s.actions, "Resource": s.resource}
}

// taskStatements are what the programs in the tasks may do.
func taskStatements() []statement {
	return []statement{
		{"ReadSources",
			[]string{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"},
			ref("S3SourceBuckets")},
		// Without it S3 answers 403 for a key that was deleted, and the object
		// would be counted as denied.
		{"TellDeletedFromDenied", []string{"s3:ListBucket"}, sourceBucketARNs()},
		{"ReadInventories", []string{"s3:GetObject"}, inventoryObjects()},
		{"TellMissingInventories", []string{"s3:ListBucket"},
			subWith("arn:${AWS::Partition}:s3:::${Bucket}", fn{"Bucket": inventoryBucket()})},
		{"WriteArchivesAndManifests",
			[]string{"s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
			[]any{
				subWith("arn:${AWS::Partition}:s3:::${Bucket}/${S3ArchivePrefix}/*", fn{"Bucket": bucketName()}),
				subWith("arn:${AWS::Partition}:s3:::${Bucket}/${S3ManifestPrefix}/*", fn{"Bucket": bucketName()}),
			}},
		{"TellWhatIsArchived", []string{"s3:ListBucket"},
			subWith("arn:${AWS::Partition}:s3:::${Bucket}", fn{"Bucket": bucketName()})},
		{"WorkOffTheQueue",
			[]string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"},
			queueARN()},
	}
}

// sourceBucketARNs cuts the "/*" off each ARN of the parameter, in the only
// way that CloudFormation has: the list becomes one text and a list again.
func sourceBucketARNs() fn {
	return split(",", join("", split("/*", join(",", ref("S3SourceBuckets")))))
}

func (t *Template) roles() {
	var statements []any
	for _, s := range taskStatements() {
		statements = append(statements, s.document())
	}
	statements = append(statements,
		iff("EncryptWithKMS", statement{"UseTheArchiveKey",
			[]string{"kms:Decrypt", "kms:GenerateDataKey"}, ref("KMSKeyARN")}.document(), noValue()),
		iff("DecryptSources", statement{"UseTheSourceKeys",
			[]string{"kms:Decrypt"}, ref("SourceKMSKeyARNs")}.document(), noValue()))
	t.resources["TaskRole"] = &iam.Role{
		AssumeRolePolicyDocument: trust("ecs-tasks.amazonaws.com"),
		Policies: []iam.Role_Policy{{
			PolicyName:     "archive",
			PolicyDocument: fn{"Version": "2012-10-17", "Statement": statements},
		}},
	}
	t.resources["ExecutionRole"] = &iam.Role{
		AssumeRolePolicyDocument: trust("ecs-tasks.amazonaws.com"),
		Policies: []iam.Role_Policy{{
			PolicyName: "start",
			PolicyDocument: document(
				// It is the only ECR action that takes no resource.
				statement{"LogInToECR", []string{"ecr:GetAuthorizationToken"}, "*"}.document(),
				statement{"PullImages",
					[]string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
					sub("arn:${AWS::Partition}:ecr:*:*:repository/*")}.document(),
				statement{"WriteLogs",
					[]string{"logs:CreateLogStream", "logs:PutLogEvents"},
					[]any{att("S3BundlerLogs", "Arn"), att("S3GrouperLogs", "Arn")}}.document(),
			),
		}},
	}
}

// trust lets a service of AWS take a role, on behalf of this account alone.
func trust(service string) fn {
	return document(fn{
		"Effect":    "Allow",
		"Principal": fn{"Service": service},
		"Action":    "sts:AssumeRole",
		"Condition": fn{"StringEquals": fn{"aws:SourceAccount": ref("AWS::AccountId")}},
	})
}
