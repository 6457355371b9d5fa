package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// instanceRegion asks the EC2 instance metadata service for the region.
func instanceRegion(ctx context.Context, raw awssdk.Config) (string, error) {
	out, err := imds.NewFromConfig(raw).GetRegion(ctx, nil)
	if err != nil {
		return "", err
	}
	return out.Region, nil
}
