package stack

// Patterns of parameters.
const (
	bucketPattern = `^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`
	queuePattern  = `^$|^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$`
	keyPattern    = `^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`
	topicPattern  = `^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$`
	prefixElement = `[A-Za-z0-9!_.*'()=-]+`
	// sizePattern is what s3bundler -s reads.
	sizePattern = `^[0-9]+([GMK]B?|[gmk]b?)?$`
)

func (t *Template) ecsParameters() {
	t.storageParameters()
	t.taskParameters()
	t.watchParameters()
}

func (t *Template) storageParameters() {
	t.parameters["S3ArchiveBucket"] = parameter{Type: "String", Default: "", AllowedPattern: bucketPattern,
		Description: "Bucket for archives, indexes and manifests. Empty creates one. A given one must send its ObjectCreated events to the queue itself."}
	// One element only: so no archive's index can lie under the manifests.
	t.parameters["S3ArchivePrefix"] = parameter{Type: "String", Default: "archive", AllowedPattern: "^" + prefixElement + "$",
		ConstraintDescription: "one path element without a slash",
		Description:           "Prefix of archives and indexes, without slashes"}
	t.parameters["S3ManifestPrefix"] = parameter{Type: "String", Default: "manifests",
		AllowedPattern:        "^" + prefixElement + "(/" + prefixElement + ")*$",
		ConstraintDescription: "path elements with single slashes between them, none at the ends",
		Description:           "Prefix of manifests. New .index keys under it become work."}
	t.parameters["S3InventoryBucket"] = parameter{Type: "String", Default: "", AllowedPattern: bucketPattern,
		Description: "Bucket that S3 Inventory writes to. Empty means the archive bucket, which then accepts inventories of this account."}
	t.parameters["S3InventoryPrefix"] = parameter{Type: "String", Default: "",
		AllowedPattern:        "^$|^" + prefixElement + "(/" + prefixElement + ")*$",
		ConstraintDescription: "empty, or path elements with single slashes between them, none at the ends",
		Description:           "Prefix of inventories. Empty means the whole bucket."}
	t.parameters["S3SourceBuckets"] = parameter{Type: "CommaDelimitedList", Default: "*",
		Description: "What may be archived, as arn:aws:s3:::BUCKET/*, separated by commas"}
	t.parameters["S3BundlerQueueARN"] = parameter{Type: "String", Default: "", AllowedPattern: queuePattern,
		Description: "Queue of manifests. Empty creates one. A given one must let S3 send to it, and have a redrive policy of its own."}
	t.parameters["S3BundlerDLQARN"] = parameter{Type: "String", Default: "", AllowedPattern: queuePattern,
		Description: "Dead-letter queue. Empty creates one for a queue that is created."}
	t.parameters["KMSKeyARN"] = parameter{Type: "String", Default: "", AllowedPattern: keyPattern,
		Description: "Key that encrypts the archive bucket. Empty means SSE-S3. Its policy must let this account's roles use it."}
	t.parameters["SourceKMSKeyARNs"] = parameter{Type: "CommaDelimitedList", Default: "",
		Description: "Keys that encrypt source objects and inventories, separated by commas"}
	t.parameters["ArchiveStorageClass"] = parameter{Type: "String", Default: "STANDARD",
		AllowedValues: []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"},
		Description:   "Where archives of 128 MiB and more move to. Indexes and small archives stay. STANDARD moves nothing."}
	t.parameters["ArchiveTransitionDays"] = parameter{Type: "Number", Default: 30, MinValue: new(0),
		Description: "Days until archives move. STANDARD_IA and ONEZONE_IA want 30 or more."}
}

func (t *Template) taskParameters() {
	t.parameters["S3GrouperURL"] = parameter{Type: "String", MinLength: new(1),
		Description: "Image of s3grouper: REGISTRY/REPOSITORY:TAG"}
	t.parameters["S3BundlerURL"] = parameter{Type: "String", MinLength: new(1),
		Description: "Image of s3bundler: REGISTRY/REPOSITORY:TAG"}
	t.parameters["MaxSize"] = parameter{Type: "String", Default: "2GB", AllowedPattern: sizePattern,
		ConstraintDescription: "a whole number with an optional GB, MB or KB",
		Description:           "Objects above this size are copied, not archived"}
	t.parameters["Compress"] = parameter{Type: "String", Default: "false", AllowedValues: []string{"true", "false"},
		Description: "Whether archives are .tar.gz"}
	t.parameters["TaskCPU"] = parameter{Type: "Number", Default: 1024, MinValue: new(128),
		Description: "CPU that a worker is placed by, 1024 for a core. It may use more where more is free."}
	t.parameters["TaskMemory"] = parameter{Type: "Number", Default: 512, MinValue: new(256),
		Description: "Memory that a worker may use, in MiB"}
	t.parameters["DesiredCount"] = parameter{Type: "Number", Default: 0, MinValue: new(0),
		Description: "Workers at creation and after each update of the stack; scaling goes on from there"}
	t.parameters["MinTasks"] = parameter{Type: "Number", Default: 0, MinValue: new(0),
		Description: "Workers that stay when the queue is empty"}
	t.parameters["MaxTasks"] = parameter{Type: "Number", Default: 50, MinValue: new(0),
		Description: "Most workers. 0 switches scaling off: DesiredCount, set by hand, then stays."}
	t.parameters["BacklogPerTask"] = parameter{Type: "Number", Default: 2, MinValue: new(1), MaxValue: new(1000),
		Description: "More visible manifests than this for each running worker start more workers"}
	t.parameters["IdleMinutes"] = parameter{Type: "Number", Default: 10, MinValue: new(1), MaxValue: new(1440),
		Description: "Minutes without a manifest waiting or in work after which workers stop"}
	t.parameters["CapacityProvider"] = parameter{Type: "String", Default: "",
		Description: "Output CapacityProvider of the capacity stack. Empty runs on whatever instances are in the cluster."}
}

func (t *Template) watchParameters() {
	t.parameters["LogRetentionDays"] = parameter{Type: "Number", Default: 90,
		AllowedValues: []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653},
		Description:   "Days that logs are kept"}
	t.parameters["AlarmTopicARN"] = parameter{Type: "String", Default: "", AllowedPattern: topicPattern,
		Description: "SNS topic that alarms go to. Empty: they are only shown."}
	t.parameters["OldestManifestHours"] = parameter{Type: "Number", Default: 24, MinValue: new(1), MaxValue: new(336),
		Description: "A manifest that waits longer raises an alarm"}
	t.parameters["PricePerThousandGETs"] = parameter{Type: "String", Default: "0", AllowedPattern: `^[0-9]+(\.[0-9]+)?$`,
		Description: "For the dashboard's cost line, in your currency, from the S3 price list. 0 leaves it out."}
	t.parameters["PricePerVCPUHour"] = parameter{Type: "String", Default: "0", AllowedPattern: `^[0-9]+(\.[0-9]+)?$`,
		Description: "For the dashboard's cost line, in your currency, from the Spot price history. 0 leaves it out."}
}
