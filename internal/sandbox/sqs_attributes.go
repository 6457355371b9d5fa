package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// set changes a queue's settings, all of them or none.
func (q *Queues) set(of *sqsQueue, attributes map[string]string) error {
	changed := *of
	for name, value := range attributes {
		var err error
		switch name {
		case "VisibilityTimeout":
			changed.visibility, err = sqsSeconds(name, value, 43200)
		case "ReceiveMessageWaitTimeSeconds":
			changed.wait, err = sqsSeconds(name, value, 20)
		case "DelaySeconds":
			changed.delay, err = sqsSeconds(name, value, 900)
		case "RedrivePolicy":
			changed.deadLetters, changed.maxReceives, err = q.redrive(value)
		case "MessageRetentionPeriod", "MaximumMessageSize", "Policy", "RedriveAllowPolicy",
			"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled":
			// Kept and given back; nothing here depends on them.
		default:
			err = &sqsError{"InvalidAttributeName", "InvalidAttributeName", 400, "Unknown Attribute " + name + "."}
		}
		if err != nil {
			return err
		}
	}
	*of = changed
	for name, value := range attributes {
		of.settings[name] = value
	}
	of.modified = time.Now()
	of.wake()
	return nil
}

// redrive reads a RedrivePolicy; an empty one takes the policy away.
func (q *Queues) redrive(policy string) (to *sqsQueue, receives int, err error) {
	if policy == "" {
		return nil, 0, nil
	}
	invalid := func(reason string) error {
		return sqsInvalid(fmt.Sprintf("Value %s for parameter RedrivePolicy is invalid. Reason: %s", policy, reason))
	}
	var p struct {
		DeadLetterTargetArn string          `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.RawMessage `json:"maxReceiveCount"` // a number, or one in quotes
	}
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return nil, 0, invalid("Redrive policy is not a valid JSON map.")
	}
	receives, err = strconv.Atoi(strings.Trim(string(p.MaxReceiveCount), `"`))
	if err != nil || receives < 1 || receives > 1000 {
		return nil, 0, invalid("Invalid value for maxReceiveCount. Valid values are from 1 to 1000.")
	}
	if to, err = q.find(p.DeadLetterTargetArn); err != nil || q.ARN(to.name) != p.DeadLetterTargetArn {
		return nil, 0, invalid("Dead letter target does not exist.")
	}
	return to, receives, nil
}

// attributes gives the named attributes of a queue, or All.
func (q *Queues) attributes(of *sqsQueue, names []string) (map[string]string, error) {
	d := of.depth()
	all := map[string]string{
		"QueueArn":                              q.ARN(of.name),
		"VisibilityTimeout":                     sqsFormat(of.visibility),
		"DelaySeconds":                          sqsFormat(of.delay),
		"ReceiveMessageWaitTimeSeconds":         sqsFormat(of.wait),
		"CreatedTimestamp":                      strconv.FormatInt(of.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(of.modified.Unix(), 10),
		"ApproximateNumberOfMessages":           strconv.Itoa(d.Visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(d.InFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(d.Delayed),
		"MaximumMessageSize":                    strconv.Itoa(sqsMaxBody),
		"MessageRetentionPeriod":                "345600",
	}
	for name, value := range of.settings {
		if value != "" {
			all[name] = value
		}
	}
	some := map[string]string{}
	for _, name := range names {
		if name == "All" {
			return all, nil
		}
		switch value, found := all[name]; {
		case found:
			some[name] = value
		case !sqsAttributeExists(name):
			return nil, &sqsError{"InvalidAttributeName", "InvalidAttributeName", 400, "Unknown Attribute " + name + "."}
		}
	}
	return some, nil
}

// sqsAttributeExists knows the attributes that a queue may be without.
func sqsAttributeExists(name string) bool {
	switch name {
	case "RedrivePolicy", "RedriveAllowPolicy", "Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled":
		return true
	}
	return false
}

// systemAttributes gives what ReceiveMessage was asked to tell about a message.
func (m *sqsMessage) systemAttributes(names []string) map[string]string {
	all := map[string]string{
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstReceived.UnixMilli(), 10),
	}
	some := map[string]string{}
	for _, name := range names {
		if name == "All" {
			return all
		}
		if value, found := all[name]; found {
			some[name] = value
		}
	}
	return some
}

func sqsSeconds(name, value string, most int) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > most {
		return 0, &sqsError{"InvalidAttributeValue", "InvalidAttributeValue", 400, "Invalid value for the parameter " + name + "."}
	}
	return time.Duration(n) * time.Second, nil
}

func sqsFormat(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
