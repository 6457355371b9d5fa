// Package stack hands over the CloudFormation templates that run the product:
// the queue, bucket, tasks and scaling (ECS), and the machines under them
// (SpotFleet, Capacity).
//
// A template is built of goformation's resource types, which know every
// property's name and type, and is encoded here: keys sorted, the same bytes
// on every run.
package stack

//go:generate go run s3bundler/cmd/s3bundler-cfn ecs --output ../s3bundler.cfn.json
//go:generate go run s3bundler/cmd/s3bundler-cfn spotfleet --families c5d,i3 --output ../s3bundler-spotfleet.cfn.json
//go:generate go run s3bundler/cmd/s3bundler-cfn capacity --vcpus 2-32 --memory 4GB --output ../s3bundler-capacity.cfn.json
