package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestLive takes sizes and zones from EC2: those it offers, and where.
func TestLive(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	answers := map[string]string{
		"DescribeAvailabilityZones": `<DescribeAvailabilityZonesResponse><availabilityZoneInfo>
			<item><zoneName>eu-west-1b</zoneName></item><item><zoneName>eu-west-1a</zoneName></item>
			</availabilityZoneInfo></DescribeAvailabilityZonesResponse>`,
		"DescribeInstanceTypes": `<DescribeInstanceTypesResponse><instanceTypeSet>` +
			size("z9.large", "arm64", 2) + size("z9.metal", "arm64", 96) + size("y1.xlarge", "x86_64", 4) + size("y1.small", "i386", 1) +
			`</instanceTypeSet></DescribeInstanceTypesResponse>`,
		"DescribeInstanceTypeOfferings": `<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>` +
			offer("z9.large", "eu-west-1a") + offer("z9.large", "eu-west-1b") + offer("z9.metal", "eu-west-1a") +
			offer("y1.xlarge", "eu-west-1b") + offer("y1.small", "eu-west-1b") +
			`</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answers[r.FormValue("Action")])
	}))
	defer server.Close()
	out, errs, code := run(t, "", "spotfleet -f z9 y1 --live --region eu-west-1 --endpoint-url "+server.URL)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for pool, want := range map[string]int{
		`"InstanceType":"z9.large","SubnetId":{"Ref":"Subnet1"},"WeightedCapacity":2`:  1,
		`"InstanceType":"z9.large","SubnetId":{"Ref":"Subnet2"},"WeightedCapacity":2`:  1,
		`"InstanceType":"y1.xlarge","SubnetId":{"Ref":"Subnet2"},"WeightedCapacity":4`: 1,
		`"y1.xlarge"`: 1, `metal`: 0, `y1.small`: 0, `"eu-west-1a"`: 1, `GetAZs`: 0,
	} {
		if got := strings.Count(out, pool); got != want {
			t.Errorf("%s stands there %d times, want %d", pool, got, want)
		}
	}
}

func size(name, arch string, vcpus int) string {
	return `<item><instanceType>` + name + `</instanceType><vCpuInfo><defaultVCpus>` + strconv.Itoa(vcpus) + `</defaultVCpus></vCpuInfo>` +
		`<processorInfo><supportedArchitectures><item>` + arch + `</item></supportedArchitectures></processorInfo></item>`
}

func offer(name, zone string) string {
	return `<item><instanceType>` + name + `</instanceType><location>` + zone + `</location></item>`
}
