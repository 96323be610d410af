package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// chromium is a headless browser, driven over a pair of pipes by the DevTools protocol: a JSON object and a NUL
// each way. It is used by one goroutine.
type chromium struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	session string
	number  int
	// events that came while an answer was awaited, since the last navigation.
	events []message
}

// message is an answer, or an event.
type message struct {
	ID      int             `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Session string          `json:"sessionId"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// browserLimit is how long a browser may take for everything, on a machine that is busy with other tests.
const browserLimit = 90 * time.Second

// startChromium starts the browser, or skips the test where there is none. With LOGPROOF_TEST_CHROMIUM set there
// must be one.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		if os.Getenv("LOGPROOF_TEST_CHROMIUM") != "" {
			t.Fatal("there is no chromium in PATH")
		}
		t.Skip("SKIPPED: there is no chromium in PATH, so no browser has opened report.html: install it, or run .ci/run report")
	}
	fromUs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4, as the protocol wants it
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	fromUs.Close()
	toUs.Close()
	limit := time.AfterFunc(browserLimit, func() { cmd.Process.Kill() })
	b := &chromium{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		in.Close() // it ends by itself when nobody drives it any more, or is killed
		if err := cmd.Wait(); err != nil {
			t.Errorf("the browser ended with %v, and said:\n%s", err, said.String())
		}
		limit.Stop()
		out.Close()
	})
	b.open()
	return b
}

// open makes a tab and listens to everything in it.
func (b *chromium) open() {
	var target struct {
		ID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	b.session = attached.Session
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
}

// call sends a command and waits for its answer.
func (b *chromium) call(method string, params, into any) {
	b.t.Helper()
	b.number++
	request := map[string]any{"id": b.number, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.read()
		if m.ID != b.number {
			b.events = append(b.events, m)
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if into != nil {
			if err := json.Unmarshal(m.Result, into); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

func (b *chromium) read() (m message) {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	if err == nil {
		err = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m)
	}
	if err != nil {
		b.t.Fatalf("the browser says nothing more, or took longer than %v: %v", browserLimit, err)
	}
	return m
}

// show opens an address in a window of that size and waits until it is loaded.
func (b *chromium) show(address string, width, height int, media map[string]string) {
	b.t.Helper()
	features := []map[string]string{}
	for name, value := range media {
		features = append(features, map[string]string{"name": name, "value": value})
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": address}, nil)
	for !b.happened("Page.loadEventFired") {
		b.events = append(b.events, b.read())
	}
}

func (b *chromium) happened(method string) bool {
	for _, e := range b.events {
		if e.Method == method {
			return true
		}
	}
	return false
}

// evaluate runs a script in the page and gives its value.
func (b *chromium) evaluate(script string, into any) {
	b.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true}, &answer)
	if answer.Exception != nil {
		b.t.Fatalf("the test's own script failed: %s", answer.Exception.Exception.Description)
	}
	if err := json.Unmarshal(answer.Result.Value, into); err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
}

// complaints are errors in the console, and requests for anything but the page itself.
func (b *chromium) complaints(address string) (all []string) {
	b.t.Helper()
	b.evaluate("1", new(int)) // whatever the page has said so far has come by now
	for _, e := range b.events {
		switch e.Method {
		case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded":
			all = append(all, e.Method+": "+string(e.Params))
		case "Network.requestWillBeSent":
			var request struct {
				Request struct {
					URL string `json:"url"`
				} `json:"request"`
			}
			if err := json.Unmarshal(e.Params, &request); err != nil {
				b.t.Fatal(err)
			}
			if url, _, _ := strings.Cut(request.Request.URL, "#"); url != address {
				all = append(all, fmt.Sprintf("it asks for %s", url))
			}
		}
	}
	return all
}
