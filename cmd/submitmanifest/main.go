// Submitmanifest starts one s3grouper task on ECS for each inventory report.
package main

import (
	"os"

	"s3bundler/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand(), os.Args[1:])) }
