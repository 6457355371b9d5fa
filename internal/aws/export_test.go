package aws

// SetSizes makes small what is large in S3, so that a test reaches it: the
// limit of one CopyObject, and the parts of a copy and of an Upload.
func (s *S3) SetSizes(copyLimit, copyPart, uploadPart int64) {
	s.copyLimit, s.copyPart, s.uploadPart = copyLimit, copyPart, uploadPart
}
