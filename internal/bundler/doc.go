// Package bundler does the work for one manifest: its objects become one
// archive with an index, its big objects copies, what cannot be read dead
// letters.
//
// Every row of the manifest ends in exactly one of the three, or the bundle
// ends in an error and the manifest is still to be done. The order of
// publishing keeps that true wherever the process stops: the archive is
// complete and checked before its index is written, and the index, which says
// that the manifest is done, tells how many dead letters must lie beside it.
package bundler
