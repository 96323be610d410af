package proxy

const endpointsEnv = "LOGPROOF_TEST_ENDPOINTS"

func serveEndpoints() {}
