package retrieve

import (
	"strconv"

	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// FindingKind is what does not hold.
type FindingKind string

// The kinds of findings.
const (
	// Unreadable: an index, archive, copy or manifest cannot be read at all.
	Unreadable FindingKind = "Unreadable"
	// Replaced: the archive is not the one that its index was written for.
	Replaced FindingKind = "Replaced"
	// NoIndex: there is an archive, or a copy, and nothing that lists it.
	NoIndex FindingKind = "NoIndex"
	// BadIndexRow: a line of the index is no row.
	BadIndexRow FindingKind = "BadIndexRow"
	// Truncated: the archive stops before its end.
	Truncated FindingKind = "Truncated"
	// Damaged: the archive's bytes are no gzip or no tar at some place.
	Damaged FindingKind = "Damaged"
	// Lost: an object is in the index and lies behind damage, so that it
	// cannot be read in sequence.
	Lost FindingKind = "Lost"
	// BadHeader: a member's header is not what its row asks for.
	BadHeader FindingKind = "BadHeader"
	// BadContent: a member's content is not what its row's checksum says.
	BadContent FindingKind = "BadContent"
	// BadPlace: a member does not lie where its row says.
	BadPlace FindingKind = "BadPlace"
	// NoMember: the index names an object that the archive does not hold.
	NoMember FindingKind = "NoMember"
	// NoRow: the archive holds a member that the index does not name.
	NoRow FindingKind = "NoRow"
	// Twice: an object is in the archive, or in the index, more than once.
	Twice FindingKind = "Twice"
	// Trailing: the archive goes on after its end.
	Trailing FindingKind = "Trailing"
	// SourceGone: the source object does not exist any more.
	SourceGone FindingKind = "SourceGone"
	// SourceChanged: the source object is another one by now.
	SourceChanged FindingKind = "SourceChanged"
	// SourceUnknown: nobody can say whether the source object is still the
	// same, because S3 refuses to tell or knows no checksum to compare.
	SourceUnknown FindingKind = "SourceUnknown"
	// NotArchived: a manifest has no index.
	NotArchived FindingKind = "NotArchived"
	// ManifestChanged: the manifest is not the one the archive was made from.
	ManifestChanged FindingKind = "ManifestChanged"
	// Unaccounted: a row of a manifest is neither in the index nor a dead
	// letter nor a big object's copy.
	Unaccounted FindingKind = "Unaccounted"
	// NotListed: an object is in the index or a dead letter, and not in the
	// manifest.
	NotListed FindingKind = "NotListed"
	// BadLetters: the dead-letter index is not there, or not the one that
	// belongs to the index.
	BadLetters FindingKind = "BadLetters"
)

// Finding is one thing that does not hold, and where.
type Finding struct {
	Kind FindingKind
	// Where is the archive, index or manifest that it is about.
	Where object.Location
	// Object is the source object that it is about; zero if it is about more
	// than one.
	Object    object.Location
	VersionID string
	// Offset is a byte of Where's, or in a compressed archive of the tar
	// inside; -1 if none is meant.
	Offset int64
	// Detail says more, for people.
	Detail string
}

// String is the finding on one line.
func (f Finding) String() string {
	s := string(f.Kind) + " " + f.Where.String()
	if f.Offset >= 0 {
		s += " at " + strconv.FormatInt(f.Offset, 10)
	}
	if f.Object.Key != "" {
		s += ": " + f.Object.String()
		if f.VersionID != "" {
			s += " version " + f.VersionID
		}
	}
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	return s
}

// about makes a finding about a row's object.
func about(kind FindingKind, where object.Location, row *index.Row, offset int64, detail string) Finding {
	return Finding{
		Kind: kind, Where: where, Object: object.Location{Bucket: row.Bucket, Key: object.DecodeKey(row.Key)},
		VersionID: row.VersionID, Offset: offset, Detail: detail,
	}
}

// of makes a finding about a whole archive, index or manifest.
func of(kind FindingKind, where object.Location, detail string) Finding {
	return Finding{Kind: kind, Where: where, Offset: -1, Detail: detail}
}
