package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const region = "eu-west-1"

// moto is an AWS on this machine. It creates the stack's bucket, queues, roles,
// logs, cluster and task definitions, and delivers a bucket's events to a
// queue. What it cannot do: it takes no bucket's notifications from a template
// (notify sets them as the template says), has no Glue table, starts no task
// (the tests run the tasks' commands), carries out no scaling and no alarm, and
// asks no policy.
type moto struct{ url string }

func startMoto(t *testing.T) moto {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: no stack is created")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", "0")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-drained
		_ = cmd.Wait() // killed, so always an error
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), "Running on "); found {
			go func() {
				defer close(drained)
				_, _ = io.Copy(io.Discard, out) // it must not block on a full pipe
			}()
			return moto{strings.TrimSpace(url)}
		}
	}
	close(drained)
	t.Skipf("moto_server ended before it served: %v", lines.Err())
	return moto{}
}

// call sends a request that moto takes for one of a service, and returns the
// answer.
func (m moto) call(t *testing.T, service, method, path string, header http.Header, body []byte) []byte {
	t.Helper()
	r, err := http.NewRequest(method, m.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s %s: %s, %v\n%s", service, method, path, answer.Status, err, b)
	}
	return b
}

// query calls an operation of the Query protocol.
func (m moto) query(t *testing.T, service string, parameters url.Values) []byte {
	t.Helper()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return m.call(t, service, http.MethodPost, "/", header, []byte(parameters.Encode()))
}

// rpc calls an operation of the JSON protocol.
func (m moto) rpc(t *testing.T, service, target string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	if service == "sqs" {
		header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	answer := m.call(t, service, http.MethodPost, "/", header, body)
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s: %v\n%s", target, err, answer)
	}
}

func (m moto) createBucket(t *testing.T, name string) {
	t.Helper()
	m.call(t, "s3", http.MethodPut, "/"+name, nil,
		[]byte(`<CreateBucketConfiguration><LocationConstraint>`+region+`</LocationConstraint></CreateBucketConfiguration>`))
}

func (m moto) put(t *testing.T, bucket string) func(string, []byte) {
	return func(key string, body []byte) {
		t.Helper()
		m.call(t, "s3", http.MethodPut, "/"+bucket+"/"+(&url.URL{Path: key}).EscapedPath(), nil, body)
	}
}

// get reads from S3.
func (m moto) get(t *testing.T) func(string) []byte {
	return func(path string) []byte {
		t.Helper()
		return m.call(t, "s3", http.MethodGet, path, nil, nil)
	}
}

// created is a stack that was created.
type created struct {
	moto
	outputs map[string]string
	// resources are the physical IDs by logical ID.
	resources map[string]string
}

func (m moto) createStack(t *testing.T, name string, parameters map[string]string) created {
	t.Helper()
	template, err := os.ReadFile("s3bundler.cfn.json")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"Action": {"CreateStack"}, "Version": {"2010-05-15"}, "StackName": {name},
		"TemplateBody": {string(template)}, "Capabilities.member.1": {"CAPABILITY_IAM"}}
	n := 0
	for k, v := range parameters {
		n++
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", n), k)
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", n), v)
	}
	m.query(t, "cloudformation", form)

	s := created{m, map[string]string{}, map[string]string{}}
	var described struct {
		Status  string                                    `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
		Outputs []struct{ OutputKey, OutputValue string } `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	b := m.query(t, "cloudformation", url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}})
	if err := xml.Unmarshal(b, &described); err != nil || described.Status != "CREATE_COMPLETE" {
		t.Fatalf("%s: %v, %s\n%s", name, err, described.Status, b)
	}
	for _, o := range described.Outputs {
		s.outputs[o.OutputKey] = o.OutputValue
	}
	var listed struct {
		Resources []struct {
			Logical  string `xml:"LogicalResourceId"`
			Physical string `xml:"PhysicalResourceId"`
		} `xml:"ListStackResourcesResult>StackResourceSummaries>member"`
	}
	b = m.query(t, "cloudformation", url.Values{"Action": {"ListStackResources"}, "Version": {"2010-05-15"}, "StackName": {name}})
	if err := xml.Unmarshal(b, &listed); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	for _, r := range listed.Resources {
		s.resources[r.Logical] = r.Physical
	}
	return s
}

type container struct {
	Name        string
	Command     []string
	HealthCheck struct{ Command []string }
}

// container is a task definition's one container.
func (s created) container(t *testing.T, task string) container {
	t.Helper()
	var described struct {
		TaskDefinition struct {
			Family               string
			ContainerDefinitions []container
		}
	}
	s.rpc(t, "ecs", "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", map[string]string{"taskDefinition": task}, &described)
	d := described.TaskDefinition
	if len(d.ContainerDefinitions) != 1 || d.ContainerDefinitions[0].Name != d.Family {
		t.Fatalf("%s: %+v: not one container, named like the family", task, d)
	}
	return d.ContainerDefinitions[0]
}

// command is what the container's program is started with.
func (s created) command(t *testing.T, task string) []string { return s.container(t, task).Command }

// healthCheck is what the worker's health check runs s3bundler with. In the
// container's own /tmp its socket is alone.
func (s created) healthCheck(t *testing.T) []string {
	t.Helper()
	command := s.container(t, s.resources["S3BundlerTask"]).HealthCheck.Command
	if len(command) < 3 || command[0] != "CMD" || command[1] != "/s3bundler" {
		t.Fatalf("the health check is %q", command)
	}
	return command[2:]
}

// notify has the archive bucket send its events as the template says.
func (s created) notify(t *testing.T, manifestPrefix string) {
	t.Helper()
	b, err := os.ReadFile("s3bundler.cfn.json")
	if err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Name  string
		Value any
	}
	var template struct {
		Resources struct {
			ArchiveBucket struct {
				Properties struct {
					NotificationConfiguration struct {
						QueueConfigurations []struct {
							Event  string
							Filter struct{ S3Key struct{ Rules []rule } }
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(b, &template); err != nil {
		t.Fatal(err)
	}
	var queue struct{ Attributes struct{ QueueArn string } }
	s.rpc(t, "sqs", "AmazonSQS.GetQueueAttributes", map[string]any{
		"QueueUrl": s.outputs["ManifestQueue"], "AttributeNames": []string{"QueueArn"}}, &queue)
	c := template.Resources.ArchiveBucket.Properties.NotificationConfiguration.QueueConfigurations[0]
	body := "<NotificationConfiguration><QueueConfiguration><Id>1</Id><Queue>" + queue.Attributes.QueueArn + "</Queue><Event>" + c.Event + "</Event><Filter><S3Key>"
	for _, r := range c.Filter.S3Key.Rules {
		value := fmt.Sprint(r.Value)
		if f, ok := r.Value.(map[string]any); ok {
			value = strings.ReplaceAll(fmt.Sprint(f["Fn::Sub"]), "${S3ManifestPrefix}", manifestPrefix)
		}
		body += "<FilterRule><Name>" + r.Name + "</Name><Value>" + value + "</Value></FilterRule>"
	}
	body += "</S3Key></Filter></QueueConfiguration></NotificationConfiguration>"
	s.call(t, "s3", http.MethodPut, "/"+s.outputs["ArchiveBucket"]+"?notification", nil, []byte(body))
}
