// Stub is an S3 that costs next to nothing, for measuring clients of S3: it
// serves generated objects with all that S3 answers of them, and takes uploads
// to nowhere. What it has to know of an object is computed before the first
// request. It checks no signatures and believes the checksums it is sent.
//
// A bucket's name says what is in it: bin-10240 holds objects of 10,240 bytes
// that do not compress, text-10240 such that do, and a third word after a dash,
// multipart, gives them ETags of multipart uploads. The number at the end of a
// key tells one object from another. indexes-65000-1000 holds 1,000 indexes of
// 65,000 rows each, and lists an archive beside each. What is put into a bucket
// whose name begins with kept can be read again; of everything else put, only
// what HEAD and lists tell is remembered.
//
// It prints its URL. A line on its standard input asks for one on its standard
// output: "counts" gives the requests since it was last asked and the
// processor time they took. It ends with its standard input.
package main
