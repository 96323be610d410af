package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
)

// lan is the network of a run.
type lan struct {
	id, name string
	// gateway is this machine as containers see it.
	gateway netip.Addr
	// addresses of the nodes, fixed for the run.
	addresses map[int32]netip.Addr
}

// subnetTries is how often a subnet that was free may be taken by somebody else a moment later.
const subnetTries = 8

// firstHost is the number of the first node in its subnet; the gateway has a low one.
const firstHost = 10

// makeNetwork makes a bridge network in which every node has a fixed address. An engine gives fixed ones only
// in a subnet that it was told to use, so it is asked for any network first, to be told that one again.
func (e *engine) makeNetwork(ctx context.Context, label string, nodes []int32) (lan, error) {
	var err error
	for range subnetTries {
		var l lan
		if l, err = e.tryNetwork(ctx, label, nodes); err == nil {
			return l, nil
		}
	}
	return lan{}, fmt.Errorf("make a bridge network at %s: %w; look at docker network ls for what has taken the subnets, and whether the engine may make bridges", e.host, err)
}

func (e *engine) tryNetwork(ctx context.Context, label string, nodes []int32) (lan, error) {
	free, err := e.bridge(ctx, label, nil)
	if err != nil {
		return lan{}, err
	}
	probe, err := e.client.NetworkInspect(ctx, free.ID, client.NetworkInspectOptions{})
	if _, gone := e.client.NetworkRemove(ctx, free.ID, client.NetworkRemoveOptions{}); err == nil {
		err = gone
	}
	if err != nil {
		return lan{}, err
	}
	config := ipv4(probe.Network.IPAM.Config)
	if !config.Subnet.IsValid() || !config.Gateway.IsValid() {
		return lan{}, errors.New("the engine gave a bridge network no IPv4 subnet")
	}
	l := lan{gateway: config.Gateway, addresses: map[int32]netip.Addr{}}
	next := config.Subnet.Masked().Addr()
	for range firstHost {
		next = next.Next()
	}
	for _, id := range nodes {
		if !config.Subnet.Contains(next) {
			return lan{}, fmt.Errorf("the subnet %s has no room for %d nodes", config.Subnet, len(nodes))
		}
		l.addresses[id], next = next, next.Next()
	}
	made, err := e.bridge(ctx, label, &network.IPAM{Config: []network.IPAMConfig{{Subnet: config.Subnet, Gateway: config.Gateway}}})
	if err != nil {
		return lan{}, err
	}
	l.id, l.name = made.ID, made.Name
	return l, nil
}

// bridge makes a bridge network of the run.
func (e *engine) bridge(ctx context.Context, label string, ipam *network.IPAM) (*testcontainers.DockerNetwork, error) {
	options := []tcnetwork.NetworkCustomizer{tcnetwork.WithDriver("bridge"), tcnetwork.WithLabels(labels(label))}
	if ipam != nil {
		options = append(options, tcnetwork.WithIPAM(ipam))
	}
	return tcnetwork.New(ctx, options...)
}

func ipv4(configs []network.IPAMConfig) network.IPAMConfig {
	for _, c := range configs {
		if c.Subnet.Addr().Is4() {
			return c
		}
	}
	return network.IPAMConfig{}
}

// endpoint is a node in the network.
func (l lan) endpoint(node int32) *network.EndpointSettings {
	return &network.EndpointSettings{NetworkID: l.id, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: l.addresses[node]}}
}

// dialler tells which node has an address.
func (l lan) dialler(a netip.Addr) (int32, bool) {
	for id, address := range l.addresses {
		if address == a {
			return id, true
		}
	}
	return 0, false
}

// disconnect takes a container off every network that it is on.
func (e *engine) disconnect(ctx context.Context, id string) error {
	now, err := e.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	if now.Container.NetworkSettings == nil {
		return nil
	}
	for name := range now.Container.NetworkSettings.Networks {
		_, err = e.client.NetworkDisconnect(ctx, name, client.NetworkDisconnectOptions{Container: id, Force: true})
		if err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// connect puts a container on the network of the run, where it was. One that is there stays.
func (e *engine) connect(ctx context.Context, l lan, id string, node int32) error {
	now, err := e.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	if now.Container.NetworkSettings != nil {
		if _, there := now.Container.NetworkSettings.Networks[l.name]; there {
			return nil
		}
	}
	_, err = e.client.NetworkConnect(ctx, l.id, client.NetworkConnectOptions{Container: id, EndpointConfig: l.endpoint(node)})
	return err
}
