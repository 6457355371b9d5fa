package stack

import (
	"encoding/json"

	"github.com/awslabs/goformation/v7/cloudformation/cloudwatch"
)

// widget is a piece of the dashboard. See "Dashboard body structure and
// syntax" in the Amazon CloudWatch API Reference.
type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties fn     `json:"properties"`
}

// dashboard answers how far, how fast, what failed, what throttles, what it
// costs.
func (t *Template) dashboard() {
	t.resources["Dashboard"] = &cloudwatch.Dashboard{DashboardBody: str(subWith(dashboardBody(), fn{
		"Queue":   queueMetricName(),
		"DLQ":     iff("HasDLQ", dlqMetricName(), "none"),
		"Bucket":  bucketName(),
		"Service": att("S3BundlerService", "Name"),
	}))}
}

func dashboardBody() string {
	widgets := []widget{
		graph("How far: manifests", "Maximum", false,
			sqsMetric("ApproximateNumberOfMessagesVisible", "${Queue}", "waiting"),
			sqsMetric("ApproximateNumberOfMessagesNotVisible", "${Queue}", "in work"),
			sqsMetric("ApproximateNumberOfMessagesVisible", "${DLQ}", "failed ten times")),
		graph("How far: archived in each five minutes", "Sum", false,
			emf("Objects", "objects"),
			[]any{"AWS/SQS", "NumberOfMessagesDeleted", "QueueName", "${Queue}", fn{"label": "manifests", "yAxis": "right"}}),
		graph("How fast: bytes in a second of each worker", "Average", false,
			emf("BytesPerSecond", "average"),
			[]any{metricNamespace, "BytesPerSecond", fn{"stat": "p10", "label": "slowest tenth below"}}),
		graph("How fast: seconds for a manifest", "p50", false,
			emf("ManifestDuration", "half of them below"),
			[]any{metricNamespace, "ManifestDuration", fn{"stat": "p99", "label": "99 of 100 below"}}),
		graph("What failed: objects left out, by reason", "Sum", true,
			search(`{S3Bundler,Reason} MetricName="DeadLetters"`, "Sum")),
		graph("What failed: errors", "Sum", false,
			emf(errorMetric, "error lines"), emf("GetErrors", "GETs that failed"),
			emf("Redeliveries", "manifests delivered again")),
		graph("What throttles", "Sum", false,
			emf("Throttles", "answers of SlowDown"), emf("GetRetries", "GETs tried again"),
			[]any{metricNamespace, "GetsInFlightLimit", fn{"stat": "Average", "label": "GETs a worker may have in flight", "yAxis": "right"}}),
		graph("Workers", "Average", false,
			insights("RunningTaskCount", "running"), insights("DesiredTaskCount", "wanted"),
			insights("PendingTaskCount", "waiting for an instance")),
		graph("What it costs: an hour, by the prices in the stack's parameters", "Sum", false,
			[]any{metricNamespace, "Objects", fn{"id": "gets", "visible": false, "period": 3600}},
			[]any{"ECS/ContainerInsights", "RunningTaskCount", "ClusterName", "${ECSCluster}", "ServiceName", "${Service}",
				fn{"id": "tasks", "visible": false, "period": 3600, "stat": "Average"}},
			[]any{fn{"expression": "gets / 1000 * ${PricePerThousandGETs}", "label": "GETs", "period": 3600}},
			[]any{fn{"expression": "tasks * ${TaskCPU} / 1024 * ${PricePerVCPUHour}", "label": "workers' cores", "period": 3600}}),
		graph("What it costs: bytes stored and logged", "Average", false,
			[]any{"AWS/S3", "BucketSizeBytes", "BucketName", "${Bucket}", "StorageType", "StandardStorage", fn{"label": "archive bucket, STANDARD", "period": 86400}},
			[]any{"AWS/Logs", "IncomingBytes", "LogGroupName", "${S3BundlerLogs}", fn{"label": "logged", "stat": "Sum", "yAxis": "right"}}),
	}
	const columns, width, height = 2, 12, 6
	for i := range widgets {
		w := &widgets[i]
		w.X, w.Y, w.Width, w.Height = i%columns*width, i/columns*height, width, height
	}
	widgets = append(widgets, widget{
		Type: "log", Y: (len(widgets) + 1) / columns * height, Width: columns * width, Height: height,
		Properties: fn{
			"title": "Errors", "region": "${AWS::Region}", "view": "table",
			"query": "SOURCE '${S3BundlerLogs}' | SOURCE '${S3GrouperLogs}'" +
				" | fields @timestamp, @message | filter @message like /ERROR:/ | sort @timestamp desc | limit 100",
		},
	})
	b, err := json.Marshal(fn{"widgets": widgets})
	if err != nil { // maps, strings and numbers alone: cannot be
		return err.Error()
	}
	return string(b)
}

func graph(title, stat string, stacked bool, metrics ...[]any) widget {
	return widget{Type: "metric", Properties: fn{
		"title": title, "region": "${AWS::Region}", "view": "timeSeries",
		"stat": stat, "period": 300, "stacked": stacked, "metrics": metrics,
	}}
}

func sqsMetric(name, queue, label string) []any {
	return []any{"AWS/SQS", name, "QueueName", queue, fn{"label": label}}
}

func emf(name, label string) []any { return []any{metricNamespace, name, fn{"label": label}} }

func insights(name, label string) []any {
	return []any{"ECS/ContainerInsights", name, "ClusterName", "${ECSCluster}", "ServiceName", "${Service}", fn{"label": label}}
}

// search shows every series that there is, as for dimensions that are not
// known beforehand.
func search(terms, stat string) []any {
	return []any{fn{"expression": "SEARCH('" + terms + "', '" + stat + "', 300)", "label": ""}}
}
