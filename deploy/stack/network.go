package stack

import (
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/awslabs/goformation/v7/cloudformation/ec2"
	"github.com/awslabs/goformation/v7/cloudformation/tags"
)

// DefaultCIDR is the address range of the machines' VPC.
const DefaultCIDR = "172.21.0.0/16"

// network adds a VPC with one public subnet for each zone and a way to S3
// that costs nothing. It returns the names of the subnets.
func (t *Template) network(cidr netip.Prefix, zones []any) ([]string, error) {
	blocks, err := subnetBlocks(cidr, len(zones))
	if err != nil {
		return nil, err
	}
	t.resources["VPC"] = &ec2.VPC{
		CidrBlock: new(cidr.String()), EnableDnsSupport: new(true), EnableDnsHostnames: new(true), Tags: nameTag(),
	}
	t.resources["InternetGateway"] = &ec2.InternetGateway{Tags: nameTag()}
	t.resources["GatewayAttachment"] = &ec2.VPCGatewayAttachment{
		VpcId: str(ref("VPC")), InternetGatewayId: new(str(ref("InternetGateway"))),
	}
	t.resources["RouteTable"] = &ec2.RouteTable{VpcId: str(ref("VPC")), Tags: nameTag()}
	route := &ec2.Route{
		RouteTableId: str(ref("RouteTable")), DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: new(str(ref("InternetGateway"))),
	}
	route.AWSCloudFormationDependsOn = []string{"GatewayAttachment"}
	t.resources["Route"] = route
	t.resources["S3Endpoint"] = &ec2.VPCEndpoint{
		VpcId: str(ref("VPC")), VpcEndpointType: new("Gateway"),
		ServiceName:   str(sub("com.amazonaws.${AWS::Region}.s3")),
		RouteTableIds: []string{str(ref("RouteTable"))},
	}
	names := make([]string, len(zones))
	for i, zone := range zones {
		names[i] = fmt.Sprintf("Subnet%d", i+1)
		t.resources[names[i]] = &ec2.Subnet{
			VpcId: str(ref("VPC")), CidrBlock: new(blocks[i].String()), MapPublicIpOnLaunch: new(true), Tags: nameTag(),
		}
		t.set(names[i], "AvailabilityZone", zone)
		t.resources[names[i]+"Routes"] = &ec2.SubnetRouteTableAssociation{
			SubnetId: str(ref(names[i])), RouteTableId: str(ref("RouteTable")),
		}
	}
	return names, nil
}

func nameTag() []tags.Tag { return []tags.Tag{{Key: "Name", Value: str(ref("AWS::StackName"))}} }

// subnetBlocks cuts the range into n equal blocks, as large as they can be.
func subnetBlocks(cidr netip.Prefix, n int) ([]netip.Prefix, error) {
	if !cidr.IsValid() || !cidr.Addr().Is4() || cidr != cidr.Masked() {
		return nil, fmt.Errorf("address range %s: write the first address of an IPv4 range, such as %s", cidr, DefaultCIDR)
	}
	if n < 1 {
		return nil, fmt.Errorf("no availability zone: a subnet needs one")
	}
	size := cidr.Bits() + bits.Len(uint(n-1))
	// VPCs and subnets are /16 to /28: "VPC CIDR blocks" in the VPC User Guide.
	if cidr.Bits() < 16 || size > 28 {
		return nil, fmt.Errorf("address range %s does not hold %d subnets of /16 to /28", cidr, n)
	}
	first := cidr.Addr().As4()
	base := uint32(first[0])<<24 | uint32(first[1])<<16 | uint32(first[2])<<8 | uint32(first[3])
	blocks := make([]netip.Prefix, n)
	for i := range blocks {
		a := base + uint32(i)<<(32-size)
		blocks[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), size)
	}
	return blocks, nil
}
