// S3bundler packs the objects that manifests name into archives.
package main

import (
	"os"

	"s3bundler/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand(), spelling().Rewrite(os.Args[1:]))) }
