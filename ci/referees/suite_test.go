package main

// The tests of kgo are compiled from this module's list of dependencies: this keeps them in it.
import _ "github.com/twmb/franz-go/pkg/kgo"
