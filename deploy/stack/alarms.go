package stack

import "github.com/awslabs/goformation/v7/cloudformation/cloudwatch"

// The metric that people's alarms look at since the first release: lines that
// a person should see, but for objects that were deleted or moved to Glacier
// after the inventory was taken.
const (
	errorPattern    = `"ERROR:" -glaciered -deleted`
	metricNamespace = "S3Bundler"
	errorMetric     = "Errors"
)

func (t *Template) alarms() {
	t.alarm("ErrorAlarm", "s3bundler or s3grouper logged an error. Look for ERROR: in the log group.",
		cloudwatch.Alarm{
			Namespace: new(metricNamespace), MetricName: new(errorMetric), Statistic: new("Sum"),
			Period: new(300), EvaluationPeriods: 1,
			ComparisonOperator: "GreaterThanThreshold", Threshold: new(0.0),
			TreatMissingData: new("notBreaching"),
		})
	t.alarm("OldestManifestAlarm", "A manifest waits longer than OldestManifestHours. Are workers running?",
		cloudwatch.Alarm{
			Metrics: []cloudwatch.Alarm_MetricDataQuery{
				queueMetric("seconds", "ApproximateAgeOfOldestMessage"),
				{Id: "hours", Label: new("Age of the oldest manifest in hours"), ReturnData: new(true), Expression: new("seconds / 3600")},
			},
			EvaluationPeriods:  1,
			ComparisonOperator: "GreaterThanThreshold",
			TreatMissingData:   new("notBreaching"),
		})
	t.set("OldestManifestAlarm", "Threshold", ref("OldestManifestHours"))
	t.alarm("DeadLetterAlarm", "A manifest failed ten times and is in the dead-letter queue.",
		cloudwatch.Alarm{
			Namespace: new("AWS/SQS"), MetricName: new("ApproximateNumberOfMessagesVisible"), Statistic: new("Maximum"),
			Dimensions: []cloudwatch.Alarm_Dimension{{Name: "QueueName", Value: str(dlqMetricName())}},
			Period:     new(300), EvaluationPeriods: 1,
			ComparisonOperator: "GreaterThanThreshold", Threshold: new(0.0),
			TreatMissingData:           new("notBreaching"),
			AWSCloudFormationCondition: "HasDLQ",
		})
}

// alarm adds an alarm that also tells when it is over.
func (t *Template) alarm(name, description string, a cloudwatch.Alarm) {
	a.AlarmDescription = new(description)
	t.resources[name] = &a
	topic := iff("HasAlarmTopic", []any{ref("AlarmTopicARN")}, noValue())
	t.set(name, "AlarmActions", topic)
	t.set(name, "OKActions", topic)
}

func queueMetric(id, name string) cloudwatch.Alarm_MetricDataQuery {
	return metric(id, "AWS/SQS", name, "Maximum", cloudwatch.Alarm_Dimension{Name: "QueueName", Value: str(queueMetricName())})
}

func serviceDimensions() []cloudwatch.Alarm_Dimension {
	return []cloudwatch.Alarm_Dimension{
		{Name: "ClusterName", Value: str(ref("ECSCluster"))},
		{Name: "ServiceName", Value: str(att("S3BundlerService", "Name"))},
	}
}

// metric is one series that an expression uses, a point a minute.
func metric(id, namespace, name, stat string, dimensions ...cloudwatch.Alarm_Dimension) cloudwatch.Alarm_MetricDataQuery {
	return cloudwatch.Alarm_MetricDataQuery{
		Id:         id,
		ReturnData: new(false),
		MetricStat: &cloudwatch.Alarm_MetricStat{
			Metric: &cloudwatch.Alarm_Metric{Namespace: new(namespace), MetricName: new(name), Dimensions: dimensions},
			Period: 60,
			Stat:   stat,
		},
	}
}
