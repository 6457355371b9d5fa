package spot

import (
	"os"
	"strings"
)

// instanceMetadata is where the instance metadata service answers on every EC2
// instance.
const instanceMetadata = "http://169.254.169.254"

// vendorFile holds the name of the machine's maker. On EC2 it can be read in
// containers too.
const vendorFile = "/sys/devices/virtual/dmi/id/sys_vendor"

// Detect says what there is to watch here: nothing outside AWS. It makes no
// request.
func Detect() Options { return detect(os.Getenv, os.ReadFile) }

// detect reads the variables that AWS's own tools and agents read and set. See
// "Amazon ECS environment variables" and "Task metadata endpoint version 4" in
// the ECS Developer Guide.
func detect(getenv func(string) string, read func(string) ([]byte, error)) Options {
	opt := Options{Task: getenv("ECS_CONTAINER_METADATA_URI_V4")}
	vendor, _ := read(vendorFile) // there is none on other systems
	own := getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	switch {
	case strings.EqualFold(getenv("AWS_EC2_METADATA_DISABLED"), "true"):
	case getenv("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE": // has no instance
	case own != "":
		opt.Instance = own
	case getenv("AWS_EXECUTION_ENV") == "AWS_ECS_EC2", strings.HasPrefix(string(vendor), "Amazon EC2"):
		opt.Instance = instanceMetadata
	}
	return opt
}
