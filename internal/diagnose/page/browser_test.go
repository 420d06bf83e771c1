package page

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// measure reports, from within the page, what no reader of HTML sees: words that
// reach out of their box, and whether the window must be scrolled sideways.
const measure = `<script>
const out = [];
for (const g of document.querySelectorAll("svg g")) {
  const frame = g.querySelector("rect").getBBox();
  for (const t of g.querySelectorAll("text")) {
    const b = t.getBBox();
    if (b.x < 0 || b.x + b.width > frame.width || b.y < 0 || b.y + b.height > frame.height) out.push("sticks out: " + t.textContent);
  }
}
if (document.documentElement.scrollWidth > innerWidth) out.push("wider than the window");
document.title = "measured " + document.querySelectorAll("svg g text").length + " texts; " + out.join("; ");
</script>`

func TestPageInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium here to look at the page with")
	}
	long := example()
	longName := strings.Repeat("recommendation-", 4)
	long.Chain[0].To.Name, long.Chain[1].From.Name = longName, longName
	page := render(t, Verdict{Incidents: []v1alpha1.IncidentStatus{long}, Now: at.Add(time.Minute), Subject: "test"})
	dir := t.TempDir()
	file := filepath.Join(dir, "why.html")
	if err := os.WriteFile(file, []byte(strings.Replace(page, "</body>", measure+"</body>", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, width := range []string{"400", "1200"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		//nolint:gosec // The browser and its arguments are ours.
		dom, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
			"--user-data-dir="+filepath.Join(dir, "browser"+width), "--window-size="+width+",900", "--dump-dom", "file://"+file).Output()
		cancel()
		if err != nil {
			t.Fatalf("the browser at width %s: %v", width, err)
		}
		_, title, _ := strings.Cut(string(dom), "<title>")
		title, _, _ = strings.Cut(title, "</title>")
		if title != "measured 6 texts; " {
			t.Errorf("at width %s: %s", width, title)
		}
	}
}
