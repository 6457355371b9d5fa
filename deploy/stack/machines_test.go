package stack

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSubnetBlocks(t *testing.T) {
	tests := []struct {
		cidr string
		n    int
		want string // blocks, or an error
	}{
		{"172.21.0.0/16", 1, "172.21.0.0/16"},
		{"172.21.0.0/16", 2, "172.21.0.0/17 172.21.128.0/17"},
		{"172.21.0.0/16", 3, "172.21.0.0/18 172.21.64.0/18 172.21.128.0/18"},
		{"10.0.1.0/24", 6, "10.0.1.0/27 10.0.1.32/27 10.0.1.64/27 10.0.1.96/27 10.0.1.128/27 10.0.1.160/27"},
		{"255.255.0.0/16", 2, "255.255.0.0/17 255.255.128.0/17"},
		{"10.0.0.0/15", 2, "does not hold"},
		{"10.0.0.0/28", 2, "does not hold"},
		{"10.0.0.1/16", 2, "write the first address"},
		{"fd00::/56", 2, "write the first address"},
		{"10.0.0.0/16", 0, "no availability zone"},
	}
	for _, tt := range tests {
		blocks, err := subnetBlocks(netip.MustParsePrefix(tt.cidr), tt.n)
		var got []string
		for _, b := range blocks {
			got = append(got, b.String())
		}
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && strings.Join(got, " ") != tt.want {
			t.Errorf("%s in %d: %v, %v", tt.cidr, tt.n, got, err)
		}
	}
}

func FuzzSubnetBlocks(f *testing.F) {
	f.Add("172.21.0.0/16", 3)
	f.Add("10.0.0.0/24", 16)
	f.Add("::/0", 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		cidr, err := netip.ParsePrefix(s)
		if err != nil || n > 5000 {
			t.Skip()
		}
		blocks, err := subnetBlocks(cidr, n)
		if err != nil {
			return
		}
		for i, b := range blocks {
			if !cidr.Contains(b.Addr()) || b.Bits() > 28 || i > 0 && b.Overlaps(blocks[i-1]) {
				t.Fatalf("%s in %d: %v", cidr, n, blocks)
			}
		}
	})
}

func TestCatalogue(t *testing.T) {
	all, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Instance{
		{Type: "c5d.large", Arch: AMD64, VCPUs: 2, Volumes: 1, NVMe: true},
		{Type: "i3.16xlarge", Arch: AMD64, VCPUs: 64, Volumes: 8, NVMe: true},
		{Type: "m5.large", Arch: AMD64, VCPUs: 2},
		{Type: "c6gd.medium", Arch: ARM64, VCPUs: 1, Volumes: 1, NVMe: true},
		{Type: "c3.8xlarge", Arch: AMD64, VCPUs: 32, Volumes: 2},
	} {
		i := slices.IndexFunc(all, func(i Instance) bool { return i.Type == want.Type })
		if i < 0 || !cmp.Equal(all[i], want) {
			t.Errorf("%s: %s", want.Type, cmp.Diff(want, all[i]))
		}
	}
	for _, i := range all {
		if i.Type == "m1.small" || i.VCPUs == 0 {
			t.Errorf("%+v: Amazon Linux 2023 does not run on it", i)
		}
	}
	near, err := Catalogue("eu-west-1")
	if err != nil || len(near) == 0 || len(near) >= len(all) {
		t.Errorf("eu-west-1 has %d of %d sizes, %v", len(near), len(all), err)
	}
	if _, err := Catalogue("mars-north-1"); err == nil || !strings.Contains(err.Error(), "--live") {
		t.Errorf("a region that does not exist: %v", err)
	}
}

func TestSelect(t *testing.T) {
	all := []Instance{
		{Type: "a1.metal", VCPUs: 16}, {Type: "a1.large", VCPUs: 2}, {Type: "a1.medium", VCPUs: 1},
		{Type: "b2.metal-24xl", VCPUs: 96}, {Type: "b2.large", VCPUs: 2}, {Type: "a1x.large", VCPUs: 2}, {Type: "bare.metal", VCPUs: 1},
	}
	for _, tt := range []struct{ families, want string }{
		{"b2 a1", "a1.medium a1.large b2.large"},
		{"a1 a1", "a1.medium a1.large"},
		{"", "no instance family"},
		{"a1 c9", `family "c9"`},
		{"bare", `family "bare"`},
	} {
		chosen, err := Select(all, strings.Fields(tt.families))
		var got []string
		for _, i := range chosen {
			got = append(got, i.Type)
		}
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, %v", tt.families, got, err)
		}
	}
}

var mixed = []Instance{
	{Type: "c3.large", Arch: AMD64, VCPUs: 2, Volumes: 2},
	{Type: "c5d.large", Arch: AMD64, VCPUs: 2, Volumes: 1, NVMe: true, Zones: []string{"z1"}},
	{Type: "c6g.xlarge", Arch: ARM64, VCPUs: 4},
}

func TestSpotFleet(t *testing.T) {
	tmpl, err := SpotFleet(Machines{Instances: mixed, Zones: []string{"z1", "z2"}, CIDR: netip.MustParsePrefix("10.1.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	r := resolve(t, tmpl, map[string]string{"VCPUTarget": "40", "VCPUSpotBid": "0.01"})
	fleet := "SpotFleet.SpotFleetRequestConfigData."
	arm := "LaunchTemplateARM64.LaunchTemplateData."
	for path, want := range (wants{
		fleet + "AllocationStrategy":                                                   "priceCapacityOptimized",
		fleet + "SpotPrice":                                                            "0.01",
		fleet + "Type":                                                                 "maintain",
		fleet + "LaunchTemplateConfigs.0.Overrides.0":                                  override("c3.large", "Subnet1", 2),
		fleet + "LaunchTemplateConfigs.0.Overrides.1":                                  override("c3.large", "Subnet2", 2),
		fleet + "LaunchTemplateConfigs.0.Overrides.2":                                  override("c5d.large", "Subnet1", 2),
		fleet + "LaunchTemplateConfigs.0.Overrides.3":                                  nil, // z2 does not offer it
		fleet + "LaunchTemplateConfigs.1.Overrides.1":                                  override("c6g.xlarge", "Subnet2", 4),
		fleet + "LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId": "LaunchTemplateARM64",
		"Subnet2.AvailabilityZone":                                                     "z2",
		"Subnet2.CidrBlock":                                                            "10.1.128.0/17",
		"LaunchTemplate.LaunchTemplateData.ImageId":                                    imageAMD64,
		arm + "ImageId":                                                                imageARM64,
		arm + "MetadataOptions":                                                        map[string]any{"HttpTokens": "required", "HttpPutResponseHopLimit": 2.0},
		arm + "BlockDeviceMappings.0.Ebs":                                              map[string]any{"VolumeType": "gp3", "VolumeSize": 30.0, "Encrypted": true, "DeleteOnTermination": true},
		arm + "BlockDeviceMappings.1":                                                  nil,
		"LaunchTemplate.LaunchTemplateData.BlockDeviceMappings.2":                      map[string]any{"DeviceName": "/dev/sdc", "VirtualName": "ephemeral1"},
		"LaunchTemplate.LaunchTemplateData.BlockDeviceMappings.3":                      nil,
		"LaunchTemplate.LaunchTemplateData.KeyName":                                    nil,
		"SecurityGroup.SecurityGroupIngress":                                           nil,
		"S3Endpoint.VpcEndpointType":                                                   "Gateway",
		"S3Endpoint.RouteTableIds":                                                     list("RouteTable"),
	}) {
		if got := r.at(path); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", path, cmp.Diff(want, got))
		}
	}
	if r.resources["SSHAccess"] != nil {
		t.Error("a port is open without a key pair")
	}
	if r.outputs["SpotFleet"] == nil {
		t.Error("no output SpotFleet")
	}

	r = resolve(t, tmpl, map[string]string{"SSHKeyPair": "me", "SSHFrom": "192.0.2.1/32", "ECSOptimizedAMI": "ami-0a", "ECSOptimizedAMIARM64": "ami-0b"})
	for path, want := range (wants{
		fleet + "SpotPrice":                         nil,
		"SSHAccess.CidrIp":                          "192.0.2.1/32",
		"LaunchTemplate.LaunchTemplateData.KeyName": "me",
		"LaunchTemplate.LaunchTemplateData.ImageId": "ami-0a",
		arm + "ImageId":                             "ami-0b",
	}) {
		if got := r.at(path); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", path, cmp.Diff(want, got))
		}
	}
}

func override(instance, subnet string, weight float64) map[string]any {
	return map[string]any{"InstanceType": instance, "SubnetId": subnet, "WeightedCapacity": weight}
}

func TestZones(t *testing.T) {
	tmpl, err := SpotFleet(Machines{Instances: mixed[:1], ZoneCount: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := resolve(t, tmpl, nil)
	if got := r.at("Subnet2.AvailabilityZone"); got != "eu-west-1b" {
		t.Errorf("the second zone is %v", got)
	}
	if r.resources["Subnet3"] != nil {
		t.Error("three subnets for two zones")
	}
}

func TestCapacity(t *testing.T) {
	tmpl, err := Capacity(Machines{Instances: mixed, Strategy: "lowestPrice"})
	if err != nil {
		t.Fatal(err)
	}
	r := resolve(t, tmpl, map[string]string{"ECSClusterName": "c", "OnDemandPercentage": "25"})
	group := "AutoScalingGroup.MixedInstancesPolicy."
	for path, want := range (wants{
		"AutoScalingGroup.MinSize":                                                        "0",
		"AutoScalingGroup.VPCZoneIdentifier":                                              list("Subnet1", "Subnet2", "Subnet3"),
		group + "InstancesDistribution.SpotAllocationStrategy":                            "lowest-price",
		group + "LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId":             "LaunchTemplate",
		group + "LaunchTemplate.Overrides.0":                                              map[string]any{"InstanceType": "c3.large"},
		group + "LaunchTemplate.Overrides.2.InstanceType":                                 "c6g.xlarge",
		group + "LaunchTemplate.Overrides.2.LaunchTemplateSpecification.LaunchTemplateId": "LaunchTemplateARM64",
		"CapacityProvider.AutoScalingGroupProvider.ManagedDraining":                       "ENABLED",
		"CapacityProvider.AutoScalingGroupProvider.ManagedScaling.Status":                 "ENABLED",
		"CapacityProviderAssociation.Cluster":                                             "c",
	}) {
		if got := r.at(path); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", path, cmp.Diff(want, got))
		}
	}
	if r.outputs["CapacityProvider"] == nil {
		t.Error("no output CapacityProvider")
	}

	tmpl, err = Capacity(Machines{Attributes: &Attributes{Arch: ARM64, MinVCPUs: 4, MaxVCPUs: 8, MinMemoryMiB: 8192, InstanceStore: true}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"VCpuCount": map[string]any{"Min": 4.0, "Max": 8.0}, "MemoryMiB": map[string]any{"Min": 8192.0},
		"CpuManufacturers": list("amazon-web-services"), "LocalStorage": "required", "BareMetal": "excluded",
		"BurstablePerformance": "excluded", "InstanceGenerations": list("current"),
	}
	if got := resolve(t, tmpl, nil).at(group + "LaunchTemplate.Overrides.0.InstanceRequirements"); !cmp.Equal(got, any(want)) {
		t.Error(cmp.Diff(any(want), got))
	}
}

func TestRefused(t *testing.T) {
	many := make([]Instance, 101)
	for i := range many {
		many[i] = Instance{Type: "x.large", Arch: AMD64, VCPUs: 2}
	}
	attributes := func(change func(*Attributes)) error {
		a := Attributes{Arch: AMD64, MinVCPUs: 2, MaxVCPUs: 4, MinMemoryMiB: 1}
		change(&a)
		_, err := Capacity(Machines{Attributes: &a})
		return err
	}
	_, noInstance := SpotFleet(Machines{})
	_, pools := SpotFleet(Machines{Instances: many})
	_, nowhere := SpotFleet(Machines{Instances: mixed[1:2], Zones: []string{"z9"}})
	_, strategy := SpotFleet(Machines{Instances: mixed, Strategy: "cheap"})
	_, sizes := Capacity(Machines{Instances: many})
	_, diversified := Capacity(Machines{Instances: mixed, Strategy: "diversified"})
	_, fleetAttributes := SpotFleet(Machines{Attributes: &Attributes{}})
	for _, tt := range []struct {
		err  error
		want string
	}{
		{noInstance, "no instance type"},
		{pools, "303 pools"},
		{nowhere, "0 pools"},
		{strategy, `strategy "cheap"`},
		{sizes, "101 sizes"},
		{diversified, `strategy "diversified"`},
		{fleetAttributes, "no attributes"},
		{attributes(func(*Attributes) {}), ""},
		{attributes(func(a *Attributes) { a.Arch = "riscv" }), `"riscv"`},
		{attributes(func(a *Attributes) { a.MinVCPUs = 8 }), "8 to 4 vCPUs"},
		{attributes(func(a *Attributes) { a.MinVCPUs = 0 }), "0 to 4 vCPUs"},
		{attributes(func(a *Attributes) { a.MinMemoryMiB = 0 }), "0 MiB"},
	} {
		if tt.want == "" != (tt.err == nil) || tt.err != nil && !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%v, want %q", tt.err, tt.want)
		}
	}
}
