// S3bundler-cfn writes the CloudFormation templates that run s3bundler, and
// asks S3 for the inventories that it works from.
package main

import (
	"os"

	"s3bundler/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand(), os.Args[1:])) }
