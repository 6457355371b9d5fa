package stack

import (
	"github.com/awslabs/goformation/v7/cloudformation/policies"
	"github.com/awslabs/goformation/v7/cloudformation/sqs"
)

const (
	queueRetentionSeconds  = 14 * 24 * 60 * 60 // the longest that SQS allows
	queueVisibilitySeconds = 30 * 60
	maxReceives            = 10
)

func (t *Template) queues() {
	dlq := &sqs.Queue{
		MessageRetentionPeriod: new(queueRetentionSeconds),
		SqsManagedSseEnabled:   new(true),
	}
	dlq.AWSCloudFormationCondition = "CreateDLQ"
	keep(&dlq.AWSCloudFormationDeletionPolicy, &dlq.AWSCloudFormationUpdateReplacePolicy)
	t.resources["DeadLetterQueue"] = dlq

	queue := &sqs.Queue{
		MessageRetentionPeriod:        new(queueRetentionSeconds),
		VisibilityTimeout:             new(queueVisibilitySeconds),
		ReceiveMessageWaitTimeSeconds: new(20),
		SqsManagedSseEnabled:          new(true),
		RedrivePolicy:                 fn{"deadLetterTargetArn": dlqARN(), "maxReceiveCount": maxReceives},
	}
	queue.AWSCloudFormationCondition = "CreateQueue"
	keep(&queue.AWSCloudFormationDeletionPolicy, &queue.AWSCloudFormationUpdateReplacePolicy)
	t.resources["ManifestQueue"] = queue

	t.queuePolicy("DeadLetterQueue", "CreateDLQ")
	t.queuePolicy("ManifestQueue", "CreateQueue", fn{
		"Sid":       "LetTheArchiveBucketSend",
		"Effect":    "Allow",
		"Principal": fn{"Service": "s3.amazonaws.com"},
		"Action":    "sqs:SendMessage",
		"Resource":  att("ManifestQueue", "Arn"),
		"Condition": fn{
			"StringEquals": fn{"aws:SourceAccount": ref("AWS::AccountId")},
			"ArnEquals":    fn{"aws:SourceArn": subWith("arn:${AWS::Partition}:s3:::${Bucket}", fn{"Bucket": notifyingBucket()})},
		},
	})
}

// queuePolicy refuses plain HTTP and adds the given statements.
func (t *Template) queuePolicy(queue, condition string, more ...fn) {
	statements := append([]fn{{
		"Sid":       "RefusePlainHTTP",
		"Effect":    "Deny",
		"Principal": "*",
		"Action":    "sqs:*",
		"Resource":  att(queue, "Arn"),
		"Condition": fn{"Bool": fn{"aws:SecureTransport": "false"}},
	}}, more...)
	p := &sqs.QueuePolicy{
		Queues:         []string{str(ref(queue))},
		PolicyDocument: document(statements...),
	}
	p.AWSCloudFormationCondition = condition
	keep(&p.AWSCloudFormationDeletionPolicy, &p.AWSCloudFormationUpdateReplacePolicy)
	t.resources[queue+"Policy"] = p
}

// document is a policy document. See "IAM JSON policy elements reference" in
// the IAM User Guide.
func document(statements ...fn) fn {
	return fn{"Version": "2012-10-17", "Statement": statements}
}

// keep leaves a resource in the account when the stack, or its place in it,
// goes: it holds what people came for.
func keep(deletion *policies.DeletionPolicy, replace *policies.UpdateReplacePolicy) {
	*deletion, *replace = "Retain", "Retain"
}
