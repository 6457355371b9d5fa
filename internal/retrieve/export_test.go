package retrieve

// Unfinished and Claim are for tests of what killed runs leave.
var (
	Unfinished = unfinished
	Claim      = claim
)
