package stack

import (
	"github.com/awslabs/goformation/v7/cloudformation/ecs"
	"github.com/awslabs/goformation/v7/cloudformation/logs"
)

// Names that people's scripts and submitmanifest know: the family of a task
// definition is also the name of its container.
const (
	bundlerFamily = "s3bundler"
	grouperFamily = "s3grouper"
)

func (t *Template) logs() {
	for _, name := range []string{"S3BundlerLogs", "S3GrouperLogs"} {
		t.resources[name] = &logs.LogGroup{}
		t.set(name, "RetentionInDays", ref("LogRetentionDays"))
		t.resources[name[:len(name)-len("Logs")]+"Errors"] = &logs.MetricFilter{
			LogGroupName:  str(ref(name)),
			FilterPattern: errorPattern,
			MetricTransformations: []logs.MetricFilter_MetricTransformation{{
				MetricNamespace: metricNamespace, MetricName: errorMetric,
				MetricValue: "1", DefaultValue: new(0.0),
			}},
		}
	}
}

func (t *Template) cluster() {
	t.resources["ECSCluster"] = &ecs.Cluster{
		// Scaling divides by the number of running tasks, which is a metric of
		// Container Insights.
		ClusterSettings: []ecs.Cluster_ClusterSettings{{Name: new("containerInsights"), Value: new("enabled")}},
	}
}

func (t *Template) tasks() {
	bundler := container(bundlerFamily, "S3BundlerURL", "S3BundlerLogs")
	bundler.StopTimeout = new(stopTimeoutSeconds)
	bundler.HealthCheck = &ecs.TaskDefinition_HealthCheck{
		Command:     []string{"CMD", "/s3bundler", "healthcheck", "--health-addr", healthAddress},
		Interval:    new(30),
		Timeout:     new(5),
		Retries:     new(3),
		StartPeriod: new(30),
	}
	t.resources["S3BundlerTask"] = taskDefinition(bundlerFamily, bundler)
	t.set("S3BundlerTask", "ContainerDefinitions.0.Command", iff("Compressed", bundlerCommand(true), bundlerCommand(false)))
	t.set("S3BundlerTask", "ContainerDefinitions.0.Cpu", ref("TaskCPU"))
	t.set("S3BundlerTask", "ContainerDefinitions.0.Memory", ref("TaskMemory"))

	grouper := container(grouperFamily, "S3GrouperURL", "S3GrouperLogs")
	grouper.Command = []string{"-b", str(bucketName()), "-p", str(ref("S3ManifestPrefix"))}
	grouper.Cpu = new(1024)
	grouper.Memory = new(512)
	t.resources["S3GrouperTask"] = taskDefinition(grouperFamily, grouper)
}

// bundlerCommand is a whole list for each case: CloudFormation can leave an
// argument out of a list, but an empty one in its place would end the flags.
func bundlerCommand(compress bool) []any {
	command := []any{
		"-q", queueName(),
		"-b", bucketName(),
		"-p", ref("S3ArchivePrefix"),
		"-s", ref("MaxSize"),
	}
	if compress {
		command = append(command, "-c")
	}
	return append(command,
		"--metrics", "emf",
		"--health-addr", healthAddress,
		"--grace-period", gracePeriod)
}

// container is what both programs' containers have in common: no disk, no
// rights, no root.
func container(name, image, logGroup string) ecs.TaskDefinition_ContainerDefinition {
	return ecs.TaskDefinition_ContainerDefinition{
		Name:      name,
		Image:     str(ref(image)),
		Essential: new(true),
		// On EC2 the agent does not tell a task its region.
		Environment:            []ecs.TaskDefinition_KeyValuePair{{Name: new("AWS_REGION"), Value: new(str(ref("AWS::Region")))}},
		User:                   new(user),
		Privileged:             new(false),
		ReadonlyRootFilesystem: new(true),
		DockerSecurityOptions:  []string{"no-new-privileges"},
		LinuxParameters: &ecs.TaskDefinition_LinuxParameters{
			Capabilities: &ecs.TaskDefinition_KernelCapabilities{Drop: []string{"ALL"}},
			Tmpfs:        []ecs.TaskDefinition_Tmpfs{{ContainerPath: new("/tmp"), Size: 1, MountOptions: []string{"noexec", "nosuid", "nodev"}}},
		},
		// Many connections at once; the daemon's own limit may be 1,024.
		Ulimits: []ecs.TaskDefinition_Ulimit{{Name: "nofile", SoftLimit: 65536, HardLimit: 65536}},
		LogConfiguration: &ecs.TaskDefinition_LogConfiguration{
			LogDriver: "awslogs",
			Options: map[string]string{
				"awslogs-group":         str(ref(logGroup)),
				"awslogs-region":        str(ref("AWS::Region")),
				"awslogs-stream-prefix": name,
				// A log service that is slow must not hold up the work.
				"mode":            "non-blocking",
				"max-buffer-size": "25m",
			},
		},
	}
}

func taskDefinition(family string, c ecs.TaskDefinition_ContainerDefinition) *ecs.TaskDefinition {
	return &ecs.TaskDefinition{
		Family:                  new(family),
		NetworkMode:             new("host"),
		RequiresCompatibilities: []string{"EC2"},
		TaskRoleArn:             new(str(att("TaskRole", "Arn"))),
		ExecutionRoleArn:        new(str(att("ExecutionRole", "Arn"))),
		ContainerDefinitions:    []ecs.TaskDefinition_ContainerDefinition{c},
	}
}
