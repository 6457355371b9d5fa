package retrieve

// Claims, Unfinished and Claim are for tests of what killed runs leave.
const Claims = claims

var (
	Unfinished = unfinished
	Claim      = claim
)
