package aws

import (
	"context"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"s3bundler/internal/fault"
)

// EC2 tells what instances there are in a region.
type EC2 struct {
	client *ec2.Client
	region string
}

// NewEC2 returns a client of the region that c names.
func NewEC2(c Config) *EC2 {
	raw := c.sdk()
	return &EC2{ec2.NewFromConfig(raw, func(o *ec2.Options) { o.Retryer = newRetryer(raw.RetryMaxAttempts) }), c.Region()}
}

// InstanceType is what EC2 says of one size of instance.
type InstanceType struct {
	// Name is family and size: "c5d.large".
	Name string
	// Architectures are as EC2 names them: "x86_64", "arm64", "i386".
	Architectures []string
	// VCPUs is the default number.
	VCPUs int
	// Volumes is the number of instance-store volumes; NVMe says that they
	// are NVMe.
	Volumes int
	NVMe    bool
	// Zones are the availability zones that offer it, sorted.
	Zones []string
}

// Zones returns the region's availability zones that this account may use,
// without Local and Wavelength Zones, sorted.
func (e *EC2) Zones(ctx context.Context) ([]string, error) {
	c := e.call("DescribeAvailabilityZones")
	out, err := e.client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		Filters: []types.Filter{
			{Name: awssdk.String("state"), Values: []string{"available"}},
			{Name: awssdk.String("zone-type"), Values: []string{"availability-zone"}},
		},
	})
	if err != nil {
		return nil, fail(ctx, c, err)
	}
	var names []string
	for _, z := range out.AvailabilityZones {
		names = append(names, awssdk.ToString(z.ZoneName))
	}
	slices.Sort(names)
	return names, nil
}

// InstanceTypes returns every size of the families that the region offers,
// sorted by name, each with the zones that offer it.
func (e *EC2) InstanceTypes(ctx context.Context, families []string) ([]InstanceType, error) {
	wanted := []types.Filter{{Name: awssdk.String("instance-type")}}
	for _, f := range families {
		wanted[0].Values = append(wanted[0].Values, f+".*")
	}
	zones, err := e.offerings(ctx, wanted)
	if err != nil {
		return nil, err
	}
	c := e.call("DescribeInstanceTypes")
	var all []InstanceType
	pages := ec2.NewDescribeInstanceTypesPaginator(e.client, &ec2.DescribeInstanceTypesInput{Filters: wanted})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fail(ctx, c, err)
		}
		for _, i := range page.InstanceTypes {
			if t := instanceType(i); len(zones[t.Name]) > 0 {
				t.Zones = zones[t.Name]
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, func(a, b InstanceType) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// offerings are the zones by instance type.
func (e *EC2) offerings(ctx context.Context, wanted []types.Filter) (map[string][]string, error) {
	c := e.call("DescribeInstanceTypeOfferings")
	zones := map[string][]string{}
	pages := ec2.NewDescribeInstanceTypeOfferingsPaginator(e.client, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone, Filters: wanted,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fail(ctx, c, err)
		}
		for _, o := range page.InstanceTypeOfferings {
			zones[string(o.InstanceType)] = append(zones[string(o.InstanceType)], awssdk.ToString(o.Location))
		}
	}
	for _, z := range zones {
		slices.Sort(z)
	}
	return zones, nil
}

func (e *EC2) call(op string) call {
	return call{service: "ec2", op: op, where: "in " + e.region, kind: fault.API}
}

func instanceType(i types.InstanceTypeInfo) InstanceType {
	t := InstanceType{Name: string(i.InstanceType)}
	if i.ProcessorInfo != nil {
		for _, a := range i.ProcessorInfo.SupportedArchitectures {
			t.Architectures = append(t.Architectures, string(a))
		}
	}
	if i.VCpuInfo != nil {
		t.VCPUs = int(awssdk.ToInt32(i.VCpuInfo.DefaultVCpus))
	}
	if i.InstanceStorageInfo != nil {
		t.NVMe = i.InstanceStorageInfo.NvmeSupport != types.EphemeralNvmeSupportUnsupported
		for _, d := range i.InstanceStorageInfo.Disks {
			t.Volumes += int(awssdk.ToInt32(d.Count))
		}
	}
	return t
}
