package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
)

const verifyDescription = `Verify archives: say everything that does not hold, and where.

Each archive is read once, from start to end, and held against its index:
every member's header, place, size and checksum, nothing over, nothing missing.
Copies of big objects are held against their metadata. Archives of the original
Amazon S3 Bundler are verified too, as far as their indexes tell.

With --source, every object is compared with the one it was made from, by one
HEAD each: it must still be there, the same version of it where its bucket is
versioned, with the ETag or checksum of what was archived. With --manifests,
every row of the manifests must be in an index, among the dead letters, or a
copied big object, and nothing may be in an index that no manifest asks for.

It exits with 0 only if all holds, and with 3 if anything does not, or could
not be verified.`

const verifyExamples = `  # all archives below a prefix, and whether every row of every manifest is there
  s3bundler verify s3://my-archive/archive/ --manifests s3://my-archive/manifests/

  # one archive, and its source objects, for a program to read
  s3bundler verify s3://my-archive/archive/c3e7f3/src1/x-manifest.0.index --source --json`

func newVerify() *cobra.Command {
	var o struct {
		reading
		retrieve.VerifyOptions
		json         bool
		limit, heads int
	}
	o.Fields = manifest.DefaultFields()
	cmd := &cobra.Command{
		Use:                   "verify s3://BUCKET/KEY... [flags]",
		Short:                 "Hold archives against indexes, sources and manifests",
		Long:                  verifyDescription,
		Example:               verifyExamples,
		Args:                  atLeast(1, "name an index, an archive or a prefix: s3://BUCKET/KEY"),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			began := time.Now()
			ps, err := places(args)
			if err != nil {
				return err
			}
			if o.heads < 1 || o.limit < 0 {
				return cli.Usagef("--heads must be at least 1, and --limit not below 0")
			}
			s3, err := o.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s3.Close()
			con := o.Console(cmd)
			var p retrieve.VerifyProgress
			o.Archives, o.Limiter, o.Progress = o.inFlight, fetch.NewLimiter(o.heads), &p
			r := findings{out: bufio.NewWriter(con.Output(cmd.OutOrStdout())), json: o.json, limit: o.limit, counts: map[retrieve.FindingKind]int64{}}
			stop := con.Progress(func() cli.Snapshot {
				return cli.Snapshot{Done: p.Objects.Load(), Bytes: p.Bytes.Load(), Unit: "objects", Note: fmt.Sprintf("%d archives", p.Archives.Load())}
			})
			for f, e := range retrieve.Verify(cmd.Context(), s3, ps, o.VerifyOptions) {
				if err = e; err == nil {
					err = r.print(f)
				}
				if err != nil {
					break
				}
			}
			stop()
			if err != nil {
				return err
			}
			if err := r.end(&p, o.Sources, len(o.Manifests) > 0); err != nil {
				return err
			}
			con.Summarize(verifySummary(&p, o.Sources, time.Since(began)))
			return r.verdict(&p)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.Sources, "source", false, "compare every object with the one it was made from")
	fs.Var(cli.URIs(&o.Manifests), "manifests", "a manifest, or all below a prefix that ends in /, whose rows must be accounted for; may be repeated")
	fs.VarP(&o.Fields, "fieldnames", "f", "the manifests' columns, as s3grouper was told")
	fs.BoolVar(&o.AnyETag, "any-etag", false, "take archives that are not the very ones their indexes were written for: they were copied")
	fs.BoolVar(&o.json, "json", false, "print one JSON object for each finding, and one with the counts at the end")
	fs.IntVar(&o.limit, "limit", 20, "print at most `N` findings of a kind, though all count; 0 prints all")
	fs.IntVar(&o.heads, "heads", retrieve.DefaultHeads, "send up to `N` HEADs at once, with --source")
	o.reading.add(cmd, retrieve.DefaultReaders, "read `N` archives at once")
	cli.Exits(cmd, fault.Read, fault.Download, fault.API)
	return cmd
}

// findings prints what was found, and counts it.
type findings struct {
	out    *bufio.Writer
	json   bool
	limit  int
	counts map[retrieve.FindingKind]int64
}

// jsonFinding is a finding as JSON. Places are s3:// URIs.
type jsonFinding struct {
	Finding   retrieve.FindingKind `json:"Finding"`
	Where     string               `json:"Where"`
	Object    string               `json:"Object,omitzero"`
	VersionID string               `json:"VersionId,omitzero"`
	Offset    *int64               `json:"Offset,omitzero"`
	Detail    string               `json:"Detail,omitzero"`
}

func (r *findings) print(f retrieve.Finding) error {
	r.counts[f.Kind]++
	if r.limit > 0 && r.counts[f.Kind] > int64(r.limit) {
		return nil
	}
	if !r.json {
		_, err := fmt.Fprintln(r.out, cli.OneLine(f.String()))
		return printed(err)
	}
	j := jsonFinding{Finding: f.Kind, Where: f.Where.String(), VersionID: f.VersionID, Detail: f.Detail}
	if f.Object != (object.Location{}) {
		j.Object = f.Object.String()
	}
	if f.Offset >= 0 {
		j.Offset = &f.Offset
	}
	return r.encode(j)
}

func (r *findings) encode(v any) error {
	enc := json.NewEncoder(r.out)
	enc.SetEscapeHTML(false)
	return printed(enc.Encode(v))
}

// jsonVerified is the last line of JSON.
type jsonVerified struct {
	Holds     bool                           `json:"Holds"`
	Archives  int64                          `json:"Archives"`
	Damaged   int64                          `json:"ArchivesWithFindings"`
	Objects   int64                          `json:"Objects"`
	Bytes     int64                          `json:"Bytes"`
	Unchecked int64                          `json:"ObjectsWithoutChecksum"`
	Sources   *int64                         `json:"Sources,omitzero"`
	Manifests *int64                         `json:"Manifests,omitzero"`
	Different *int64                         `json:"ManifestsWithFindings,omitzero"`
	Rows      *int64                         `json:"ManifestRows,omitzero"`
	Findings  map[retrieve.FindingKind]int64 `json:"Findings"`
}

// end prints the counts.
func (r *findings) end(p *retrieve.VerifyProgress, sources, manifests bool) error {
	if r.json {
		j := jsonVerified{
			Holds: len(r.counts) == 0, Archives: p.Archives.Load(), Damaged: p.Damaged.Load(), Objects: p.Objects.Load(), Bytes: p.Bytes.Load(),
			Unchecked: p.Unchecked.Load(), Findings: r.counts,
		}
		held, ms, bad, rows := p.Sources.Load(), p.Manifests.Load(), p.DamagedManifests.Load(), p.Rows.Load()
		if sources {
			j.Sources = &held
		}
		if manifests {
			j.Manifests, j.Different, j.Rows = &ms, &bad, &rows
		}
		if err := r.encode(j); err != nil {
			return err
		}
		return printed(r.out.Flush())
	}
	r.table(r.out)
	return printed(r.out.Flush())
}

// table prints how many findings of each kind there are.
func (r *findings) table(w io.Writer) {
	if len(r.counts) == 0 {
		fmt.Fprintln(w, "all holds")
		return
	}
	fmt.Fprintf(w, "\n%-16s %10s\n", "FINDING", "COUNT")
	for _, k := range slices.Sorted(maps.Keys(r.counts)) {
		more := ""
		if n := r.counts[k]; r.limit > 0 && n > int64(r.limit) {
			more = fmt.Sprintf("  (%d printed; --limit 0 prints all)", r.limit)
		}
		fmt.Fprintf(w, "%-16s %10d%s\n", k, r.counts[k], more)
	}
}

// verdict is an error unless all holds.
func (r *findings) verdict(p *retrieve.VerifyProgress) error {
	var n int64
	for _, k := range r.counts {
		n += k
	}
	if n == 0 {
		return nil
	}
	var about []string
	if bad := p.Damaged.Load(); bad > 0 {
		about = append(about, fmt.Sprintf("%d of %d archives", bad, p.Archives.Load()))
	}
	if bad := p.DamagedManifests.Load(); bad > 0 {
		about = append(about, fmt.Sprintf("%d of %d manifests", bad, p.Manifests.Load()))
	}
	return fault.New(fault.Read, "verify", "", fmt.Errorf("%s, about %s", cli.Counted(n, "finding", "findings"), strings.Join(about, " and ")), "")
}

func verifySummary(p *retrieve.VerifyProgress, sources bool, elapsed time.Duration) cli.Summary {
	s := cli.Summary{
		Count: p.Objects.Load(), Unit: "objects", Bytes: p.Bytes.Load(), Elapsed: elapsed,
		More: []cli.Tally{{Unit: "archives", Count: p.Archives.Load()}},
	}
	if sources {
		s.More = append(s.More, cli.Tally{Unit: "sources the same", Count: p.Sources.Load()})
	}
	if n := p.Manifests.Load(); n > 0 {
		s.More = append(s.More, cli.Tally{Unit: "manifests", Count: n}, cli.Tally{Unit: "manifest rows", Count: p.Rows.Load()})
	}
	if n := p.Unchecked.Load(); n > 0 {
		s.More = append(s.More, cli.Tally{Unit: "objects without a checksum to check", Count: n})
	}
	return s
}
