// Command logproof answers one question about a Kafka-style replicated log: does it keep its
// promises, and how fast is it while it does?
package main

import (
	"os"

	"github.com/logproof/logproof/scenarios/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr)) }
