package run

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logproof/logproof/scenarios/report"
	"github.com/logproof/logproof/verify"
)

// pageOf simulates a scenario and gives the address of its page.
func pageOf(t *testing.T, want verify.Verdict, scenario string, bugs ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	r, err := Run(t.Context(), Config{Plan: simulated(t, scenario, bugs...), Program: "logproof", Dir: dir, Ledger: t.TempDir(), Progress: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if want == verify.Inconclusive {
		for _, name := range []string{report.ResultFile, report.VerdictFile} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if r, err = Report(dir, "logproof"); err != nil {
			t.Fatal(err)
		}
	}
	if r.Verdict() != want {
		t.Fatalf("%s is %s, want %s", scenario, r.Verdict(), want)
	}
	return "file://" + filepath.Join(dir, report.PageFile)
}

// drawnScript lists what is wrong with what is drawn: pictures without a size, texts that lie over one another, a
// page that is wider than its window.
const drawnScript = `(() => {
  const wrong = [], shown = [...document.querySelectorAll("svg.chart")].filter(s => getComputedStyle(s).display !== "none");
  if (shown.length < 2) wrong.push("only " + shown.length + " pictures");
  for (const svg of shown) {
    const box = svg.getBoundingClientRect();
    if (box.width < 300 || box.height < 60) wrong.push(svg.id + " is " + box.width + " by " + box.height);
    if (svg.querySelectorAll("rect,path,line").length < 5) wrong.push(svg.id + " has nothing in it");
    if (getComputedStyle(svg.querySelector("text")).fontSize === "16px") wrong.push(svg.id + " has no style");
    const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
    for (let i = 0; i < texts.length; i++) {
      const [a, p] = texts[i];
      if (p.left < -0.5 || p.right > innerWidth + 0.5) wrong.push(svg.id + ": " + a + " leaves the window");
      for (let j = 0; j < i; j++) {
        const [b, q] = texts[j];
        if (p.left + 1 < q.right && q.left + 1 < p.right && p.top + 4 < q.bottom && q.top + 4 < p.bottom) wrong.push(svg.id + ": " + a + " lies over " + b);
      }
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is " + document.documentElement.scrollWidth + " wide in a window of " + innerWidth);
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  if (new Set(ids).size !== ids.length) wrong.push("an id is there twice");
  return wrong;
})()`

// A browser draws the page of every verdict, in wide and narrow windows, in light and dark: without an error in the
// console and without a request that leaves the page.
func TestPageInBrowser(t *testing.T) {
	b := startChromium(t)
	for _, c := range []struct {
		verdict  verify.Verdict
		scenario string
		bugs     []string
	}{{verify.Pass, "demo", nil}, {verify.Fail, "bug-ack-early", []string{"ack-early"}}, {verify.Inconclusive, "demo", nil}} {
		address := pageOf(t, c.verdict, c.scenario, c.bugs...)
		for _, width := range []int{1280, 400} {
			backgrounds := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s, %d pixels, %s", c.verdict, width, scheme)
				b.show(address, width, 900, map[string]string{"prefers-color-scheme": scheme})
				var wrong []string
				b.evaluate(drawnScript, &wrong)
				for _, complaint := range append(wrong, b.complaints(address)...) {
					t.Errorf("%s: %s", name, complaint)
				}
				var background string
				b.evaluate(`getComputedStyle(document.body).backgroundColor`, &background)
				backgrounds[background] = true
				if part := painted(t, b); part < paintedMin {
					t.Errorf("%s: %.3f of it are painted: it is blank", name, part)
				}
			}
			if len(backgrounds) != 2 {
				t.Errorf("%s: light and dark have the background %v", c.verdict, backgrounds)
			}
		}
	}
}

// painted is the part of what the browser shows that has another colour than most of it.
func painted(t *testing.T, b *chromium) float64 {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(b.data("Page.captureScreenshot")))
	if err != nil {
		t.Fatal(err)
	}
	seen, most := map[color.Color]int{}, 0
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			c := picture.At(x, y)
			seen[c]++
			most = max(most, seen[c])
		}
	}
	return 1 - float64(most)/float64(picture.Bounds().Dx()*picture.Bounds().Dy())
}

// paintedMin is what a page has painted at least; a page that failed has next to nothing.
const paintedMin = 0.08

// data is a file that the browser makes of the page.
func (b *chromium) data(method string) []byte {
	b.t.Helper()
	var answer struct {
		Data string `json:"data"`
	}
	b.call(method, nil, &answer)
	data, err := base64.StdEncoding.DecodeString(answer.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// The page can be used by keyboard, tells values under the pointer, prints, and says the same without its script.
func TestPageIsUsable(t *testing.T) {
	b := startChromium(t)
	address := pageOf(t, verify.Pass, "demo")
	b.show(address, 1280, 900, nil)
	b.key("Tab")
	var focused, readout string
	b.evaluate(`document.activeElement.getAttribute("href")`, &focused)
	if focused != "#content" {
		t.Errorf("the first stop of the keyboard is %q, want the link past the head", focused)
	}
	b.evaluate(`document.querySelector("#course svg.wide").focus(), document.activeElement.id`, &focused)
	b.key("ArrowRight")
	b.key("ArrowRight")
	b.evaluate(`document.getElementById("readout").textContent`, &readout)
	if focused != "course-wide" || !strings.Contains(readout, "from 0.1 s") || !strings.Contains(readout, "acknowledged/s") {
		t.Errorf("with %q in focus, the arrows show %q", focused, readout)
	}
	var reachable bool
	b.evaluate(`[...document.querySelectorAll(".scroll, pre")].every(e => e.tabIndex === 0) && [...document.querySelectorAll("summary")].every(e => e.tabIndex === 0)`, &reachable)
	if !reachable {
		t.Error("something that scrolls or unfolds cannot be reached by keyboard")
	}
	if pdf := b.data("Page.printToPDF"); !bytes.HasPrefix(pdf, []byte("%PDF")) || bytes.Count(pdf, []byte("/Type /Page\n")) > 12 {
		t.Errorf("printed: %d bytes, %d pages", len(pdf), bytes.Count(pdf, []byte("/Type /Page\n")))
	}

	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.show(address, 1280, 900, nil)
	var wrong []string
	b.evaluate(drawnScript, &wrong)
	var silent bool
	b.evaluate(`document.getElementById("readout").hidden && document.getElementById("course-details") !== null`, &silent)
	if len(wrong) > 0 || !silent || painted(t, b) < paintedMin {
		t.Errorf("without its script: %q, the line for values is hidden: %v", wrong, silent)
	}
}

// key presses a key.
func (b *chromium) key(name string) {
	b.t.Helper()
	code := map[string]int{"Tab": 9, "ArrowRight": 39}[name]
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code}, nil)
	}
}

// What the browser test looks for is found in pages that have it.
func TestBrowserTestCanFail(t *testing.T) {
	b := startChromium(t)
	page := func(body string) string {
		name := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(name, []byte("<!DOCTYPE html><style>text { font-size: 12px }</style>"+body), 0o644); err != nil {
			t.Fatal(err)
		}
		return "file://" + name
	}
	for want, body := range map[string]string{
		"it asks for http":  `<img src="http://127.0.0.1:9/x.png">`,
		"it asks for file":  `<link rel="stylesheet" href="other.css">`,
		"exceptionThrown":   `<script>throw new Error("no")</script>`,
		"consoleAPICalled":  `<script>console.error("no")</script>`,
		"Content Security":  `<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><script>1</script>`,
		"only 0 pictures":   ``,
		"lies over":         `<svg class="chart" id="a"><text x="0" y="20">one</text><text x="2" y="20">two</text></svg>`,
		"leaves the window": `<svg class="chart" id="a"><text x="-9" y="20">one</text></svg>`,
		"wide in a window":  `<div style="width: 2000px">wide</div>`,
		"an id is there":    `<p id="a"><p id="a">`,
	} {
		address := page(body)
		b.show(address, 1280, 900, nil)
		var wrong []string
		b.evaluate(drawnScript, &wrong)
		if all := strings.Join(append(wrong, b.complaints(address)...), "\n"); !strings.Contains(all, want) {
			t.Errorf("%s: found %q, want %q", body, all, want)
		}
		if part := painted(t, b); part >= paintedMin {
			t.Errorf("%s: %.3f of it are painted, and it is all but blank", body, part)
		}
	}
}
