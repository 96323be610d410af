package mem_test

import (
	"testing"

	"github.com/logproof/logproof/broker/env"
	"github.com/logproof/logproof/broker/env/envtest"
	"github.com/logproof/logproof/broker/env/mem"
)

func TestConformance(t *testing.T) {
	envtest.Run(t, func(*testing.T) env.FS { return mem.New() })
}
