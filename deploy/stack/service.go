package stack

import (
	"github.com/awslabs/goformation/v7/cloudformation/applicationautoscaling"
	"github.com/awslabs/goformation/v7/cloudformation/cloudwatch"
	"github.com/awslabs/goformation/v7/cloudformation/ecs"
)

func (t *Template) service() {
	t.resources["S3BundlerService"] = &ecs.Service{
		Cluster:            new(str(ref("ECSCluster"))),
		TaskDefinition:     new(str(ref("S3BundlerTask"))),
		SchedulingStrategy: new("REPLICA"),
		PropagateTags:      new("SERVICE"),
		// A worker ends by itself after a few manifests, so an update may take
		// old ones away before new ones are there: nothing is lost by it.
		DeploymentConfiguration: &ecs.Service_DeploymentConfiguration{
			MinimumHealthyPercent: new(0), MaximumPercent: new(100),
		},
		PlacementStrategies: []ecs.Service_PlacementStrategy{
			{Type: "spread", Field: new("attribute:ecs.availability-zone")},
			{Type: "binpack", Field: new("CPU")},
		},
	}
	// Zero at creation: with no instance yet, CloudFormation would wait for
	// the first worker in vain.
	t.set("S3BundlerService", "DesiredCount", ref("DesiredCount"))
	// An empty list, for a missing one would leave an old strategy in force.
	t.set("S3BundlerService", "CapacityProviderStrategy", iff("HasCapacityProvider",
		[]any{fn{"CapacityProvider": ref("CapacityProvider"), "Weight": 1}}, []any{}))
}

// scaling goes up with the backlog for each running worker and down only when
// no manifest waits or is in work: so scaling never stops a worker that works.
func (t *Template) scaling() {
	target := &applicationautoscaling.ScalableTarget{
		ServiceNamespace:  "ecs",
		ScalableDimension: "ecs:service:DesiredCount",
		ResourceId:        str(sub("service/${ECSCluster}/${S3BundlerService.Name}")),
	}
	target.AWSCloudFormationCondition = "Scaled"
	t.resources["ScalableTarget"] = target
	t.set("ScalableTarget", "MinCapacity", ref("MinTasks"))
	t.set("ScalableTarget", "MaxCapacity", ref("MaxTasks"))

	t.scalingPolicy("ScaleOut", applicationautoscaling.ScalingPolicy_StepScalingPolicyConfiguration{
		AdjustmentType:         new("PercentChangeInCapacity"),
		MinAdjustmentMagnitude: new(2),
		Cooldown:               new(60),
		MetricAggregationType:  new("Maximum"),
		StepAdjustments:        []applicationautoscaling.ScalingPolicy_StepAdjustment{{MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 100}},
	})
	t.scalingPolicy("ScaleIn", applicationautoscaling.ScalingPolicy_StepScalingPolicyConfiguration{
		AdjustmentType:        new("ExactCapacity"),
		Cooldown:              new(60),
		MetricAggregationType: new("Maximum"),
		StepAdjustments:       []applicationautoscaling.ScalingPolicy_StepAdjustment{{MetricIntervalUpperBound: new(0.0)}},
	})
	t.set("ScaleIn", "StepScalingPolicyConfiguration.StepAdjustments.0.ScalingAdjustment", ref("MinTasks"))
	t.scalingAlarms()
}

func (t *Template) scalingPolicy(name string, steps applicationautoscaling.ScalingPolicy_StepScalingPolicyConfiguration) {
	p := &applicationautoscaling.ScalingPolicy{
		PolicyName:                     name,
		PolicyType:                     "StepScaling",
		ScalingTargetId:                new(str(ref("ScalableTarget"))),
		StepScalingPolicyConfiguration: &steps,
	}
	p.AWSCloudFormationCondition = "Scaled"
	t.resources[name] = p
}

func (t *Template) scalingAlarms() {
	visible := queueMetric("visible", "ApproximateNumberOfMessagesVisible")
	backlog := &cloudwatch.Alarm{
		AlarmDescription:   new("Manifests wait: more than BacklogPerTask for each running worker. Starts workers."),
		ComparisonOperator: "GreaterThanThreshold",
		EvaluationPeriods:  1,
		TreatMissingData:   new("notBreaching"),
		AlarmActions:       []string{str(ref("ScaleOut"))},
		Metrics: []cloudwatch.Alarm_MetricDataQuery{
			visible,
			metric("running", "ECS/ContainerInsights", "RunningTaskCount", "Average", serviceDimensions()...),
			// With no worker running, one manifest is reason enough.
			{Id: "backlog", Label: new("Backlog per task"), ReturnData: new(true),
				Expression: new("IF(FILL(running, 0) > 0, visible / FILL(running, 1), visible * 1001)")},
		},
	}
	backlog.AWSCloudFormationCondition = "Scaled"
	t.resources["BacklogAlarm"] = backlog
	t.set("BacklogAlarm", "Threshold", ref("BacklogPerTask"))

	idle := &cloudwatch.Alarm{
		AlarmDescription:   new("No manifest waits or is in work. Stops workers, down to MinTasks."),
		ComparisonOperator: "LessThanOrEqualToThreshold",
		Threshold:          new(0.0),
		// A queue that nothing happened to for hours has no metrics.
		TreatMissingData: new("breaching"),
		AlarmActions:     []string{str(ref("ScaleIn"))},
		Metrics: []cloudwatch.Alarm_MetricDataQuery{
			visible,
			queueMetric("inwork", "ApproximateNumberOfMessagesNotVisible"),
			{Id: "open", Label: new("Manifests waiting or in work"), ReturnData: new(true), Expression: new("visible + inwork")},
		},
	}
	idle.AWSCloudFormationCondition = "Scaled"
	t.resources["IdleAlarm"] = idle
	t.set("IdleAlarm", "EvaluationPeriods", ref("IdleMinutes"))
}
