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

// filterValues is the most values that one filter may have.
const filterValues = 200

// InstanceTypes returns every size of the families that the region offers,
// sorted by name, each with the zones that offer it.
func (e *EC2) InstanceTypes(ctx context.Context, families []string) ([]InstanceType, error) {
	c := e.call("DescribeInstanceTypes")
	wanted := types.Filter{Name: awssdk.String("instance-type")}
	for _, f := range families {
		wanted.Values = append(wanted.Values, f+".*")
	}
	var all []InstanceType
	var names []string
	pages := ec2.NewDescribeInstanceTypesPaginator(e.client, &ec2.DescribeInstanceTypesInput{Filters: []types.Filter{wanted}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fail(ctx, c, err)
		}
		for _, i := range page.InstanceTypes {
			all = append(all, instanceType(i))
			names = append(names, string(i.InstanceType))
		}
	}
	zones := map[string][]string{}
	for some := range slices.Chunk(names, filterValues) {
		if err := e.offerings(ctx, some, zones); err != nil {
			return nil, err
		}
	}
	for i := range all {
		all[i].Zones = slices.Sorted(slices.Values(zones[all[i].Name]))
	}
	all = slices.DeleteFunc(all, func(t InstanceType) bool { return len(t.Zones) == 0 })
	slices.SortFunc(all, func(a, b InstanceType) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// offerings adds the zones that offer the instance types to zones.
func (e *EC2) offerings(ctx context.Context, names []string, zones map[string][]string) error {
	c := e.call("DescribeInstanceTypeOfferings")
	pages := ec2.NewDescribeInstanceTypeOfferingsPaginator(e.client, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone,
		Filters:      []types.Filter{{Name: awssdk.String("instance-type"), Values: names}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fail(ctx, c, err)
		}
		for _, o := range page.InstanceTypeOfferings {
			name := string(o.InstanceType)
			zones[name] = append(zones[name], awssdk.ToString(o.Location))
		}
	}
	return nil
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
