// Floor does the requests of a bundle and nothing else: a loop over net/http
// with the SDK's own signer. What s3bundler costs above it is its own doing.
//
//	floor get    whole objects, read and dropped
//	floor relay  ranges of objects, and parts of uploads made of them
//	floor put    whole objects, of zeros
package main
