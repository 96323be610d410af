package api

// AlterConfigs (key 33): replaces all that topics and brokers say of their settings.
//
// Behaviour
//   - the controller decides (broker/controller), and what it decides takes effect while topics and brokers run
//   - what a resource says and the request does not name is not said any more: IncrementalAlterConfigs is better
//   - each resource has its own error; validate-only decides and records nothing
//
// Versions
//   - 2 flexible
type alterConfigs struct{ toController }
