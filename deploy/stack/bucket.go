package stack

import (
	"github.com/awslabs/goformation/v7/cloudformation/s3"
	"github.com/awslabs/goformation/v7/cloudformation/tags"
)

// coldArchiveBytes parts archives from indexes in the lifecycle rule: S3 can
// select by prefix, tag and size, and both lie under one prefix. 65,000 index
// rows (s3grouper's most in a manifest) of less than 2,000 bytes are below it.
const coldArchiveBytes = "134217728"

// createdBucketName is unique to the stack, and known before the bucket is
// there: the queue's policy must name the bucket, and must be in place before
// the bucket can be told to notify the queue.
func createdBucketName() fn {
	return subWith("s3bundler-${AWS::AccountId}-${Unique}", fn{
		"Unique": pick(4, split("-", pick(2, split("/", ref("AWS::StackId"))))),
	})
}

// notifyingBucket is the name of the bucket whose events the created queue
// accepts.
func notifyingBucket() fn { return iff("CreateBucket", createdBucketName(), ref("S3ArchiveBucket")) }

func (t *Template) archiveBucket() {
	bucket := &s3.Bucket{
		BucketName: new(str(createdBucketName())),
		OwnershipControls: &s3.Bucket_OwnershipControls{
			Rules: []s3.Bucket_OwnershipControlsRule{{ObjectOwnership: new("BucketOwnerEnforced")}},
		},
		PublicAccessBlockConfiguration: &s3.Bucket_PublicAccessBlockConfiguration{
			BlockPublicAcls: new(true), BlockPublicPolicy: new(true),
			IgnorePublicAcls: new(true), RestrictPublicBuckets: new(true),
		},
		BucketEncryption: &s3.Bucket_BucketEncryption{
			ServerSideEncryptionConfiguration: []s3.Bucket_ServerSideEncryptionRule{{
				BucketKeyEnabled: new(true),
				ServerSideEncryptionByDefault: &s3.Bucket_ServerSideEncryptionByDefault{
					SSEAlgorithm:   str(iff("EncryptWithKMS", "aws:kms", "AES256")),
					KMSMasterKeyID: new(str(iff("EncryptWithKMS", ref("KMSKeyARN"), noValue()))),
				},
			}},
		},
		NotificationConfiguration: &s3.Bucket_NotificationConfiguration{
			QueueConfigurations: []s3.Bucket_QueueConfiguration{{
				Event: "s3:ObjectCreated:*",
				Queue: str(queueARN()),
				Filter: &s3.Bucket_NotificationFilter{S3Key: &s3.Bucket_S3KeyFilter{Rules: []s3.Bucket_FilterRule{
					{Name: "prefix", Value: str(sub("${S3ManifestPrefix}/"))},
					{Name: "suffix", Value: ".index"},
				}}},
			}},
		},
		LifecycleConfiguration: lifecycle(),
		// S3 tries the queue when it is told to notify it, so the policy must
		// be there first. DependsOn cannot name what may not exist; a tag can.
		Tags: []tags.Tag{{Key: "s3bundler:queue-policy",
			Value: str(iff("CreateQueue", ref("ManifestQueuePolicy"), "of a given queue"))}},
	}
	t.set("ArchiveBucket", "LifecycleConfiguration.Rules.1.Transitions.0.TransitionInDays", ref("ArchiveTransitionDays"))
	bucket.AWSCloudFormationCondition = "CreateBucket"
	keep(&bucket.AWSCloudFormationDeletionPolicy, &bucket.AWSCloudFormationUpdateReplacePolicy)
	t.resources["ArchiveBucket"] = bucket
	t.bucketPolicy()
}

func lifecycle() *s3.Bucket_LifecycleConfiguration {
	return &s3.Bucket_LifecycleConfiguration{Rules: []s3.Bucket_Rule{
		{
			// No job lasts longer than the 12 hours SQS allows a message.
			Id:                             new("RemoveAbandonedUploads"),
			Status:                         "Enabled",
			AbortIncompleteMultipartUpload: &s3.Bucket_AbortIncompleteMultipartUpload{DaysAfterInitiation: 2},
		},
		{
			Id:                    new("MoveArchives"),
			Status:                str(iff("MoveArchives", "Enabled", "Disabled")),
			Prefix:                new(str(sub("${S3ArchivePrefix}/"))),
			ObjectSizeGreaterThan: new(coldArchiveBytes),
			Transitions: []s3.Bucket_Transition{{
				// A disabled rule must name a class all the same.
				StorageClass: str(iff("MoveArchives", ref("ArchiveStorageClass"), "GLACIER_IR")),
			}},
		},
	}}
}

func (t *Template) bucketPolicy() {
	p := &s3.BucketPolicy{
		Bucket: str(ref("ArchiveBucket")),
		PolicyDocument: fn{"Version": "2012-10-17", "Statement": []any{
			fn{
				"Sid":       "RefusePlainHTTP",
				"Effect":    "Deny",
				"Principal": "*",
				"Action":    "s3:*",
				"Resource":  []any{att("ArchiveBucket", "Arn"), sub("${ArchiveBucket.Arn}/*")},
				"Condition": fn{"Bool": fn{"aws:SecureTransport": "false"}},
			},
			iff("InventoryHere", fn{
				"Sid":       "AcceptInventories",
				"Effect":    "Allow",
				"Principal": fn{"Service": "s3.amazonaws.com"},
				"Action":    "s3:PutObject",
				"Resource": iff("HasInventoryPrefix",
					sub("${ArchiveBucket.Arn}/${S3InventoryPrefix}/*"), sub("${ArchiveBucket.Arn}/*")),
				"Condition": fn{
					"StringEquals": fn{"aws:SourceAccount": ref("AWS::AccountId"), "s3:x-amz-acl": "bucket-owner-full-control"},
					"ArnLike":      fn{"aws:SourceArn": sub("arn:${AWS::Partition}:s3:::*")},
				},
			}, noValue()),
		}},
	}
	p.AWSCloudFormationCondition = "CreateBucket"
	keep(&p.AWSCloudFormationDeletionPolicy, &p.AWSCloudFormationUpdateReplacePolicy)
	t.resources["ArchiveBucketPolicy"] = p
}

// inventoryBucket is where inventories lie.
func inventoryBucket() fn { return iff("InventoryElsewhere", ref("S3InventoryBucket"), bucketName()) }

// inventoryObjects is the ARN of all inventories; an empty prefix adds no
// slash.
func inventoryObjects() fn {
	return iff("HasInventoryPrefix",
		subWith("arn:${AWS::Partition}:s3:::${Bucket}/${S3InventoryPrefix}/*", fn{"Bucket": inventoryBucket()}),
		subWith("arn:${AWS::Partition}:s3:::${Bucket}/*", fn{"Bucket": inventoryBucket()}))
}
