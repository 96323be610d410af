package api

// IncrementalAlterConfigs (key 44): changes settings of topics and brokers one by one (KIP-339).
//
// Behaviour
//   - the controller decides (broker/controller), and what it decides takes effect while topics and brokers run
//   - operations set and delete a setting, append to a list and subtract from it
//   - each resource has its own error, and all of its operations are done or none; a resource, and a setting in
//     it, may stand once in a request
//   - a broker without a name stands for all of them; what a topic says wins over what brokers were told
//   - validate-only decides and records nothing
//
// Versions
//   - 1 flexible
type incrementalAlterConfigs struct{ toController }
