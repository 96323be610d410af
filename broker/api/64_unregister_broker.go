package api

// UnregisterBroker (key 64, KIP-631): forgets a broker that is gone for good.
//
// Behaviour
//   - the controller decides (broker/controller); one that lives is refused with INVALID_REQUEST, one that is not
//     there with BROKER_ID_NOT_REGISTERED
//   - its replicas stay assigned to it until they are moved
//
// Versions
//   - 0
type unregisterBroker struct{ toController }
