package stack

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"

	// The module of github.com/cristim/ec2-instances-info at that version
	// names itself so.
	catalogue "github.com/LeanerCloud/ec2-instances-info"
)

// Architectures of EC2 instances, as EC2 names them.
const (
	AMD64 = "x86_64"
	ARM64 = "arm64"
)

// Instance is a size of EC2 instance.
type Instance struct {
	// Type is EC2's name for it, family and size: "c5d.large".
	Type string
	// Arch is AMD64 or ARM64.
	Arch  string
	VCPUs int
	// Volumes is the number of instance-store volumes.
	Volumes int
	// NVMe says that they are NVMe: then they need no block device mapping.
	NVMe bool
	// Zones are the availability zones that offer it; empty means any may.
	Zones []string
}

// in reports whether a zone may offer the size.
func (i Instance) in(zone string) bool { return len(i.Zones) == 0 || slices.Contains(i.Zones, zone) }

// Family is the part of an instance type before the dot.
func (i Instance) Family() string {
	family, _, _ := strings.Cut(i.Type, ".")
	return family
}

// Catalogue returns the instance sizes of the catalogue that is built in, as
// of its date, that the ECS-optimised Amazon Linux 2023 runs on. With a
// region, only those that have a price there.
func Catalogue(region string) ([]Instance, error) {
	// The package reports on the standard logger what it does.
	out := log.Writer()
	log.SetOutput(io.Discard)
	data, err := catalogue.Data()
	log.SetOutput(out)
	if err != nil {
		return nil, fmt.Errorf("read the built-in catalogue of instance types: %w", err)
	}
	var all []Instance
	known := region == ""
	for _, d := range *data {
		_, offered := d.Pricing[region]
		known = known || offered
		if region != "" && !offered {
			continue
		}
		if i, ok := fromCatalogue(d); ok {
			all = append(all, i)
		}
	}
	if !known {
		return nil, fmt.Errorf("the built-in catalogue knows no region %q: ask EC2 itself with --live", region)
	}
	return all, nil
}

// fromCatalogue leaves out sizes that Amazon Linux 2023 does not run on: 32
// bits, or paravirtual alone.
func fromCatalogue(d catalogue.EC2Instance) (Instance, bool) {
	i := Instance{Type: d.InstanceType, VCPUs: d.VCPU}
	switch {
	case slices.Contains(d.Arch, "x86_64"):
		i.Arch = AMD64
	case slices.Contains(d.Arch, "arm64"):
		i.Arch = ARM64
	default:
		return Instance{}, false
	}
	if len(d.LinuxVirtualizationTypes) > 0 && !slices.Contains(d.LinuxVirtualizationTypes, "HVM") || d.VCPU == 0 {
		return Instance{}, false
	}
	if d.Storage != nil {
		i.Volumes, i.NVMe = d.Storage.Devices, d.Storage.NVMeSSD
	}
	return i, true
}

// Select returns every size of the families but the metal ones, family by
// family in the order of the catalogue's names, small to large. A family
// without any size is an error.
func Select(all []Instance, families []string) ([]Instance, error) {
	if len(families) == 0 {
		return nil, fmt.Errorf("no instance family: name some with -f, such as -f c5d i3")
	}
	families = slices.Compact(slices.Sorted(slices.Values(families)))
	var chosen []Instance
	for _, family := range families {
		n := len(chosen)
		for _, i := range all {
			if i.Family() == family && !strings.Contains(i.Type, "metal") {
				chosen = append(chosen, i)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("no instance type of family %q is known here that Amazon Linux 2023 runs on: check its name and the region", family)
		}
		slices.SortFunc(chosen[n:], func(a, b Instance) int {
			return cmp.Or(cmp.Compare(a.VCPUs, b.VCPUs), cmp.Compare(a.Type, b.Type))
		})
	}
	return chosen, nil
}
