// S3grouper turns an S3 Inventory into manifests of a bounded size.
package main

import (
	"os"

	"s3bundler/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand(), spelling().Rewrite(os.Args[1:]))) }
