// Package chart draws charts as SVG text, from numbers alone.
//
//	values ── Scale: FromZero, Log, Clock, Nines, Folded ──> pixels ──┐
//	                   └─> round ticks with labels                    ├─> Drawing ─> <svg role="img" ...>
//	texts ── Width, Fit ──────────────────────────────────────────────┘      (rectangles, lines, paths, texts)
//
// Colours are no business of it: every shape has a class, and the style sheet of the page around it gives
// classes their colours, light and dark. A drawing has a title and a description that screen readers read, and no
// attribute that a Content-Security-Policy without unsafe-inline would refuse.
package chart
