package container

import (
	"debug/elf"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sys/unix"
)

// Without an engine, or with one that is of no use, the error says which, why and what to do.
func TestEnginesThatCannotBeUsed(t *testing.T) {
	program := tiny(t)
	windows := serve(t, map[string]string{"GET /info": `{"OSType":"windows","ServerVersion":"0.1"}`})
	full := serve(t, map[string]string{"POST /build": `{"errorDetail":{"message":"write /logproof: no space left on device"},"error":"write /logproof: no space left on device"}`})
	bridgeless := serve(t, map[string]string{
		"POST /build":           `{"stream":"Successfully built"}`,
		"POST /networks/create": "not json",
	})
	for name, test := range map[string]struct {
		host string
		says []string
	}{
		"none":             {"unix:///tmp/no-engine-is-here.sock", []string{"no Docker engine can be used", "DOCKER_HOST=unix:///tmp/no-engine-is-here.sock", "start one"}},
		"nobody listens":   {"tcp://127.0.0.1:1", []string{"no Docker engine can be used", "start one"}},
		"no address":       {"nonsense", []string{"DOCKER_HOST=nonsense"}},
		"windows":          {windows.host, []string{"runs containers of windows", "runs Linux"}},
		"its disk is full": {full.host, []string{"did not build the image", "no space left on device", "make room"}},
		"no network":       {bridgeless.host, []string{"make a bridge network", "docker network ls"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := told(t, test.host, program)
			for _, want := range test.says {
				if !strings.Contains(said, want) {
					t.Errorf("it says %q, want %q", said, want)
				}
			}
		})
	}
}

// What was noted in the ledger is looked for and removed when a start fails half-way.
func TestAStartThatFailsCleansUp(t *testing.T) {
	full := serve(t, map[string]string{"POST /build": `{"errorDetail":{"message":"broken"},"error":"broken"}`})
	if said := told(t, full.host, tiny(t)); !strings.Contains(said, "broken") {
		t.Errorf("it says %q", said)
	}
	asked := full.requests()
	for _, want := range []string{"GET /containers/json", "GET /networks", "GET /images/json"} {
		if at := strings.LastIndex(asked, want); at < strings.Index(asked, "POST /build") {
			t.Errorf("after the build that failed nobody asked for %s:\n%s", want, asked)
		}
	}
	if strings.Contains(asked, "/images/create") {
		t.Errorf("an image was pulled:\n%s", asked)
	}
}

// A container whose process nobody has is on another machine, or has ended, which its engine may hear late.
func TestAContainerWithoutAProcess(t *testing.T) {
	const inspect, wait = "GET /containers/0123456789ab/json", "POST /containers/0123456789ab/wait"
	runs := `{"Id":"0123456789ab","State":{"Running":true,"Pid":2147483647}}`
	for name, test := range map[string]struct {
		answers map[string]string
		says    string
	}{
		"it has ended":            {map[string]string{inspect: runs, wait: `{"StatusCode":2}`}, ""},
		"it runs somewhere":       {map[string]string{inspect: runs, wait: "not json"}, "is elsewhere"},
		"the engine knows of end": {map[string]string{inspect: `{"Id":"0123456789ab","State":{"Running":false}}`}, ""},
	} {
		f := serve(t, test.answers)
		c, err := client.New(client.WithHost(f.host))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		e := &engine{client: &testcontainers.DockerClient{Client: c}, host: f.host}
		err = (&starter{engine: e}).identify(t.Context(), &running{engine: e, id: "0123456789ab"})
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

// A socket that this user may not use is told from one that is not there.
func TestAnEngineOfOthers(t *testing.T) {
	e := serve(t, nil)
	path := strings.TrimPrefix(e.host, "unix://")
	for name, mode := range map[string]os.FileMode{path: 0, filepath.Dir(path): 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	err := asNobody(func() error { // root may use any socket
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err
	})
	err = unreachable(e.host, err)
	if !errors.Is(err, ErrNoEngine) || !strings.Contains(err.Error(), "group that owns its socket") {
		t.Errorf("unreachable = %v", err)
	}
}

// asNobody runs something on a thread that has the rights of nobody, as far as files go. The thread ends with it.
func asNobody(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()     // never unlocked
		unix.SetfsuidRetUid(65534) // fails where this user is none but itself, who may not use the socket either
		done <- do()
	}()
	return <-done
}

// What an engine says of a container that it could not start is told with what to do.
func TestAdvice(t *testing.T) {
	for said, want := range map[string]string{
		"driver failed programming external connectivity: listen tcp4 127.0.0.1:20001: bind: address already in use": "end what uses the port",
		"Bind for 127.0.0.1:20001 failed: port is already allocated":                                                 "end what uses the port",
		"mkdir /var/lib/docker/overlay2/x: no space left on device":                                                  "make room",
		"exec /logproof: exec format error":                                                                          "another processor",
	} {
		if got := advice(errors.New(said)); !strings.Contains(got, want) {
			t.Errorf("of %q it advises %q", said, got)
		}
	}
	if got := advice(errors.New("what else")); got != "" {
		t.Errorf("it advises %q without knowing anything", got)
	}
}

func TestProgramsForTheImage(t *testing.T) {
	for _, test := range []struct {
		segments []elf.ProgType
		want     bool
	}{{nil, true}, {[]elf.ProgType{elf.PT_LOAD}, true}, {[]elf.ProgType{elf.PT_LOAD, elf.PT_INTERP}, false}} {
		if got, err := static(tiny(t, test.segments...)); err != nil || got != test.want {
			t.Errorf("with the segments %v it is static: %v, %v", test.segments, got, err)
		}
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := programFor(t.Context(), script, t.TempDir()); err == nil || !strings.Contains(err.Error(), script+" a program for Linux") {
		t.Errorf("a script: %v", err)
	}
	// One that needs a loader is built anew; where there is no module to build, that is said.
	t.Chdir(t.TempDir())
	if _, err := programFor(t.Context(), tiny(t, elf.PT_INTERP), t.TempDir()); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("a program that needs libraries, away from its module: %v", err)
	}
}
