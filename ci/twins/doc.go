// Package twins asks kfake and the reference broker the same, and wants every difference between their answers explained.
//
//	question, version ──> broker ──> answer ──┐  ids by their names, times and texts left out
//	                 └──> kfake  ──> answer ──┴─ flat ──> differences ──> explained, or a failure
//
// Both serve Kafka's protocol and neither is Apache Kafka: where they agree, an error of one of them alone would
// show. Every key and version that both serve is asked several questions, good ones and bad ones. What differs
// stands in the list of explanations, with the reason; one that no longer occurs must go from the list.
//
// It is a module of its own, so that kfake never becomes a dependency of logproof.
package twins
