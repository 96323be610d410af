package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

// serveKfake runs one kfake broker with files and without sync until it is told to end.
func serveKfake(args []string) error {
	flags := flag.NewFlagSet("peers kfake", flag.ContinueOnError)
	dir := flags.String("dir", "", "data directory")
	listen := flags.String("listen", "", "address, on loopback")
	if err := flags.Parse(args); err != nil {
		return err
	}
	_, portText, err := net.SplitHostPort(*listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port: %w", *listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("--listen %q has no port number: %w", *listen, err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(*dir))
	if err != nil {
		return fmt.Errorf("start kfake on %s: %w", *listen, err)
	}
	defer cluster.Close()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	<-ended
	return nil
}
