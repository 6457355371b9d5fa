package stack

import "github.com/awslabs/goformation/v7/cloudformation/glue"

// indexColumns are an index's columns in their order. An index of the
// original release ends after the seventh; the rest then reads as null.
func indexColumns() []glue.Table_Column {
	names := []string{
		"bucket", "key", "size", "last_modified", "checksum", "metadata", "tags",
		"offset", "block", "block_length", "crc64nvme", "version_id", "headers",
	}
	columns := make([]glue.Table_Column, len(names))
	for i, name := range names {
		// Text all of them: a field may be empty, and the CSV reader takes an
		// empty one for no number.
		columns[i] = glue.Table_Column{Name: name, Type: new("string")}
	}
	return columns
}

// symlinkPrefix is where the list of indexes lies. Indexes share their prefix
// with archives, which Athena must not read: so the table reads the files that
// a list names, as S3's own inventories do with their symlink.txt.
const symlinkPrefix = "athena/indexes"

func (t *Template) athena() {
	t.resources["IndexDatabase"] = &glue.Database{
		CatalogId: str(ref("AWS::AccountId")),
		DatabaseInput: &glue.Database_DatabaseInput{
			Description: new("Indexes of archives that s3bundler wrote"),
		},
	}
	t.resources["IndexTable"] = &glue.Table{
		CatalogId:    str(ref("AWS::AccountId")),
		DatabaseName: str(ref("IndexDatabase")),
		TableInput: &glue.Table_TableInput{
			Name:        new("indexes"),
			Description: new("One row an archived object; $path is the index, and the archive lies beside it"),
			TableType:   new("EXTERNAL_TABLE"),
			Parameters:  fn{"EXTERNAL": "TRUE"},
			StorageDescriptor: &glue.Table_StorageDescriptor{
				Columns:      indexColumns(),
				Location:     new(str(subWith("s3://${Bucket}/"+symlinkPrefix+"/", fn{"Bucket": bucketName()}))),
				InputFormat:  new("org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"),
				OutputFormat: new("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
				SerdeInfo: &glue.Table_SerdeInfo{
					SerializationLibrary: new("org.apache.hadoop.hive.serde2.OpenCSVSerde"),
					Parameters:           fn{"separatorChar": ",", "quoteChar": `"`},
				},
			},
		},
	}
}
