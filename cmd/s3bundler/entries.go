package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
)

// entryPrinter prints objects of archives. flush must follow the last.
type entryPrinter interface {
	print(e retrieve.Entry) error
	flush() error
}

// printed gives a failed write its exit code.
func printed(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Write, "write", "standard output", err, "")
}

// storageClass is that of the object when it was archived.
func storageClass(r *index.Row) string {
	for _, h := range r.Headers {
		if h.Name == index.StorageClassHeader {
			return h.Value
		}
	}
	return ""
}

// table prints a line for each object.
type table struct {
	w     *bufio.Writer
	heads bool
	begun bool
}

func newTablePrinter(w io.Writer, heads bool) *table {
	return &table{w: bufio.NewWriter(w), heads: heads}
}

func (t *table) print(e retrieve.Entry) error {
	where := e.Source.Where()
	if !t.begun {
		t.begun = true
		if t.heads {
			fmt.Fprintln(t.w, "LAST MODIFIED (UTC)           SIZE  OBJECT")
		} else {
			fmt.Fprintln(t.w, "LAST MODIFIED (UTC)           SIZE  INDEX  KEY")
		}
	}
	modified := ""
	if !e.Row.LastModified.IsZero() {
		modified = e.Row.LastModified.Format(time.DateTime)
	}
	fmt.Fprintf(t.w, "%-19s %14d  ", modified, e.Row.Size)
	if !t.heads {
		_, err := fmt.Fprintf(t.w, "%s  %s\n", cli.OneLine(where.String()), cli.OneLine(e.Key))
		return printed(err)
	}
	_, err := fmt.Fprintln(t.w, cli.OneLine(object.Location{Bucket: e.Row.Bucket, Key: e.Key}.String()))
	return printed(err)
}

func (t *table) flush() error { return printed(t.w.Flush()) }

// csvPrinter prints CSV, keys as S3 knows them.
type csvPrinter struct{ w *csv.Writer }

func newCSVPrinter(w io.Writer) csvPrinter {
	c := csvPrinter{csv.NewWriter(w)}
	// An error stays with the writer, and flush tells it.
	_ = c.w.Write([]string{"bucket", "key", "size", "last_modified", "checksum", "crc64nvme", "version_id", "storage_class", "index", "archive"})
	return c
}

func (c csvPrinter) print(e retrieve.Entry) error {
	r := &e.Row
	modified := ""
	if !r.LastModified.IsZero() {
		modified = r.LastModified.Format(time.RFC3339)
	}
	return printed(c.w.Write([]string{
		r.Bucket, e.Key, strconv.FormatInt(r.Size, 10), modified, r.Checksum, r.CRC64NVME, r.VersionID, storageClass(r),
		indexOf(e.Source), archiveOf(e.Source),
	}))
}

func (c csvPrinter) flush() error {
	c.w.Flush()
	return printed(c.w.Error())
}

func indexOf(s retrieve.Source) string {
	if s.Index.Key == "" {
		return ""
	}
	return s.Index.Location().String()
}

func archiveOf(s retrieve.Source) string {
	if l, ok := s.Archive(); ok {
		return l.String()
	}
	return ""
}

// jsonPrinter prints a JSON object for each object.
type jsonPrinter struct {
	w   *bufio.Writer
	enc *json.Encoder
}

func newJSONPrinter(w io.Writer) jsonPrinter {
	j := jsonPrinter{w: bufio.NewWriter(w)}
	j.enc = json.NewEncoder(j.w)
	j.enc.SetEscapeHTML(false)
	return j
}

// jsonEntry names are those of AWS's own JSON.
type jsonEntry struct {
	Bucket       string            `json:"Bucket"`
	Key          string            `json:"Key"`
	Size         int64             `json:"Size"`
	LastModified time.Time         `json:"LastModified,omitzero"`
	Checksum     string            `json:"Checksum,omitzero"`
	CRC64NVME    string            `json:"ChecksumCRC64NVME,omitzero"`
	VersionID    string            `json:"VersionId,omitzero"`
	StorageClass string            `json:"StorageClass,omitzero"`
	Metadata     map[string]string `json:"Metadata,omitzero"`
	Tags         map[string]string `json:"Tags,omitzero"`
	Headers      map[string]string `json:"Headers,omitzero"`
	Index        string            `json:"Index,omitzero"`
	Archive      string            `json:"Archive,omitzero"`
	Offset       *int64            `json:"Offset,omitzero"`
	Block        *int64            `json:"Block,omitzero"`
	BlockLength  *int64            `json:"BlockLength,omitzero"`
}

func (j jsonPrinter) print(e retrieve.Entry) error {
	r := &e.Row
	out := jsonEntry{
		Bucket: r.Bucket, Key: e.Key, Size: r.Size, LastModified: r.LastModified, Checksum: r.Checksum, CRC64NVME: r.CRC64NVME,
		VersionID: r.VersionID, StorageClass: storageClass(r), Metadata: mapOf(r.Metadata, ""), Headers: mapOf(r.Headers, index.StorageClassHeader),
		Index: indexOf(e.Source), Archive: archiveOf(e.Source),
	}
	for _, t := range r.Tags {
		if out.Tags == nil {
			out.Tags = map[string]string{}
		}
		out.Tags[t.Key] = t.Value
	}
	if p := r.Place; p != nil {
		out.Offset, out.Block = &p.Offset, &p.Block
		if p.BlockLength >= 0 {
			out.BlockLength = &p.BlockLength
		}
	}
	return printed(j.enc.Encode(out))
}

func (j jsonPrinter) flush() error { return printed(j.w.Flush()) }

// mapOf makes a map of pairs, without the one named but.
func mapOf(pairs []object.Pair, but string) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		if p.Name != but || but == "" {
			m[p.Name] = p.Value
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}
