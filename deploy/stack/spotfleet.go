package stack

import (
	"fmt"
	"slices"

	"github.com/awslabs/goformation/v7/cloudformation/ec2"
	"github.com/awslabs/goformation/v7/cloudformation/iam"
)

// Strategies are the ways that Spot Fleet spreads capacity over sizes and
// zones. See SpotFleetRequestConfigData in the EC2 API Reference.
func Strategies() []string {
	return []string{"priceCapacityOptimized", "capacityOptimized", "diversified", "lowestPrice"}
}

// fleetPools is the most combinations of size and zone that one Spot Fleet
// request takes. See "Spot Fleet quotas" in the EC2 User Guide.
const fleetPools = 300

// SpotFleet is a cluster's machines as a Spot Fleet: capacity is counted in
// vCPUs, and stays at VCPUTarget until the stack is told otherwise.
func SpotFleet(m Machines) (*Template, error) {
	strategy := m.Strategy
	if strategy == "" {
		strategy = DefaultStrategy
	}
	if !slices.Contains(Strategies(), strategy) {
		return nil, fmt.Errorf("a Spot Fleet knows no strategy %q: take one of %v", strategy, Strategies())
	}
	if m.Attributes != nil {
		return nil, fmt.Errorf("a Spot Fleet takes families, no attributes")
	}
	t := newTemplate("S3 Bundler: Spot Fleet of ECS instances, in a VPC of its own")
	g, err := t.ground(m)
	if err != nil {
		return nil, err
	}
	configs, pools := launchConfigs(m, g)
	if pools == 0 || pools > fleetPools {
		return nil, fmt.Errorf("%d sizes in %d zones are %d pools, and Spot Fleet takes 1 to %d: name other families or zones",
			len(m.Instances), len(g.subnets), pools, fleetPools)
	}
	t.parameters["VCPUTarget"] = parameter{Type: "Number", Default: 16, MinValue: new(0),
		Description: "vCPUs to run, in instances of any size. 0 ends all instances."}
	t.parameters["VCPUSpotBid"] = parameter{Type: "String", Default: "", AllowedPattern: `^$|^[0-9]*\.?[0-9]+$`,
		ConstraintDescription: "a price in USD, or nothing",
		Description:           "Most to pay for a vCPU and hour, in USD. Empty: the On-Demand price."}
	t.conditions["HasBid"] = given("VCPUSpotBid")
	t.resources["FleetRole"] = &iam.Role{
		AssumeRolePolicyDocument: trust("spotfleet.amazonaws.com"),
		ManagedPolicyArns:        []string{str(sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole"))},
	}
	fleet := &ec2.SpotFleet{SpotFleetRequestConfigData: &ec2.SpotFleet_SpotFleetRequestConfigData{
		AllocationStrategy:               new(strategy),
		IamFleetRole:                     str(att("FleetRole", "Arn")),
		LaunchTemplateConfigs:            configs,
		ReplaceUnhealthyInstances:        new(true),
		SpotPrice:                        new(str(iff("HasBid", ref("VCPUSpotBid"), noValue()))),
		TerminateInstancesWithExpiration: new(true),
		Type:                             new("maintain"),
	}}
	// The instances need the way out when they start, and until they end.
	fleet.AWSCloudFormationDependsOn = []string{"Route", "S3Endpoint"}
	t.resources["SpotFleet"] = fleet
	t.set("SpotFleet", "SpotFleetRequestConfigData.TargetCapacity", ref("VCPUTarget"))
	t.outputs["SpotFleet"] = output{"ID of the Spot Fleet request", ref("SpotFleet"), ""}
	return t, nil
}

// launchConfigs names every size in every zone that may offer it, weighted by
// its vCPUs, and counts them.
func launchConfigs(m Machines, g ground) (configs []ec2.SpotFleet_LaunchTemplateConfig, pools int) {
	for _, arch := range m.architectures() {
		name := g.templates[arch]
		c := ec2.SpotFleet_LaunchTemplateConfig{LaunchTemplateSpecification: &ec2.SpotFleet_FleetLaunchTemplateSpecification{
			LaunchTemplateId: new(str(ref(name))), Version: str(att(name, "LatestVersionNumber")),
		}}
		for _, i := range m.of(arch) {
			for n, subnet := range g.subnets {
				if len(m.Zones) > 0 && !i.in(m.Zones[n]) {
					continue
				}
				c.Overrides = append(c.Overrides, ec2.SpotFleet_LaunchTemplateOverrides{
					InstanceType: new(i.Type), SubnetId: new(str(ref(subnet))), WeightedCapacity: new(float64(i.VCPUs)),
				})
			}
		}
		if len(c.Overrides) > 0 {
			configs = append(configs, c)
			pools += len(c.Overrides)
		}
	}
	return configs, pools
}
