package main

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"s3bundler/deploy/stack"
	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// machineFlags are those of spotfleet and capacity.
type machineFlags struct {
	cli.Flags
	families  []string
	cidr      string
	zones     []string
	zoneCount int
	strategy  string
	live      bool
	file      string
}

func (f *machineFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringSliceVarP(&f.families, "families", "f", nil, "instance `FAMILY`s, with spaces or commas between them")
	fs.StringVarP(&f.cidr, "cidr", "s", stack.DefaultCIDR, "address `RANGE` of the VPC")
	fs.StringSliceVar(&f.zones, "zones", nil, "availability `ZONE`s (default: with --live those of the region, else the first --zone-count that CloudFormation finds)")
	fs.IntVar(&f.zoneCount, "zone-count", stack.DefaultZoneCount, "`N` zones, where they are not named")
	fs.StringVar(&f.strategy, "strategy", stack.DefaultStrategy, "how Spot capacity is spread: `NAME` of "+strings.Join(stack.Strategies(), ", "))
	fs.BoolVar(&f.live, "live", false, "ask EC2 for sizes and zones, instead of the catalogue that is built in")
	addOutput(cmd, &f.file)
	f.Flags.Add(cmd)
}

func newSpotFleet() *cobra.Command {
	var f machineFlags
	cmd := &cobra.Command{
		Use:   "spotfleet -f FAMILY… [-s CIDR] [--region R] [-o FILE]",
		Short: "Machines: a Spot Fleet that keeps a number of vCPUs running",
		Example: `  s3bundler-cfn spotfleet -f i3 c5d > s3bundler-spotfleet.cfn.json
  s3bundler-cfn spotfleet -f c6gd,c7gd --live --region eu-west-1 > arm.cfn.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := f.machines(cmd.Context(), args)
			if err != nil {
				return err
			}
			t, err := stack.SpotFleet(m)
			if err != nil {
				return cli.Usagef("%s", err)
			}
			return write(cmd, f.file, t)
		},
	}
	f.add(cmd)
	return cmd
}

func newCapacity() *cobra.Command {
	var f machineFlags
	var vcpus, arch string
	memory := 4 * object.GiB
	a := stack.Attributes{}
	cmd := &cobra.Command{
		Use:   "capacity [-f FAMILY… | --vcpus MIN-MAX] [-s CIDR] [--region R] [-o FILE]",
		Short: "Machines: an ECS capacity provider that grows with the work, from nothing",
		Example: `  s3bundler-cfn capacity --vcpus 2-32 --memory 4GB > s3bundler-capacity.cfn.json
  s3bundler-cfn capacity -f c6gd c7gd > arm.cfn.json`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var m stack.Machines
			if len(f.families) > 0 {
				m, err = f.machines(cmd.Context(), args)
			} else if a.MinVCPUs, a.MaxVCPUs, err = span(vcpus); err == nil {
				a.Arch, a.MinMemoryMiB = arch, int(memory/object.MiB)
				if m, err = f.place(cmd.Context(), args); err == nil {
					m.Attributes = &a
				}
			}
			if err != nil {
				return err
			}
			t, err := stack.Capacity(m)
			if err != nil {
				return cli.Usagef("%s", err)
			}
			return write(cmd, f.file, t)
		},
	}
	f.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&vcpus, "vcpus", "2-32", "without -f: any size with `MIN-MAX` vCPUs")
	fs.Var(&memory, "memory", "without -f: and at least this `SIZE` of memory")
	fs.StringVar(&arch, "arch", stack.AMD64, "without -f: and this `ARCHITECTURE`, "+stack.AMD64+" or "+stack.ARM64)
	fs.BoolVar(&a.InstanceStore, "instance-store", false, "without -f: and instance-store volumes")
	return cmd
}

// machines finds the sizes of the families. args are further families: -f
// takes several words, as it did before it took commas.
func (f *machineFlags) machines(ctx context.Context, args []string) (stack.Machines, error) {
	if len(f.families) == 0 {
		return stack.Machines{}, cli.Usagef("name instance families with -f, such as -f c5d i3")
	}
	families := slices.Clone(f.families)
	for _, arg := range args {
		families = append(families, strings.Split(arg, ",")...)
	}
	m, err := f.place(ctx, nil)
	if err != nil {
		return m, err
	}
	var all []stack.Instance
	if f.live {
		all, err = f.ask(ctx, families)
	} else {
		all, err = stack.Catalogue(f.Region)
	}
	if err != nil {
		return m, err
	}
	if m.Instances, err = stack.Select(all, families); err != nil {
		return m, cli.Usagef("%s", err)
	}
	return m, nil
}

// place says where the machines stand.
func (f *machineFlags) place(ctx context.Context, args []string) (stack.Machines, error) {
	m := stack.Machines{Zones: f.zones, ZoneCount: f.zoneCount, Strategy: f.strategy}
	if len(args) > 0 {
		return m, cli.Usagef("%q is no flag: families follow -f", args[0])
	}
	if f.zoneCount < 1 {
		return m, cli.Usagef("--zone-count must be at least 1")
	}
	cidr, err := netip.ParsePrefix(f.cidr)
	if err != nil {
		return m, cli.Usagef("-s %q is no address range: write one such as %s", f.cidr, stack.DefaultCIDR)
	}
	m.CIDR = cidr
	if f.live && len(f.zones) == 0 {
		if m.Zones, err = f.zonesOf(ctx); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (f *machineFlags) ec2(ctx context.Context) (*aws.EC2, error) {
	c, err := aws.Load(ctx, aws.Settings{Region: f.Region, Profile: f.Profile, EndpointURL: f.EndpointURL})
	if err != nil {
		return nil, err
	}
	return aws.NewEC2(c), nil
}

func (f *machineFlags) zonesOf(ctx context.Context) ([]string, error) {
	e, err := f.ec2(ctx)
	if err != nil {
		return nil, err
	}
	zones, err := e.Zones(ctx)
	if err == nil && len(zones) == 0 {
		err = fault.New(fault.API, "find availability zones", "", nil, "name them with --zones")
	}
	return zones, err
}

// ask takes EC2's own word for the sizes.
func (f *machineFlags) ask(ctx context.Context, families []string) ([]stack.Instance, error) {
	e, err := f.ec2(ctx)
	if err != nil {
		return nil, err
	}
	found, err := e.InstanceTypes(ctx, families)
	if err != nil {
		return nil, err
	}
	var all []stack.Instance
	for _, t := range found {
		i := stack.Instance{Type: t.Name, VCPUs: t.VCPUs, Volumes: t.Volumes, NVMe: t.NVMe, Zones: t.Zones}
		switch {
		case slices.Contains(t.Architectures, stack.AMD64):
			i.Arch = stack.AMD64
		case slices.Contains(t.Architectures, stack.ARM64):
			i.Arch = stack.ARM64
		default:
			continue
		}
		all = append(all, i)
	}
	return all, nil
}

// span reads MIN-MAX, or one number for both.
func span(s string) (low, high int, err error) {
	a, b, both := strings.Cut(s, "-")
	if !both {
		b = a
	}
	low, err = strconv.Atoi(a)
	if err == nil {
		high, err = strconv.Atoi(b)
	}
	if err != nil {
		return 0, 0, cli.Usagef("--vcpus %q: write MIN-MAX, such as 2-32", s)
	}
	return low, high, nil
}
