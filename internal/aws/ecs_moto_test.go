package aws_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/submit"
)

// TestECSOnMoto runs a task on an independent ECS. Moto knows no capacity,
// never fills failures[], ends no task by itself, answers 500 where a cluster has
// no instance, and sends a container's cpu and memory as numbers where ECS sends
// strings: a proxy mends the last.
func TestECSOnMoto(t *testing.T) {
	endpoint := mendContainers(t, startMoto(t))
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testtest")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	ctx := t.Context()
	c, err := aws.Load(ctx, aws.Settings{Region: "us-east-1", EndpointURL: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	e := aws.NewECS(c)
	settings, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"), config.WithBaseEndpoint(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	raw := ecs.NewFromConfig(settings)
	if _, err := raw.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: awssdk.String("c")}); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family:      awssdk.String("s3grouper"),
		NetworkMode: types.NetworkModeHost,
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: awssdk.String("s3grouper"), Image: awssdk.String("grouper"), Memory: awssdk.Int32(128), Essential: awssdk.Bool(true),
		}},
	}); err != nil {
		t.Fatal(err)
	}
	addInstance(t, raw, endpoint)

	task := submit.Task{Cluster: "c", Definition: "s3grouper", Container: "s3grouper", Command: []string{"-m", "s3://b/k"}}
	arn, err := e.RunTask(ctx, task)
	if err != nil || !strings.HasPrefix(arn, "arn:aws:ecs:us-east-1:") {
		t.Fatalf("RunTask: %q, %v", arn, err)
	}
	states, err := e.DescribeTasks(ctx, "c", []string{arn, arn[:len(arn)-1] + "_"})
	if err != nil || len(states) != 1 || states[0].ARN != arn || states[0].Last == "" {
		t.Errorf("DescribeTasks: %+v, %v", states, err)
	}
	if _, err := raw.StopTask(ctx, &ecs.StopTaskInput{Cluster: awssdk.String("c"), Task: awssdk.String(arn), Reason: awssdk.String("enough")}); err != nil {
		t.Fatal(err)
	}
	for change, err := range submit.Follow(ctx, e, "c", []string{arn}) {
		if err != nil || !change.Stopped() || change.Reason != "enough" {
			t.Errorf("after StopTask: %+v, %v", change, err)
		}
	}

	task.Cluster = "missing"
	if _, err := e.RunTask(ctx, task); fault.KindOf(err) != fault.API || !strings.Contains(err.Error(), "check --cluster") {
		t.Errorf("a missing cluster: %v", err)
	}
	task.Cluster, task.Definition = "c", "missing"
	if _, err := e.RunTask(ctx, task); fault.KindOf(err) != fault.API {
		t.Errorf("a missing definition: %v", err)
	}
}

// mendContainers serves moto with the numbers of containers as strings.
func mendContainers(t *testing.T, moto string) string {
	t.Helper()
	target, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	numbers := regexp.MustCompile(`("(?:cpu|memory)": *)([0-9]+)`)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			_, op, _ := strings.Cut(r.Request.Header.Get("X-Amz-Target"), ".")
			if op != "RunTask" && op != "DescribeTasks" && op != "StopTask" {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			body = numbers.ReplaceAll(body, []byte(`$1"$2"`))
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
			r.Header.Del("Content-Length")
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// addInstance starts an EC2 instance in moto, by a plain request instead of one
// more SDK client, and joins it to the cluster: moto places tasks on instances
// alone.
func addInstance(t *testing.T, raw *ecs.Client, endpoint string) {
	t.Helper()
	form := "Action=RunInstances&Version=2016-11-15&ImageId=ami-12c6146b&InstanceType=m5.large&MinCount=1&MaxCount=1"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(body), "<instanceId>")
	id, _, ok := strings.Cut(rest, "</instanceId>")
	if !ok {
		t.Fatalf("RunInstances: %s", body)
	}
	document, _ := json.Marshal(map[string]string{"instanceId": id, "accountId": "123456789012", "region": "us-east-1"})
	if _, err := raw.RegisterContainerInstance(t.Context(), &ecs.RegisterContainerInstanceInput{
		Cluster:                  awssdk.String("c"),
		InstanceIdentityDocument: awssdk.String(string(document)),
	}); err != nil {
		t.Fatal(err)
	}
}
