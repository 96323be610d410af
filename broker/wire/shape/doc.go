// Package shape walks over the body of a request or a response by its shape, before anything decodes it.
//
//	"4 [ s v3+:8 ] v2+:1" ── Compile ──> Shape ── Pass(version, flexible, body) ──> the rest behind the body, or what is wrong
//
// The library that decodes bodies trusts what they say of themselves: an array gets as many elements of memory
// as it claims, and tagged fields are read as often as a count says, whether there is anything to read or not.
// So whoever reads what a stranger wrote passes over it here first: every length must lie within the frame, and
// all arrays and tagged fields together may have ElementsMax elements. A walk takes no memory of its own.
package shape
