package stack

import (
	"fmt"

	"github.com/awslabs/goformation/v7/cloudformation/autoscaling"
)

// Attributes are what any instance must have that the group may take: sizes
// that come to EC2 later are taken too.
type Attributes struct {
	// Arch is AMD64 or ARM64.
	Arch string
	// MinVCPUs and MaxVCPUs are those of one instance.
	MinVCPUs, MaxVCPUs int
	// MinMemoryMiB is that of one instance.
	MinMemoryMiB int
	// InstanceStore asks for sizes that have volumes of their own.
	InstanceStore bool
}

func (a Attributes) check() error {
	switch {
	case a.Arch != AMD64 && a.Arch != ARM64:
		return fmt.Errorf("architecture %q: write %s or %s", a.Arch, AMD64, ARM64)
	case a.MinVCPUs < 1 || a.MaxVCPUs < a.MinVCPUs:
		return fmt.Errorf("%d to %d vCPUs: write at least 1, the smaller number first", a.MinVCPUs, a.MaxVCPUs)
	case a.MinMemoryMiB < 1:
		return fmt.Errorf("%d MiB of memory: write at least 1", a.MinMemoryMiB)
	}
	return nil
}

// requirements are the attributes in the words of Auto Scaling. See
// InstanceRequirements in the Auto Scaling API Reference.
func (a Attributes) requirements() *autoscaling.AutoScalingGroup_InstanceRequirements {
	makers := []string{"intel", "amd"}
	if a.Arch == ARM64 {
		makers = []string{"amazon-web-services"}
	}
	store := "included"
	if a.InstanceStore {
		store = "required"
	}
	return &autoscaling.AutoScalingGroup_InstanceRequirements{
		VCpuCount:        &autoscaling.AutoScalingGroup_VCpuCountRequest{Min: new(a.MinVCPUs), Max: new(a.MaxVCPUs)},
		MemoryMiB:        &autoscaling.AutoScalingGroup_MemoryMiBRequest{Min: new(a.MinMemoryMiB)},
		CpuManufacturers: makers,
		LocalStorage:     new(store),
		// Credits run out under a load that does not end.
		BurstablePerformance: new("excluded"),
		BareMetal:            new("excluded"),
		InstanceGenerations:  []string{"current"},
	}
}
