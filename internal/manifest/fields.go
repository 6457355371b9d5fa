package manifest

import (
	"fmt"
	"strings"
)

// Column is what a column of a manifest holds.
type Column int

// The columns that mean something to a reader, by S3 Inventory's names. All
// others are Ignored.
const (
	Ignored Column = iota
	Bucket
	Key
	Size
	VersionID
	ETag
	LastModified
	StorageClass
)

var columnNames = [...]string{
	Ignored: "", Bucket: "Bucket", Key: "Key", Size: "Size",
	VersionID: "VersionId", ETag: "ETag", LastModified: "LastModifiedDate",
	StorageClass: "StorageClass",
}

// String is the column's name in S3 Inventory; empty for Ignored.
func (c Column) String() string { return columnNames[c] }

// Fields are the columns of a manifest, in order. The zero value has none;
// start with DefaultFields or ParseFields. Fields do not change once made.
type Fields struct {
	columns []Column
	names   []string
	needed  int  // rows must have so many fields
	letters bool // one is the Reason of dead letters
}

// DefaultFields are Bucket, Key and Size.
func DefaultFields() Fields {
	return Fields{
		columns: []Column{Bucket, Key, Size},
		names:   []string{"Bucket", "Key", "Size"},
		needed:  3,
	}
}

// ParseFields reads column names, each element one name or several separated
// by commas or spaces. Case does not matter. A name that is no Column is taken
// for a column to pass over; Reason says that the rows are dead letters. Bucket
// and Key must be among them.
func ParseFields(names []string) (Fields, error) {
	var f Fields
	for _, name := range splitNames(names) {
		if !isName(name) {
			return Fields{}, fmt.Errorf("%q is no column name: write names like Bucket Key Size", name)
		}
		c := columnOf(name)
		if c != Ignored && f.Has(c) {
			return Fields{}, fmt.Errorf("column %s is named twice", c)
		}
		if c != Ignored {
			name = c.String()
			f.needed = len(f.columns) + 1
		}
		f.letters = f.letters || strings.EqualFold(name, "Reason")
		f.columns = append(f.columns, c)
		f.names = append(f.names, name)
	}
	for _, c := range []Column{Bucket, Key} {
		if !f.Has(c) {
			return Fields{}, fmt.Errorf("no column named %s among %q: Bucket and Key must be there", c, f.String())
		}
	}
	return f, nil
}

// Has reports whether c is one of the columns.
func (f Fields) Has(c Column) bool {
	for _, have := range f.columns {
		if have == c {
			return true
		}
	}
	return false
}

// Columns are the columns in order. Whoever gets them must not change them.
func (f Fields) Columns() []Column { return f.columns }

// String gives the names separated by spaces, as ParseFields reads them.
func (f Fields) String() string { return strings.Join(f.names, " ") }

// Set reads the names in s, so that *Fields is the value of the flag
// -f/--fieldnames. It gets one argument: a command whose users type
// "-f Bucket Key Size" names the flag in its cli.Spelling.
func (f *Fields) Set(s string) (err error) {
	*f, err = ParseFields([]string{s})
	return err
}

// Type names the flag's value in help.
func (f *Fields) Type() string { return "COLUMNS" }

func splitNames(args []string) []string {
	return strings.FieldsFunc(strings.Join(args, " "), func(r rune) bool {
		return r == ',' || r == ' ' || r == '\t' || r == '\n'
	})
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		default:
			return false
		}
	}
	return s != ""
}

func columnOf(name string) Column {
	for c := Bucket; c <= StorageClass; c++ {
		if strings.EqualFold(name, c.String()) {
			return c
		}
	}
	return Ignored
}
