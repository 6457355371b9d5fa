package aws

import "testing"

func TestParseQueueName(t *testing.T) {
	tests := []struct {
		name string
		want queuePlace
	}{
		{"work", queuePlace{name: "work"}},
		{"work.fifo", queuePlace{name: "work.fifo"}},
		{"arn:aws:sqs:eu-west-1:123456789012:work", queuePlace{name: "work", account: "123456789012", region: "eu-west-1"}},
		{"arn:aws-cn:sqs:cn-north-1:123456789012:work", queuePlace{name: "work", account: "123456789012", region: "cn-north-1"}},
		{"https://sqs.eu-west-1.amazonaws.com/123456789012/work", queuePlace{name: "work", region: "eu-west-1",
			url: "https://sqs.eu-west-1.amazonaws.com/123456789012/work"}},
		{"https://sqs.cn-north-1.amazonaws.com.cn/123456789012/work", queuePlace{name: "work", region: "cn-north-1",
			url: "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/work"}},
		{"https://eu-west-1.queue.amazonaws.com/123456789012/work", queuePlace{name: "work", region: "eu-west-1",
			url: "https://eu-west-1.queue.amazonaws.com/123456789012/work"}},
		{"https://queue.amazonaws.com/123456789012/work", queuePlace{name: "work", region: "us-east-1",
			url: "https://queue.amazonaws.com/123456789012/work"}},
		{"https://sqs-fips.us-east-2.amazonaws.com/123456789012/work", queuePlace{name: "work", region: "us-east-2",
			endpoint: "https://sqs-fips.us-east-2.amazonaws.com", url: "https://sqs-fips.us-east-2.amazonaws.com/123456789012/work"}},
		{"https://sqs.eu-west-1.api.aws/123456789012/work", queuePlace{name: "work", region: "eu-west-1",
			endpoint: "https://sqs.eu-west-1.api.aws", url: "https://sqs.eu-west-1.api.aws/123456789012/work"}},
		{"https://vpce-0123-abcd.sqs.eu-west-1.vpce.amazonaws.com/123456789012/work", queuePlace{name: "work", region: "eu-west-1",
			endpoint: "https://vpce-0123-abcd.sqs.eu-west-1.vpce.amazonaws.com",
			url:      "https://vpce-0123-abcd.sqs.eu-west-1.vpce.amazonaws.com/123456789012/work"}},
		{"http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/work", queuePlace{name: "work", region: "eu-west-1",
			endpoint: "http://sqs.eu-west-1.localhost.localstack.cloud:4566",
			url:      "http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/work"}},
		{"http://127.0.0.1:9324/000000000000/work", queuePlace{name: "work", endpoint: "http://127.0.0.1:9324",
			url: "http://127.0.0.1:9324/000000000000/work"}},
	}
	for _, tt := range tests {
		got, err := parseQueueName(tt.name)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
	for _, name := range []string{"", "a b", "a/b", "a:b", "arn:aws:sqs:eu-west-1:1:", "arn:aws:sqs:eu-west-1:1:a:b", "arn:aws:s3:::b", "http://", "http://host", "http://host/a/", "https://%"} {
		if got, err := parseQueueName(name); err == nil {
			t.Errorf("%q: %+v, want an error", name, got)
		}
	}
}

func FuzzParseQueueName(f *testing.F) {
	f.Add("work")
	f.Add("arn:aws:sqs:eu-west-1:123456789012:work")
	f.Add("https://sqs.eu-west-1.amazonaws.com/123456789012/work")
	f.Fuzz(func(t *testing.T, name string) {
		if p, err := parseQueueName(name); err == nil && p.name == "" {
			t.Errorf("%q names no queue, and is no error", name)
		}
	})
}
