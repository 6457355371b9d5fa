package stack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	givenQueue = "arn:aws:sqs:eu-west-1:111122223333:given"
	givenDLQ   = "arn:aws:sqs:eu-west-1:111122223333:given-dlq"
	givenKey   = "arn:aws:kms:eu-west-1:111122223333:key/0000"
	givenTopic = "arn:aws:sns:eu-west-1:111122223333:topic"
)

// everySide are the templates with each condition on each side.
func everySide(t *testing.T) map[string]resolved {
	t.Helper()
	all := map[string]resolved{}
	for name, tmpl := range templates(t) {
		cases := []map[string]string{{}, {"ECSClusterName": "c", "SSHKeyPair": "me", "ECSOptimizedAMI": "ami-1"}}
		switch name {
		case "s3bundler.cfn.json":
			cases = nil
			for _, c := range conditionCases {
				cases = append(cases, c.parameters)
			}
		case "s3bundler-spotfleet.cfn.json":
			cases = append(cases, map[string]string{"VCPUSpotBid": "0.02"})
		}
		for i, c := range cases {
			all[fmt.Sprintf("%s/%d", name, i)] = resolve(t, tmpl, c)
		}
	}
	return all
}

type wants map[string]any // path into a resource's properties -> value; nil: not there

// conditionCases are both sides of each condition.
var conditionCases = []struct {
	name       string
	parameters map[string]string
	has, lacks []string
	wants      wants
}{
	{
		name: "an empty account",
		has:  []string{"ArchiveBucket", "ArchiveBucketPolicy", "ManifestQueue", "ManifestQueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy", "DeadLetterAlarm", "ScalableTarget", "ScaleOut", "ScaleIn", "BacklogAlarm", "IdleAlarm"},
		wants: wants{
			"ArchiveBucket.BucketName": "s3bundler-111122223333-0123456789ab",
			"ArchiveBucket.NotificationConfiguration.QueueConfigurations.0.Queue":                              "ManifestQueue.Arn",
			"ArchiveBucket.NotificationConfiguration.QueueConfigurations.0.Event":                              "s3:ObjectCreated:*",
			"ArchiveBucket.NotificationConfiguration.QueueConfigurations.0.Filter.S3Key.Rules.0.Value":         "manifests/",
			"ArchiveBucket.NotificationConfiguration.QueueConfigurations.0.Filter.S3Key.Rules.1.Value":         ".index",
			"ArchiveBucket.BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"},
			"ArchiveBucket.LifecycleConfiguration.Rules.1.Status":                                              "Disabled",
			"ArchiveBucket.Tags.0.Value":                                                              "ManifestQueuePolicy",
			"ArchiveBucketPolicy.PolicyDocument.Statement.1.Resource":                                 "ArchiveBucket.Arn/*",
			"ManifestQueue.RedrivePolicy.deadLetterTargetArn":                                         "DeadLetterQueue.Arn",
			"ManifestQueuePolicy.PolicyDocument.Statement.1.Condition.ArnEquals.aws:SourceArn":        "arn:aws:s3:::s3bundler-111122223333-0123456789ab",
			"ManifestQueuePolicy.PolicyDocument.Statement.1.Condition.StringEquals.aws:SourceAccount": "111122223333",
			"S3BundlerTask.ContainerDefinitions.0.Command": list("-q", "ManifestQueue", "-b", "ArchiveBucket", "-p", "archive", "-s", "2GB",
				"--metrics", "emf", "--health-addr", healthAddress, "--grace-period", "100s"),
			"S3GrouperTask.ContainerDefinitions.0.Command":            list("-b", "ArchiveBucket", "-p", "manifests"),
			"S3BundlerService.CapacityProviderStrategy":               []any{},
			"S3BundlerService.LaunchType":                             nil,
			"ErrorAlarm.AlarmActions":                                 nil,
			"DeadLetterAlarm.Dimensions.0.Value":                      "DeadLetterQueue.QueueName",
			"TaskRole.Policies.0.PolicyDocument.Statement.2.Resource": "arn:aws:s3:::ArchiveBucket/*",
			"TaskRole.Policies.0.PolicyDocument.Statement.6.Resource": "ManifestQueue.Arn",
			"TaskRole.Policies.0.PolicyDocument.Statement.7":          nil,
		},
	},
	{
		name:       "a given bucket",
		parameters: map[string]string{"S3ArchiveBucket": "mine"},
		has:        []string{"ManifestQueue", "ManifestQueuePolicy"},
		lacks:      []string{"ArchiveBucket", "ArchiveBucketPolicy"},
		wants: wants{
			"ManifestQueuePolicy.PolicyDocument.Statement.1.Condition.ArnEquals.aws:SourceArn": "arn:aws:s3:::mine",
			"S3GrouperTask.ContainerDefinitions.0.Command":                                     list("-b", "mine", "-p", "manifests"),
			"IndexTable.TableInput.StorageDescriptor.Location":                                 "s3://mine/athena/indexes/",
		},
	},
	{
		name:       "a given queue without a known dead-letter queue",
		parameters: map[string]string{"S3BundlerQueueARN": givenQueue},
		has:        []string{"ArchiveBucket", "ArchiveBucketPolicy"},
		lacks:      []string{"ManifestQueue", "ManifestQueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy", "DeadLetterAlarm"},
		wants: wants{
			"ArchiveBucket.NotificationConfiguration.QueueConfigurations.0.Queue": givenQueue,
			"ArchiveBucket.Tags.0.Value":                                          "of a given queue",
			"S3BundlerTask.ContainerDefinitions.0.Command.1":                      givenQueue,
			"TaskRole.Policies.0.PolicyDocument.Statement.6.Resource":             givenQueue,
			"BacklogAlarm.Metrics.0.MetricStat.Metric.Dimensions.0.Value":         "given",
		},
	},
	{
		name:       "both queues given",
		parameters: map[string]string{"S3BundlerQueueARN": givenQueue, "S3BundlerDLQARN": givenDLQ},
		has:        []string{"DeadLetterAlarm"},
		lacks:      []string{"ManifestQueue", "DeadLetterQueue"},
		wants:      wants{"DeadLetterAlarm.Dimensions.0.Value": "given-dlq"},
	},
	{
		name:       "a given dead-letter queue for a created queue",
		parameters: map[string]string{"S3BundlerDLQARN": givenDLQ},
		has:        []string{"ManifestQueue", "DeadLetterAlarm"},
		lacks:      []string{"DeadLetterQueue", "DeadLetterQueuePolicy"},
		wants:      wants{"ManifestQueue.RedrivePolicy.deadLetterTargetArn": givenDLQ},
	},
	{
		name:       "bucket and queues given",
		parameters: map[string]string{"S3ArchiveBucket": "mine", "S3BundlerQueueARN": givenQueue, "S3BundlerDLQARN": givenDLQ},
		lacks:      []string{"ArchiveBucket", "ArchiveBucketPolicy", "ManifestQueue", "ManifestQueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy"},
	},
	{
		name:       "compression",
		parameters: map[string]string{"Compress": "true"},
		wants: wants{"S3BundlerTask.ContainerDefinitions.0.Command": list("-q", "ManifestQueue", "-b", "ArchiveBucket", "-p", "archive", "-s", "2GB", "-c",
			"--metrics", "emf", "--health-addr", healthAddress, "--grace-period", "100s")},
	},
	{
		name:       "an inventory elsewhere, with a prefix",
		parameters: map[string]string{"S3InventoryBucket": "lists", "S3InventoryPrefix": "daily/all"},
		wants: wants{
			"TaskRole.Policies.0.PolicyDocument.Statement.2.Resource": "arn:aws:s3:::lists/daily/all/*",
			"TaskRole.Policies.0.PolicyDocument.Statement.3.Resource": "arn:aws:s3:::lists",
			"ArchiveBucketPolicy.PolicyDocument.Statement.1":          nil,
		},
	},
	{
		name:       "an inventory elsewhere, without a prefix",
		parameters: map[string]string{"S3InventoryBucket": "lists"},
		wants:      wants{"TaskRole.Policies.0.PolicyDocument.Statement.2.Resource": "arn:aws:s3:::lists/*"},
	},
	{
		name:       "an inventory here, with a prefix",
		parameters: map[string]string{"S3InventoryPrefix": "daily"},
		wants: wants{
			"ArchiveBucketPolicy.PolicyDocument.Statement.1.Resource": "ArchiveBucket.Arn/daily/*",
			"TaskRole.Policies.0.PolicyDocument.Statement.2.Resource": "arn:aws:s3:::ArchiveBucket/daily/*",
		},
	},
	{
		name:       "source buckets",
		parameters: map[string]string{"S3SourceBuckets": "arn:aws:s3:::a/*,arn:aws:s3:::b.c/*"},
		wants: wants{
			"TaskRole.Policies.0.PolicyDocument.Statement.0.Resource": list("arn:aws:s3:::a/*", "arn:aws:s3:::b.c/*"),
			"TaskRole.Policies.0.PolicyDocument.Statement.1.Resource": list("arn:aws:s3:::a", "arn:aws:s3:::b.c"),
		},
	},
	{
		name:       "a key for archives",
		parameters: map[string]string{"KMSKeyARN": givenKey},
		wants: wants{
			"ArchiveBucket.BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": givenKey},
			"TaskRole.Policies.0.PolicyDocument.Statement.7.Resource":                                          givenKey,
			"TaskRole.Policies.0.PolicyDocument.Statement.8":                                                   nil,
		},
	},
	{
		name:       "keys of sources",
		parameters: map[string]string{"SourceKMSKeyARNs": givenKey},
		wants: wants{
			"TaskRole.Policies.0.PolicyDocument.Statement.7.Action":   list("kms:Decrypt"),
			"TaskRole.Policies.0.PolicyDocument.Statement.7.Resource": list(givenKey),
		},
	},
	{
		name:       "cold archives",
		parameters: map[string]string{"ArchiveStorageClass": "DEEP_ARCHIVE", "ArchiveTransitionDays": "0", "S3ArchivePrefix": "cold"},
		wants: wants{
			"ArchiveBucket.LifecycleConfiguration.Rules.1.Status":                     "Enabled",
			"ArchiveBucket.LifecycleConfiguration.Rules.1.Prefix":                     "cold/",
			"ArchiveBucket.LifecycleConfiguration.Rules.1.Transitions.0.StorageClass": "DEEP_ARCHIVE",
		},
	},
	{
		name:       "scaling by hand",
		parameters: map[string]string{"MaxTasks": "0", "DesiredCount": "7"},
		has:        []string{"S3BundlerService"},
		lacks:      []string{"ScalableTarget", "ScaleOut", "ScaleIn", "BacklogAlarm", "IdleAlarm"},
	},
	{
		name:       "a capacity provider",
		parameters: map[string]string{"CapacityProvider": "cp"},
		wants:      wants{"S3BundlerService.CapacityProviderStrategy.0.CapacityProvider": "cp"},
	},
	{
		name:       "an alarm topic",
		parameters: map[string]string{"AlarmTopicARN": givenTopic},
		wants: wants{
			"ErrorAlarm.AlarmActions":          list(givenTopic),
			"OldestManifestAlarm.AlarmActions": list(givenTopic),
			"DeadLetterAlarm.OKActions":        list(givenTopic),
		},
	},
}

func list(words ...string) []any {
	var l []any
	for _, w := range words {
		l = append(l, w)
	}
	return l
}

func TestConditions(t *testing.T) {
	for _, c := range conditionCases {
		t.Run(c.name, func(t *testing.T) {
			r := resolve(t, ECS(), c.parameters)
			for _, name := range c.has {
				if r.resources[name] == nil {
					t.Errorf("lacks %s", name)
				}
			}
			for _, name := range c.lacks {
				if r.resources[name] != nil {
					t.Errorf("has %s", name)
				}
			}
			for path, want := range c.wants {
				if got := r.at(path); !cmp.Equal(got, want) {
					t.Errorf("%s: %s", path, cmp.Diff(want, got))
				}
			}
			for _, name := range []string{"ECSCluster", "ArchiveBucket", "ManifestQueue", "S3GrouperTask"} {
				if r.outputs[name] == nil {
					t.Errorf("lacks output %s", name)
				}
			}
		})
	}
}

// TestNoEmptyArgument holds that no argument of a task is ever empty: it would
// end the flags.
func TestNoEmptyArgument(t *testing.T) {
	for _, c := range conditionCases {
		r := resolve(t, ECS(), c.parameters)
		for _, task := range []string{"S3BundlerTask", "S3GrouperTask"} {
			command, _ := r.at(task + ".ContainerDefinitions.0.Command").([]any)
			if len(command) == 0 || slices.Contains(command, any("")) {
				t.Errorf("%s: %s: %q", c.name, task, command)
			}
		}
	}
}

// TestContainers holds the containers to having no rights and no disk.
func TestContainers(t *testing.T) {
	r := resolve(t, ECS(), nil)
	for task, family := range map[string]string{"S3BundlerTask": "s3bundler", "S3GrouperTask": "s3grouper"} {
		for path, want := range (wants{
			"Family":                            family,
			"NetworkMode":                       "host",
			"Volumes":                           nil,
			"ContainerDefinitions.0.Name":       family,
			"ContainerDefinitions.0.User":       user,
			"ContainerDefinitions.0.Privileged": false,
			"ContainerDefinitions.0.ReadonlyRootFilesystem":       true,
			"ContainerDefinitions.0.DockerSecurityOptions":        list("no-new-privileges"),
			"ContainerDefinitions.0.LinuxParameters.Capabilities": map[string]any{"Drop": list("ALL")},
			"ContainerDefinitions.0.LogConfiguration.LogDriver":   "awslogs",
			"ContainerDefinitions.0.Environment.0":                map[string]any{"Name": "AWS_REGION", "Value": "eu-west-1"},
		}) {
			if got := r.at(task + "." + path); !cmp.Equal(got, want) {
				t.Errorf("%s.%s: %s", task, path, cmp.Diff(want, got))
			}
		}
	}
}

// TestKept holds what a deleted stack leaves behind.
func TestKept(t *testing.T) {
	for name, res := range resolve(t, ECS(), nil).resources {
		kept := slices.Contains([]string{"ArchiveBucket", "ArchiveBucketPolicy", "ManifestQueue", "ManifestQueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy"}, name)
		want := any(nil)
		if kept {
			want = "Retain"
		}
		if r := res.(map[string]any); r["DeletionPolicy"] != want || r["UpdateReplacePolicy"] != want {
			t.Errorf("%s: DeletionPolicy %v, UpdateReplacePolicy %v, want %v", name, r["DeletionPolicy"], r["UpdateReplacePolicy"], want)
		}
	}
}

// TestPrefixes holds that no archive's index can be taken for a manifest.
func TestPrefixes(t *testing.T) {
	archive := ECS().parameters["S3ArchivePrefix"]
	manifest := ECS().parameters["S3ManifestPrefix"]
	for _, c := range []struct {
		p    parameter
		s    string
		want bool
	}{
		{archive, "archive", true}, {archive, "a/b", false}, {archive, "manifests/archive", false},
		{archive, "", false}, {archive, "archive/", false}, {archive, "/archive", false},
		{manifest, "manifests", true}, {manifest, "a/b", true}, {manifest, "a/", false}, {manifest, "/a", false},
		{manifest, "a//b", false}, {manifest, "", false},
	} {
		if got := matches(c.p.AllowedPattern, c.s); got != c.want {
			t.Errorf("%s matches %q: %v", c.p.AllowedPattern, c.s, got)
		}
	}
	if !strings.Contains(fmt.Sprint(ECS().rules["PrefixesDiffer"]), "Fn::Not") {
		t.Error("no rule keeps equal prefixes apart")
	}
}

// TestSizes holds MaxSize to what s3bundler -s reads.
func TestSizes(t *testing.T) {
	p := ECS().parameters["MaxSize"]
	for s, want := range map[string]bool{
		"2GB": true, "2G": true, "512mb": true, "1k": true, "100": true,
		"": false, "GB": false, "2TB": false, "2 GB": false, "-1": false, "1.5GB": false,
	} {
		if got := matches(p.AllowedPattern, s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }
