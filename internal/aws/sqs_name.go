package aws

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"s3bundler/internal/fault"
)

// queuePlace is what the name that a person gives tells about a queue.
type queuePlace struct {
	name string
	// url, account, region and endpoint are empty where the name does not
	// tell.
	url, account, region string
	// endpoint is that of a queue outside SQS's own hosts.
	endpoint string
}

// parseQueueName reads a queue's name, URL or ARN.
func parseQueueName(name string) (queuePlace, error) {
	switch {
	case name == "":
		return queuePlace{}, errors.New("no queue is named")
	case arn.IsARN(name):
		a, err := arn.Parse(name)
		if err != nil || a.Service != "sqs" || a.Resource == "" || strings.ContainsAny(a.Resource, ":/") {
			return queuePlace{}, errors.New("the ARN is not that of an SQS queue")
		}
		return queuePlace{name: a.Resource, account: a.AccountID, region: a.Region}, nil
	case strings.HasPrefix(name, "http://"), strings.HasPrefix(name, "https://"):
		return parseQueueURL(name)
	case strings.ContainsAny(name, "/: "):
		return queuePlace{}, errors.New("a queue's name has no slash, colon or space")
	}
	return queuePlace{name: name}, nil
}

const (
	regionName = `[a-z]{2}(?:-[a-z]+)+-[0-9]+`
	// oldRegion is the one that an older URL need not name.
	oldRegion = "us-east-1"
)

var (
	// ownHost is SQS's own in a URL of today or an older one.
	ownHost = regexp.MustCompile(`^(?:sqs\.(` + regionName + `)|(?:(` + regionName + `)\.)?queue)\.amazonaws\.com(?:\.cn)?$`)
	// regionalHost is that of a FIPS, dual-stack or VPC endpoint, or of a
	// server that imitates them.
	regionalHost = regexp.MustCompile(`(?:^|\.)sqs(?:-fips)?\.(` + regionName + `)\.`)
)

// parseQueueURL reads https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, or a URL
// with another host, which then is the endpoint.
func parseQueueURL(text string) (queuePlace, error) {
	u, err := url.Parse(text)
	if err != nil {
		return queuePlace{}, err
	}
	name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if u.Host == "" || name == "" {
		return queuePlace{}, errors.New("the URL names no queue")
	}
	p := queuePlace{name: name, url: text}
	host := u.Hostname()
	if m := ownHost.FindStringSubmatch(host); m != nil {
		p.region = cmp.Or(m[1], m[2], oldRegion)
		return p, nil
	}
	if m := regionalHost.FindStringSubmatch(host); m != nil {
		p.region = m[1]
	}
	p.endpoint = u.Scheme + "://" + u.Host
	return p, nil
}

// deadLetterTarget reads the ARN in a RedrivePolicy; empty if there is none.
func deadLetterTarget(policy string) string {
	var p struct {
		DeadLetterTargetArn string `json:"deadLetterTargetArn"`
	}
	if json.Unmarshal([]byte(policy), &p) != nil {
		return ""
	}
	return p.DeadLetterTargetArn
}

func unusableQueue(name string, err error, hint string) error {
	return fault.New(fault.Usage, "unusable queue", name, err, hint)
}
