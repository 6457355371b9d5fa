// Package retrieve gives back what bundles have stored: rows of indexes, single
// objects, and all of them as they were, from archives of this program and of
// the original Amazon S3 Bundler.
package retrieve
