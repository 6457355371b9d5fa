package stack

import (
	"fmt"
	"net/netip"

	"github.com/awslabs/goformation/v7/cloudformation/ec2"
	"github.com/awslabs/goformation/v7/cloudformation/iam"
	"github.com/awslabs/goformation/v7/cloudformation/tags"
)

// Machines say what instances a cluster stack may have and where they stand.
type Machines struct {
	// Instances are the sizes to choose from, at least one, unless Attributes
	// are given.
	Instances []Instance
	// Attributes let an Auto Scaling group choose the sizes itself.
	Attributes *Attributes
	// CIDR is the VPC's address range; its zero value means DefaultCIDR.
	CIDR netip.Prefix
	// Zones are the availability zones by name. Empty means the first
	// ZoneCount of those that CloudFormation finds in the stack's region.
	Zones []string
	// ZoneCount is how many; zero means DefaultZoneCount.
	ZoneCount int
	// Strategy is how Spot capacity is spread over sizes and zones, as Spot
	// Fleet names it; empty means DefaultStrategy.
	Strategy string
}

const (
	// DefaultZoneCount zones are in nearly every region.
	DefaultZoneCount = 3
	// DefaultStrategy is what AWS recommends for Spot capacity.
	DefaultStrategy = "priceCapacityOptimized"
	// rootVolumeGB is that of the ECS-optimised image.
	rootVolumeGB = 30
)

// SSM parameters of the newest image. See "Retrieving Amazon ECS-optimized
// Linux AMI metadata" in the ECS Developer Guide.
const (
	imageAMD64 = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
	imageARM64 = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"
)

// ground is what both cluster stacks have in common: network, roles, security
// group, and a launch template for each architecture.
type ground struct {
	subnets []string
	// templates are the launch templates' names, by architecture.
	templates map[string]string
}

func (t *Template) ground(m Machines) (ground, error) {
	if len(m.architectures()) == 0 {
		return ground{}, fmt.Errorf("no instance type to choose from")
	}
	t.machineParameters(m)
	t.conditions["HasKeyPair"] = given("SSHKeyPair")
	cidr := m.CIDR
	if cidr == (netip.Prefix{}) {
		cidr = netip.MustParsePrefix(DefaultCIDR)
	}
	subnets, err := t.network(cidr, m.zones())
	if err != nil {
		return ground{}, err
	}
	t.instanceRole()
	t.securityGroup()
	g := ground{subnets: subnets, templates: map[string]string{}}
	for _, arch := range m.architectures() {
		g.templates[arch] = t.launchTemplate(arch, m)
	}
	return g, nil
}

// zones are names, or functions that give one.
func (m Machines) zones() []any {
	var zones []any
	for _, z := range m.Zones {
		zones = append(zones, z)
	}
	if len(zones) > 0 {
		return zones
	}
	n := m.ZoneCount
	if n == 0 {
		n = DefaultZoneCount
	}
	for i := range n {
		zones = append(zones, pick(i, fn{"Fn::GetAZs": ref("AWS::Region")}))
	}
	return zones
}

// architectures are those of the instances, AMD64 first.
func (m Machines) architectures() []string {
	if m.Attributes != nil {
		return []string{m.Attributes.Arch}
	}
	var list []string
	for _, arch := range []string{AMD64, ARM64} {
		if len(m.of(arch)) > 0 {
			list = append(list, arch)
		}
	}
	return list
}

// of returns the instances of one architecture.
func (m Machines) of(arch string) []Instance {
	var list []Instance
	for _, i := range m.Instances {
		if i.Arch == arch {
			list = append(list, i)
		}
	}
	return list
}

func (t *Template) machineParameters(m Machines) {
	t.parameters["ECSClusterName"] = parameter{Type: "String", AllowedPattern: "^[A-Za-z0-9_-]{1,255}$",
		ConstraintDescription: "the name of a cluster",
		Description:           "Output ECSCluster of the ecs stack"}
	t.parameters["SSHKeyPair"] = parameter{Type: "String", Default: "", AllowedPattern: `^[ -~]*$`,
		Description: "Key pair for SSH. Empty: none, and no port is open."}
	t.parameters["SSHFrom"] = parameter{Type: "String", Default: "127.0.0.1/32", AllowedPattern: `^[0-9.]+/[0-9]{1,2}$`,
		Description: "Addresses that may open SSH connections if there is a key pair, such as your own with /32"}
	arch := m.architectures()
	t.imageParameters("", arch[0])
	if len(arch) > 1 {
		t.imageParameters("ARM64", arch[1])
	}
}

// imageParameters lets an image be fixed, and finds the newest one otherwise.
func (t *Template) imageParameters(suffix, arch string) {
	latest := imageAMD64
	if arch == ARM64 {
		latest = imageARM64
	}
	t.parameters["ECSOptimizedAMI"+suffix] = parameter{Type: "String", Default: "", AllowedPattern: `^$|^ami-[0-9a-f]+$`,
		Description: "ECS-optimised Amazon Linux 2023 image for " + arch + ". Empty takes the newest."}
	t.parameters["LatestAMI"+suffix] = parameter{Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: latest,
		Description: "Where AWS publishes the newest image for " + arch + ". Leave it."}
	t.conditions["FixedImage"+suffix] = given("ECSOptimizedAMI" + suffix)
}

func (t *Template) instanceRole() {
	t.resources["InstanceRole"] = &iam.Role{
		AssumeRolePolicyDocument: document(fn{
			"Effect": "Allow", "Action": "sts:AssumeRole",
			"Principal": fn{"Service": sub("ec2.${AWS::URLSuffix}")},
		}),
		ManagedPolicyArns: []string{str(sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"))},
	}
	t.resources["InstanceProfile"] = &iam.InstanceProfile{Roles: []string{str(ref("InstanceRole"))}}
}

func (t *Template) securityGroup() {
	t.resources["SecurityGroup"] = &ec2.SecurityGroup{
		GroupDescription: "S3 Bundler instances: out to anywhere, in only by SSH if there is a key pair",
		VpcId:            new(str(ref("VPC"))),
		SecurityGroupEgress: []ec2.SecurityGroup_Egress{{
			IpProtocol: "-1", CidrIp: new("0.0.0.0/0"), Description: new("S3, SQS, ECS, ECR and CloudWatch"),
		}},
	}
	ssh := &ec2.SecurityGroupIngress{
		GroupId: new(str(ref("SecurityGroup"))), IpProtocol: "tcp", FromPort: new(22), ToPort: new(22),
		CidrIp: new(str(ref("SSHFrom"))), Description: new("SSH"),
	}
	ssh.AWSCloudFormationCondition = "HasKeyPair"
	t.resources["SSHAccess"] = ssh
}

func (t *Template) launchTemplate(arch string, m Machines) string {
	name, suffix := "LaunchTemplate", ""
	if arch != m.architectures()[0] {
		name, suffix = "LaunchTemplateARM64", "ARM64"
	}
	tagged := nameTag()
	t.resources[name] = &ec2.LaunchTemplate{
		LaunchTemplateData: &ec2.LaunchTemplate_LaunchTemplateData{
			ImageId:             new(str(iff("FixedImage"+suffix, ref("ECSOptimizedAMI"+suffix), ref("LatestAMI"+suffix)))),
			KeyName:             new(str(iff("HasKeyPair", ref("SSHKeyPair"), noValue()))),
			IamInstanceProfile:  &ec2.LaunchTemplate_IamInstanceProfile{Arn: new(str(att("InstanceProfile", "Arn")))},
			SecurityGroupIds:    []string{str(att("SecurityGroup", "GroupId"))},
			MetadataOptions:     &ec2.LaunchTemplate_MetadataOptions{HttpTokens: new("required"), HttpPutResponseHopLimit: new(2)},
			BlockDeviceMappings: blockDevices(m.of(arch)),
			UserData:            new(str(userDataFor())),
			TagSpecifications: []ec2.LaunchTemplate_TagSpecification{
				{ResourceType: new("instance"), Tags: tagged}, {ResourceType: new("volume"), Tags: tagged},
			},
		},
		TagSpecifications: []ec2.LaunchTemplate_LaunchTemplateTagSpecification{
			{ResourceType: new("launch-template"), Tags: []tags.Tag{{Key: "Name", Value: str(ref("AWS::StackName"))}}},
		},
	}
	return name
}

// blockDevices are the boot disk and the instance-store volumes of sizes that
// have older ones: NVMe volumes are there by themselves, older ones only if
// they are mapped. A mapping that a size has no volume for does nothing.
func blockDevices(instances []Instance) []ec2.LaunchTemplate_BlockDeviceMapping {
	list := []ec2.LaunchTemplate_BlockDeviceMapping{{
		DeviceName: new("/dev/xvda"),
		Ebs: &ec2.LaunchTemplate_Ebs{
			VolumeType: new("gp3"), VolumeSize: new(rootVolumeGB), Encrypted: new(true), DeleteOnTermination: new(true),
		},
	}}
	older := 0
	for _, i := range instances {
		if !i.NVMe {
			older = max(older, i.Volumes)
		}
	}
	for n := range min(older, 24) { // sdb to sdy: "Device names" in the EC2 User Guide
		list = append(list, ec2.LaunchTemplate_BlockDeviceMapping{
			DeviceName: new("/dev/sd" + string(rune('b'+n))), VirtualName: new(fmt.Sprintf("ephemeral%d", n)),
		})
	}
	return list
}
