package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"s3bundler/internal/object"
)

// ObjectURI is a flag value that reads s3://bucket/key into l.
func ObjectURI(l *object.Location) pflag.Value { return &uri{l, object.ParseObjectURI} }

// PrefixURI is a flag value that reads s3://bucket or s3://bucket/prefix
// into l.
func PrefixURI(l *object.Location) pflag.Value { return &uri{l, object.ParseURI} }

type uri struct {
	l     *object.Location
	parse func(string) (object.Location, error)
}

func (u *uri) Set(s string) (err error) {
	*u.l, err = u.parse(s)
	return err
}

func (u *uri) String() string {
	if u.l == nil || *u.l == (object.Location{}) {
		return ""
	}
	return u.l.String()
}

func (u *uri) Type() string { return "s3://BUCKET/KEY" }

// URIs is a flag value that may be given several times; each appends to ls.
// A key may be empty or end in a slash, to mean a prefix.
func URIs(ls *[]object.Location) pflag.Value { return &uris{ls} }

type uris struct{ ls *[]object.Location }

func (u *uris) Set(s string) error {
	l, err := object.ParseURI(s)
	if err == nil {
		*u.ls = append(*u.ls, l)
	}
	return err
}

func (u *uris) String() string {
	if u.ls == nil {
		return ""
	}
	all := make([]string, len(*u.ls))
	for i, l := range *u.ls {
		all[i] = l.String()
	}
	return strings.Join(all, " ")
}

func (u *uris) Type() string { return "s3://BUCKET/KEY" }
