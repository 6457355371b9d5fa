// Package fetch reads many objects at once and hands them over in the order
// they were asked for, checked, within a budget of memory.
//
// Three rules keep it from standing still. Memory is reserved in order, so
// what is held is always a run from the object that is awaited, which can
// therefore finish. A request slot of the Limiter is held for one request
// only. An object larger than was listed is read to its end by its consumer,
// with memory of its own.
package fetch
