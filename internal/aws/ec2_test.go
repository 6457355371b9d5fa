package aws_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
)

func ec2At(t *testing.T, endpoint string) *aws.EC2 {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testtest")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	c, err := aws.Load(t.Context(), aws.Settings{Region: "us-east-1", EndpointURL: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return aws.NewEC2(c)
}

// TestInstanceTypes reads answers as EC2 sends them, in two pages.
func TestInstanceTypes(t *testing.T) {
	const offerings = `<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet>
		<item><instanceType>i3.large</instanceType><location>us-east-1b</location></item>
		<item><instanceType>i3.large</instanceType><location>us-east-1a</location></item>
		<item><instanceType>d2.xlarge</instanceType><location>us-east-1a</location></item>
		</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>`
	pages := map[string]string{
		"": `<DescribeInstanceTypesResponse><instanceTypeSet>
			<item><instanceType>i3.large</instanceType><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>
			<processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>
			<instanceStorageInfo><nvmeSupport>required</nvmeSupport><disks><item><count>1</count></item></disks></instanceStorageInfo></item>
			</instanceTypeSet><nextToken>more</nextToken></DescribeInstanceTypesResponse>`,
		"more": `<DescribeInstanceTypesResponse><instanceTypeSet>
			<item><instanceType>d2.xlarge</instanceType><vCpuInfo><defaultVCpus>4</defaultVCpus></vCpuInfo>
			<processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>
			<instanceStorageInfo><nvmeSupport>unsupported</nvmeSupport><disks><item><count>3</count></item></disks></instanceStorageInfo></item>
			<item><instanceType>i3.nowhere</instanceType></item>
			</instanceTypeSet></DescribeInstanceTypesResponse>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		filters := []string{r.FormValue("Filter.1.Value.1"), r.FormValue("Filter.1.Value.2")}
		answer, want := offerings, []string{"i3.large", "d2.xlarge"}
		if r.FormValue("Action") == "DescribeInstanceTypes" {
			answer, want = pages[r.FormValue("NextToken")], []string{"i3.*", "d2.*"}
		} else if r.FormValue("LocationType") != "availability-zone" {
			t.Errorf("location type %q", r.FormValue("LocationType"))
		}
		if !slices.Equal(filters, want) {
			t.Errorf("%s: asked for %v", r.FormValue("Action"), filters)
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	got, err := ec2At(t, server.URL).InstanceTypes(t.Context(), []string{"i3", "d2"})
	want := []aws.InstanceType{
		{Name: "d2.xlarge", Architectures: []string{"x86_64"}, VCPUs: 4, Volumes: 3, Zones: []string{"us-east-1a"}},
		{Name: "i3.large", Architectures: []string{"x86_64"}, VCPUs: 2, Volumes: 1, NVMe: true, Zones: []string{"us-east-1a", "us-east-1b"}},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
}

func TestEC2Denied(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized</Message></Error></Errors><RequestID>r-1</RequestID></Response>`)
	}))
	defer server.Close()
	e := ec2At(t, server.URL)
	_, zones := e.Zones(t.Context())
	_, types := e.InstanceTypes(t.Context(), []string{"i3"})
	for op, err := range map[string]error{"DescribeAvailabilityZones": zones, "DescribeInstanceTypes": types} {
		if fault.KindOf(err) != fault.API || !strings.Contains(err.Error(), op+" in us-east-1: UnauthorizedOperation") {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// TestEC2OnMoto asks an independent server. Moto has no Local Zones, and takes
// wildcards for instance types but not for their offerings.
func TestEC2OnMoto(t *testing.T) {
	e := ec2At(t, startMoto(t))
	zones, err := e.Zones(t.Context())
	if err != nil || len(zones) < 3 || zones[0] != "us-east-1a" {
		t.Errorf("zones %v, %v", zones, err)
	}
	types, err := e.InstanceTypes(t.Context(), []string{"c5d"})
	i := slices.IndexFunc(types, func(i aws.InstanceType) bool { return i.Name == "c5d.large" })
	if err != nil || i < 0 {
		t.Fatalf("%v, %v", types, err)
	}
	if got := types[i]; got.VCPUs != 2 || !got.NVMe || got.Volumes != 1 || len(got.Zones) == 0 || !slices.Equal(got.Architectures, []string{"x86_64"}) {
		t.Errorf("%+v", got)
	}
	for _, i := range types {
		if !strings.HasPrefix(i.Name, "c5d.") {
			t.Errorf("%s was not asked for", i.Name)
		}
	}
}
