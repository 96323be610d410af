package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/logproof/logproof/scenarios/report/picture"
	"github.com/logproof/logproof/verify/course"
	"github.com/logproof/logproof/verify/excerpt"
)

// Page is what report.html shows beside what every report does.
type Page struct {
	// Description of the scenario, Plan for people, and Again: the command that runs it again.
	Description, Plan, Again string
	// Course of the run over time, from its history.
	Course course.Course
	// Leaders over time as the nodes noted them; LeadersUnknown says why there are none.
	Leaders        []picture.Leadership
	LeadersUnknown string
	// Excerpts of the history around the anomalies of Illustrated.
	Excerpts []excerpt.Excerpt
	// Spectrum of the latencies.
	Spectrum picture.Spectrum
	// Files of the run directory to link to: those that are there.
	Files []string
}

// pageBytesMax is the size of a page beyond which it shows fewer pictures.
const pageBytesMax = 1_000_000

//go:embed page
var pageFiles embed.FS

var (
	pageStyle  = mustRead("style.css")
	pageScript = mustRead("hover.js")
	pageLayout = template.Must(template.New("page.html.tmpl").Funcs(template.FuncMap{"class": fieldClass}).ParseFS(pageFiles, "page/*.tmpl"))
)

func mustRead(name string) string {
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// HTML writes report.html: one file of at most 1 MB that needs nothing else, runs no code but its own, and makes
// no request. What does not fit is left out, the pictures of the last anomalies first, and the page says so.
func HTML(w io.Writer, r Run) error {
	for shown := len(r.Page.Excerpts); ; shown /= 2 {
		var out bytes.Buffer
		view := r.view(shown)
		if err := pageLayout.Execute(&out, view); err != nil {
			return fmt.Errorf("make %s: %w", PageFile, err)
		}
		if out.Len() <= pageBytesMax {
			_, err := w.Write(out.Bytes())
			return err
		}
		if shown == 0 {
			return fmt.Errorf("make %s: it has %d bytes, more than %d: this is a bug of logproof", PageFile, out.Len(), pageBytesMax)
		}
	}
}

// policy is the Content-Security-Policy of the page: nothing is loaded, and only its own style and script run.
func policy() string {
	return "default-src 'none'; style-src '" + hash(pageStyle) + "'; script-src '" + hash(pageScript) + "'; base-uri 'none'; form-action 'none'"
}

// hash of an inline text as a policy names it.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// fieldClass is the class of a field of a table: that of its column and its own.
func fieldClass(head []column, i int, f field) string {
	if i < len(head) && head[i].Number {
		return strings.TrimSpace("number " + f.Class)
	}
	return f.Class
}
