package stack

import (
	"fmt"

	"github.com/awslabs/goformation/v7/cloudformation/autoscaling"
	"github.com/awslabs/goformation/v7/cloudformation/ecs"
)

// groupOverrides is the most sizes that one Auto Scaling group takes. See
// "Quotas for Auto Scaling resources and groups" in the Auto Scaling User
// Guide.
const groupOverrides = 40

// Capacity is a cluster's machines as an Auto Scaling group that ECS itself
// grows and shrinks, down to nothing, as tasks need room.
//
// ECS counts in instances: a group whose sizes have weights is refused to a
// capacity provider, so here MaxInstances stands for VCPUTarget.
func Capacity(m Machines) (*Template, error) {
	strategy, err := groupStrategy(m.Strategy)
	if err != nil {
		return nil, err
	}
	if m.Attributes != nil {
		if err := m.Attributes.check(); err != nil {
			return nil, err
		}
	}
	t := newTemplate("S3 Bundler: ECS capacity provider over an Auto Scaling group of Spot instances, in a VPC of its own")
	g, err := t.ground(m)
	if err != nil {
		return nil, err
	}
	if len(m.Instances) > groupOverrides {
		return nil, fmt.Errorf("%d sizes, and an Auto Scaling group takes %d: name fewer families", len(m.Instances), groupOverrides)
	}
	t.parameters["MaxInstances"] = parameter{Type: "Number", Default: "10", MinValue: new(0),
		Description: "Most instances to run"}
	t.parameters["OnDemandPercentage"] = parameter{Type: "Number", Default: 0, MinValue: new(0), MaxValue: new(100),
		Description: "Percentage of instances that are On-Demand instead of Spot"}
	group := &autoscaling.AutoScalingGroup{
		MinSize: "0", MaxSize: str(ref("MaxInstances")),
		// A new instance before Spot takes the old one.
		CapacityRebalance: new(true),
		MixedInstancesPolicy: &autoscaling.AutoScalingGroup_MixedInstancesPolicy{
			InstancesDistribution: &autoscaling.AutoScalingGroup_InstancesDistribution{
				OnDemandBaseCapacity: new(0), SpotAllocationStrategy: new(strategy),
			},
			LaunchTemplate: groupTemplate(m, g),
		},
		Tags: []autoscaling.AutoScalingGroup_TagProperty{
			{Key: "Name", Value: str(ref("AWS::StackName")), PropagateAtLaunch: true},
			// ECS puts this tag on; named here, an update does not take it off.
			{Key: "AmazonECSManaged", Value: "true", PropagateAtLaunch: true},
		},
	}
	for _, subnet := range g.subnets {
		group.VPCZoneIdentifier = append(group.VPCZoneIdentifier, str(ref(subnet)))
	}
	group.AWSCloudFormationDependsOn = []string{"Route", "S3Endpoint"}
	t.resources["AutoScalingGroup"] = group
	t.set("AutoScalingGroup", "MixedInstancesPolicy.InstancesDistribution.OnDemandPercentageAboveBaseCapacity", ref("OnDemandPercentage"))
	t.capacityProvider()
	return t, nil
}

func (t *Template) capacityProvider() {
	t.resources["CapacityProvider"] = &ecs.CapacityProvider{
		AutoScalingGroupProvider: &ecs.CapacityProvider_AutoScalingGroupProvider{
			AutoScalingGroupArn: str(ref("AutoScalingGroup")),
			// An instance that goes has its tasks drained first.
			ManagedDraining: new("ENABLED"),
			// Protected instances would outlive the stack's deletion. Workers go
			// when the queue is empty, so the instances that go are idle.
			ManagedTerminationProtection: new("DISABLED"),
			ManagedScaling: &ecs.CapacityProvider_ManagedScaling{
				Status: new("ENABLED"), TargetCapacity: new(100),
				MinimumScalingStepSize: new(1), MaximumScalingStepSize: new(10), InstanceWarmupPeriod: new(120),
			},
		},
	}
	t.resources["CapacityProviderAssociation"] = &ecs.ClusterCapacityProviderAssociations{
		Cluster:           str(ref("ECSClusterName")),
		CapacityProviders: []string{str(ref("CapacityProvider"))},
		DefaultCapacityProviderStrategy: []ecs.ClusterCapacityProviderAssociations_CapacityProviderStrategy{
			{CapacityProvider: str(ref("CapacityProvider")), Weight: new(1)},
		},
	}
	t.outputs["CapacityProvider"] = output{"Parameter CapacityProvider of the ecs stack", ref("CapacityProvider"), ""}
	t.outputs["AutoScalingGroup"] = output{"Name of the Auto Scaling group", ref("AutoScalingGroup"), ""}
}

func groupTemplate(m Machines, g ground) *autoscaling.AutoScalingGroup_LaunchTemplate {
	spec := func(arch string) *autoscaling.AutoScalingGroup_LaunchTemplateSpecification {
		name := g.templates[arch]
		return &autoscaling.AutoScalingGroup_LaunchTemplateSpecification{
			LaunchTemplateId: new(str(ref(name))), Version: str(att(name, "LatestVersionNumber")),
		}
	}
	first := m.architectures()[0]
	lt := &autoscaling.AutoScalingGroup_LaunchTemplate{LaunchTemplateSpecification: spec(first)}
	if m.Attributes != nil {
		lt.Overrides = []autoscaling.AutoScalingGroup_LaunchTemplateOverrides{{InstanceRequirements: m.Attributes.requirements()}}
		return lt
	}
	for _, arch := range m.architectures() {
		for _, i := range m.of(arch) {
			o := autoscaling.AutoScalingGroup_LaunchTemplateOverrides{InstanceType: new(i.Type)}
			if arch != first {
				o.LaunchTemplateSpecification = spec(arch)
			}
			lt.Overrides = append(lt.Overrides, o)
		}
	}
	return lt
}

// groupStrategy is Spot Fleet's strategy in the words of Auto Scaling.
func groupStrategy(s string) (string, error) {
	switch s {
	case "", "priceCapacityOptimized":
		return "price-capacity-optimized", nil
	case "capacityOptimized":
		return "capacity-optimized", nil
	case "lowestPrice":
		return "lowest-price", nil
	}
	return "", fmt.Errorf("an Auto Scaling group knows no strategy %q: take priceCapacityOptimized, capacityOptimized or lowestPrice", s)
}
