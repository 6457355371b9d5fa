package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/fault"
)

// InventoryConfiguration is what S3 is to list of a bucket, and where to. See
// "Configuring Amazon S3 Inventory" in the S3 User Guide.
type InventoryConfiguration struct {
	// ID is the configuration's name in the bucket.
	ID string
	// BucketARN and Prefix are where inventories go; Account, which may be
	// empty, is the owner that the bucket must have.
	BucketARN, Prefix, Account string
	// Format is CSV, ORC or Parquet; Frequency Daily or Weekly; Versions
	// Current or All.
	Format, Frequency, Versions string
	// Fields are the columns beside bucket and key.
	Fields []string
}

// PutInventoryConfiguration sets bucket's inventory configuration of that ID,
// in place of the one that is there.
func (s *S3) PutInventoryConfiguration(ctx context.Context, bucket string, conf InventoryConfiguration) error {
	c := call{service: "s3", op: "PutBucketInventoryConfiguration", action: "PutInventoryConfiguration",
		where: "s3://" + bucket, kind: fault.API}
	var fields []types.InventoryOptionalField
	for _, f := range conf.Fields {
		fields = append(fields, types.InventoryOptionalField(f))
	}
	_, err := invoke(ctx, s, c, bucket, s.client.PutBucketInventoryConfiguration, &s3.PutBucketInventoryConfigurationInput{
		Bucket: awssdk.String(bucket),
		Id:     awssdk.String(conf.ID),
		InventoryConfiguration: &types.InventoryConfiguration{
			Id:        awssdk.String(conf.ID),
			IsEnabled: awssdk.Bool(true),
			Destination: &types.InventoryDestination{S3BucketDestination: &types.InventoryS3BucketDestination{
				Bucket:    awssdk.String(conf.BucketARN),
				Prefix:    str(conf.Prefix),
				AccountId: str(conf.Account),
				Format:    types.InventoryFormat(conf.Format),
			}},
			IncludedObjectVersions: types.InventoryIncludedObjectVersions(conf.Versions),
			OptionalFields:         fields,
			Schedule:               &types.InventorySchedule{Frequency: types.InventoryFrequency(conf.Frequency)},
		},
	})
	return err
}
