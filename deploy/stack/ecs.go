package stack

// What the worker is told, and what ECS is told about the worker, belong
// together.
const (
	// healthAddress is where the worker answers its own health check. A socket
	// in the task's scratch memory, because on the host's network a port could
	// be taken by one worker alone.
	healthAddress = "unix:/tmp/health.sock"
	// gracePeriod and stopTimeout: a Spot instance is taken two minutes after
	// its notice, and the agent looks for notices every few seconds. The worker
	// ends its work in hand within the grace period, hands back what is left,
	// and is gone before ECS kills it.
	gracePeriod        = "100s"
	stopTimeoutSeconds = 110
	// user is the user and group of the images.
	user = "65532:65532"
)

// ECS is the stack around the work: archive bucket, queues, roles, task
// definitions, the scaled service, alarms, dashboard and the Athena table.
func ECS() *Template {
	t := newTemplate("S3 Bundler: manifests of small objects in, tar archives with indexes out. " +
		"Queue, archive bucket, task definitions, scaling, alarms and dashboard.")
	t.ecsParameters()
	t.ecsConditions()
	t.queues()
	t.archiveBucket()
	t.logs()
	t.roles()
	t.cluster()
	t.tasks()
	t.service()
	t.scaling()
	t.alarms()
	t.dashboard()
	t.athena()
	t.ecsOutputs()
	return t
}

func (t *Template) ecsConditions() {
	t.conditions["CreateBucket"] = empty("S3ArchiveBucket")
	t.conditions["CreateQueue"] = empty("S3BundlerQueueARN")
	t.conditions["CreateDLQ"] = and(condition("CreateQueue"), empty("S3BundlerDLQARN"))
	// A queue of this stack always has a dead-letter queue; a given queue has
	// the one that is named, or none that this stack knows.
	t.conditions["HasDLQ"] = or(condition("CreateQueue"), given("S3BundlerDLQARN"))
	t.conditions["InventoryElsewhere"] = given("S3InventoryBucket")
	t.conditions["InventoryHere"] = and(condition("CreateBucket"), not(condition("InventoryElsewhere")))
	t.conditions["HasInventoryPrefix"] = given("S3InventoryPrefix")
	t.conditions["Compressed"] = equals(ref("Compress"), "true")
	t.conditions["Scaled"] = not(equals(ref("MaxTasks"), "0"))
	t.conditions["HasCapacityProvider"] = given("CapacityProvider")
	t.conditions["EncryptWithKMS"] = given("KMSKeyARN")
	t.conditions["DecryptSources"] = not(equals(join("", ref("SourceKMSKeyARNs")), ""))
	t.conditions["MoveArchives"] = not(equals(ref("ArchiveStorageClass"), "STANDARD"))
	t.conditions["HasAlarmTopic"] = given("AlarmTopicARN")

	t.rules["PrefixesDiffer"] = fn{"Assertions": []any{fn{
		"Assert": not(equals(ref("S3ArchivePrefix"), ref("S3ManifestPrefix"))),
		"AssertDescription": "S3ArchivePrefix and S3ManifestPrefix must differ: " +
			"an index among the archives would be taken for a new manifest.",
	}}}
}

func (t *Template) ecsOutputs() {
	t.outputs["ECSCluster"] = output{"Name of the ECS cluster", ref("ECSCluster"), ""}
	t.outputs["ArchiveBucket"] = output{"Bucket of archives, indexes and manifests", bucketName(), ""}
	t.outputs["ManifestQueue"] = output{"Queue of manifests: URL, or the ARN that was given", queueName(), ""}
	t.outputs["S3GrouperTask"] = output{"Task definition for submitmanifest -t", ref("S3GrouperTask"), ""}
	t.outputs["S3BundlerService"] = output{"The workers' ECS service", att("S3BundlerService", "Name"), ""}
	t.outputs["DeadLetterQueue"] = output{"Queue of manifests that failed 10 times: URL, or the ARN that was given",
		iff("CreateDLQ", ref("DeadLetterQueue"), ref("S3BundlerDLQARN")), "HasDLQ"}
	t.outputs["LogGroup"] = output{"The workers' log group", ref("S3BundlerLogs"), ""}
	t.outputs["Dashboard"] = output{"The CloudWatch dashboard", sub("https://console.aws.amazon.com/cloudwatch/home" +
		"?region=${AWS::Region}#dashboards:name=${Dashboard}"), ""}
	t.outputs["IndexTable"] = output{"The Athena table over the indexes", sub("${IndexDatabase}.${IndexTable}"), ""}
}

// bucketName is the archive bucket, created or given.
func bucketName() fn { return iff("CreateBucket", ref("ArchiveBucket"), ref("S3ArchiveBucket")) }

// queueName is what s3bundler -q takes: the URL of the queue that is created,
// or the ARN that was given.
func queueName() fn { return iff("CreateQueue", ref("ManifestQueue"), ref("S3BundlerQueueARN")) }

func queueARN() fn {
	return iff("CreateQueue", att("ManifestQueue", "Arn"), ref("S3BundlerQueueARN"))
}

func dlqARN() fn { return iff("CreateDLQ", att("DeadLetterQueue", "Arn"), ref("S3BundlerDLQARN")) }

// queueMetricName is the queue's plain name, by which CloudWatch knows it.
func queueMetricName() fn {
	return iff("CreateQueue", att("ManifestQueue", "QueueName"), pick(5, split(":", ref("S3BundlerQueueARN"))))
}

func dlqMetricName() fn {
	return iff("CreateDLQ", att("DeadLetterQueue", "QueueName"), pick(5, split(":", ref("S3BundlerDLQARN"))))
}
