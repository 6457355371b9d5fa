package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestRewrite(t *testing.T) {
	s := Spelling{
		Aliases: map[string]string{"-no-rr": "--no-reduced-redundancy"},
		Lists:   []string{"-f", "--fieldnames"},
	}
	tests := []struct{ args, want string }{
		{"", ""},
		{"-no-rr -v", "--no-reduced-redundancy -v"},
		{"-m s3://b/k -f Bucket Key Size -c", "-m s3://b/k -f Bucket,Key,Size -c"},
		{"--fieldnames Bucket Key Size", "--fieldnames Bucket,Key,Size"},
		{"-f Bucket,Key,Size -c", "-f Bucket,Key,Size -c"},
		{"-f Bucket, Key, Size", "-f Bucket,Key,Size"},
		{"-f", "-f"},
		{"-f -c", "-f -c"},
		{"--fieldnames=Bucket,Key x", "--fieldnames=Bucket,Key x"},
		{"-c gp -- -f a b -no-rr", "-c gp -- -f a b -no-rr"},
	}
	for _, tt := range tests {
		got := s.Rewrite(strings.Fields(tt.args))
		if want := strings.Fields(tt.want); !slices.Equal(got, want) {
			t.Errorf("Rewrite(%q) = %q, want %q", tt.args, got, want)
		}
	}
}
