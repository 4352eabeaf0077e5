package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// The events of a small build, in its order.
var (
	begun    = rules.Event{Kind: rules.BuildStarted, Total: 5}
	hit      = rules.Event{Kind: rules.ActionFinished, Label: "//:comps", Cell: "Server.x86_64", Mnemonic: "comps", Status: rules.Hit}
	repoRuns = rules.Event{Kind: rules.ActionStarted, Label: "//:repo", Cell: "Server.x86_64", Mnemonic: "createrepo"}
	nested   = rules.Event{Kind: rules.ActionFinished, Label: "//:repo", Cell: "Server.x86_64", Mnemonic: "fragment", Nested: true, Status: rules.Ran}
	repoRan  = rules.Event{Kind: rules.ActionFinished, Label: "//:repo", Cell: "Server.x86_64", Mnemonic: "createrepo", Status: rules.Ran, Seconds: 0.42}
	warning  = rules.Event{Kind: rules.Warned, Label: "//:repo", Cell: "Server.x86_64", Text: "two packages of one name"}
	general  = rules.Event{Kind: rules.Warned, Text: "bubblewrap is not installed"}
	bootFail = rules.Event{Kind: rules.ActionFinished, Label: "//:boot", Cell: "Server.x86_64", Mnemonic: "lorax", Status: rules.Failed, Seconds: 75, Text: "//:boot@Server.x86_64: exit code 1"}
	bootGone = rules.Event{Kind: rules.ActionFinished, Label: "//:boot", Cell: "Server.aarch64", Mnemonic: "lorax", Status: rules.Absent, Text: "//:boot@Server.aarch64: program \"lorax\" is not installed\n  hint: x"}
	badTest  = rules.Event{Kind: rules.ActionFinished, Label: "//:closure", Cell: "Server.x86_64", Mnemonic: "repoclosure", Status: rules.TestFailed, Seconds: 1}
	blocked  = rules.Event{Kind: rules.ActionFinished, Mnemonic: "layout", Status: rules.Blocked}
)

var allEvents = []rules.Event{begun, hit, repoRuns, nested, warning, repoRan, general, bootFail, bootGone, badTest, blocked}

func TestConsolePlain(t *testing.T) {
	var out bytes.Buffer
	c := newConsole(&out, consoleOptions{})
	for _, e := range allEvents {
		c.Event(e)
	}
	c.Close()
	c.Close()
	c.Event(warning) // too late
	want := `warning: //:repo@Server.x86_64: two packages of one name
run    //:repo@Server.x86_64 (createrepo) 0.4s
warning: bubblewrap is not installed
failed //:boot@Server.x86_64 (lorax) 1m15s
absent //:boot@Server.aarch64 (lorax) 0.0s: program "lorax" is not installed
failed //:closure@Server.x86_64 (repoclosure, test) 1.0s
`
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// clock is a time that tests move on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestConsoleFrame(t *testing.T) {
	now := &clock{}
	c := newConsole(new(bytes.Buffer), consoleOptions{Width: func() int { return 60 }, Jobs: 2, Now: now.Now})
	check := func(name string, want ...string) {
		t.Helper()
		if got := c.frame(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	check("before the build")
	c.Event(begun)
	c.Event(hit)
	check("a hit", "[1/5] hits 1, run 0, failed 0")
	c.Event(repoRuns)
	now.add(1500 * time.Millisecond)
	for _, arch := range []string{"aarch64", "s390x", "ppc64le"} {
		c.Event(rules.Event{Kind: rules.ActionStarted, Label: "//:boot-image-with-a-long-name", Cell: "Workstation." + arch, Mnemonic: "lorax"})
	}
	c.Event(nested)
	c.Event(nested)
	now.add(2 * time.Minute)
	check("more than fit",
		" 2m02s //:repo@Server.x86_64 (createrepo), 2 parts",
		" 2m00s //:boot-image-with-a-long-name@Workstation.aarch64 …",
		"       and 2 more",
		"[1/5] hits 1, run 0, failed 0",
	)
	c.Event(repoRan)
	c.Event(bootFail)
	c.Event(bootGone)
	c.Event(badTest)
	check("after failures",
		" 2m00s //:boot-image-with-a-long-name@Workstation.aarch64 …",
		" 2m00s //:boot-image-with-a-long-name@Workstation.s390x (l…",
		"       and 1 more",
		"[5/5] hits 1, run 1, failed 2, absent 1",
	)
}

// screen is what a terminal shows of what was written to it: lines, and the two
// commands that the console uses.
type screen struct {
	lines   []string
	written int // writes
}

var up = regexp.MustCompile(`^\x1b\[(\d+)A\x1b\[J`)

func (s *screen) Write(p []byte) (int, error) {
	s.written++
	text := string(p)
	if m := up.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		if n > len(s.lines) {
			return 0, fmt.Errorf("%d lines up of %d", n, len(s.lines))
		}
		s.lines = s.lines[:len(s.lines)-n]
		text = text[len(m[0]):]
	}
	if text != "" {
		s.lines = append(s.lines, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return len(p), nil
}

// TestConsoleTerminal draws whenever an event has come, which is more often than
// ever on a terminal: the table leaves no trace, and what is to stay stays.
func TestConsoleTerminal(t *testing.T) {
	s := &screen{}
	c := newConsole(s, consoleOptions{Width: func() int { return 60 }})
	c.o.Terminal = true // but nobody draws by the clock
	for _, e := range allEvents {
		c.Event(e)
		c.draw(c.frame())
		if last := s.lines[len(s.lines)-1]; !strings.HasPrefix(last, "[") {
			t.Fatalf("the last line is %q", last)
		}
	}
	c.draw(nil)
	want := `warning: //:repo@Server.x86_64: two packages of one name
warning: bubblewrap is not installed
failed //:boot@Server.x86_64 (lorax) 1m15s
absent //:boot@Server.aarch64 (lorax) 0.0s: program "lorax" is not installed
failed //:closure@Server.x86_64 (repoclosure, test) 1.0s`
	if got := strings.Join(s.lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestConsoleDraws lets the console draw by itself, while events come in, and
// counts how often it does.
func TestConsoleDraws(t *testing.T) {
	s := &screen{}
	begin := time.Now()
	c := newConsole(s, consoleOptions{Terminal: true, Color: true})
	c.Event(begun)
	for range 20_000 {
		c.Event(repoRuns)
		c.Event(nested)
		c.Event(repoRan)
	}
	c.Event(bootFail)
	time.Sleep(3 * redraw)
	c.Close()
	if most := int(time.Since(begin)/redraw) + 1; s.written > most {
		t.Errorf("got %d drawings, want at most %d", s.written, most)
	}
	want := "\x1b[31mfailed //:boot@Server.x86_64 (lorax) 1m15s\x1b[m"
	if got := strings.Join(s.lines, "\n"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestConsoleFor(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range []process{{stderr: f}, {stderr: new(bytes.Buffer)}} {
		if o := consoleFor(p, 3); o.Terminal || o.Color || o.Jobs != 3 {
			t.Errorf("got %+v, want plain lines where there is no terminal", o)
		}
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]string{0: "0.0s", 0.44: "0.4s", 59.9: "59.9s", 60: "1m00s", 3599: "59m59s", 3600: "1h00m", 86400: "24h00m"} {
		if got := seconds(s); got != want {
			t.Errorf("seconds(%v) = %q, want %q", s, got, want)
		}
	}
}

func actionOf(name, cell string, tool string) *rules.Action {
	i := rules.Instance{Label: rules.Label{Name: name}, Cell: rules.Cell{Variant: cell}}
	target := &rules.Target{Label: i.Label, Pos: rules.Position{File: "compose.star", Line: 12, Col: 1}}
	return &rules.Action{Tool: tool, Owner: &rules.Analysed{Instance: i, Target: target}}
}

func TestFailureCard(t *testing.T) {
	repo, layout := actionOf("repo", "Server", "createrepo"), &rules.Action{Tool: "layout"}
	log := ""
	for i := range 30 {
		log += fmt.Sprintf("line %d \x1b[31mred\r\n", i)
	}
	tests := []struct {
		name   string
		err    error
		action *rules.Action
		want   []string
	}{
		{"tool", &executor.ActionError{Action: repo, Err: errors.New("ba\x1b[2Jsh\u009b2J.rpm: not an RPM package\nat byte 4")}, repo, []string{
			"failed //:repo@Server (createrepo)",
			"  declared at compose.star:12:1",
			"  ba[2Jsh2J.rpm: not an RPM package",
			"  at byte 4",
			"  again: pungo build '//:repo@Server'",
		}},
		{"layout", &executor.ActionError{Action: layout, Err: &rules.Collision{Path: "a", Inputs: []string{"x", "y"}}}, layout, []string{
			"failed compose layout (layout)",
			"  a: delivered by x and by y, and not the same",
			"  again: pungo build",
		}},
		{"environment", &executor.EnvironmentError{Action: repo, Err: errors.New("no lorax"), Hint: "apt-get install lorax"}, repo, []string{
			"failed //:repo@Server (createrepo)",
			"  declared at compose.star:12:1",
			"  no lorax",
			"  hint: apt-get install lorax",
			"  again: pungo build '//:repo@Server'",
		}},
		{"bug", &executor.BugError{Action: repo, Value: "index out of range", Stack: []byte("goroutine 1")}, repo, []string{
			"failed //:repo@Server (createrepo)",
			"  declared at compose.star:12:1",
			"  a bug of pungo: index out of range",
			"  hint: please report it, with what you did",
			"  again: pungo build '//:repo@Server'",
		}},
		{"any", errors.New("//:repo@Server: lost"), repo, []string{
			"failed //:repo@Server (createrepo)",
			"  declared at compose.star:12:1",
			"  lost",
			"  again: pungo build '//:repo@Server'",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := failureCard(executor.Entry{Action: tt.action, Status: rules.Failed, Err: tt.err}, "", nil), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	t.Run("log", func(t *testing.T) {
		got := strings.Split(failureCard(executor.Entry{Action: repo, Status: rules.Failed, Err: errors.New("exit code 1"), Log: log}, "/out/log", []string{"--define", "'a=b'"}), "\n")
		if len(got) != 3+lastLines+2 || got[4+lastLines] != "  again: pungo build --define 'a=b' '//:repo@Server'" || got[3+lastLines] != "  log: /out/log" || got[3] != "  | line 10 [31mred" || got[2+lastLines] != "  | line 29 [31mred" {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestSummary(t *testing.T) {
	solve, repo, quick := actionOf("gather", "Server", "solve"), actionOf("repo", "Server", "createrepo"), actionOf("comps", "Server", "comps")
	tests := []struct {
		name   string
		report executor.Report
		want   string
	}{
		{"nothing", executor.Report{}, "0 hits, 0 run, in 3.4s"},
		{"all hits", executor.Report{
			Counts: map[rules.Status]int{rules.Hit: 40}, NestedHits: 7, CriticalPath: []*rules.Action{solve}, Longest: time.Minute,
			Actions: []executor.Entry{{Action: solve, Duration: time.Minute}},
		}, "40 hits, 0 run (parts: 7 hits, 0 run), in 3.4s"},
		{"everything", executor.Report{
			Counts: map[rules.Status]int{
				rules.Hit: 40, rules.Ran: 2, rules.Failed: 1, rules.TestFailed: 3, rules.Absent: 4, rules.Blocked: 5, rules.Interrupted: 6,
			},
			NestedHits: 9999, NestedRuns: 1,
			Actions: []executor.Entry{
				{Action: solve, Duration: 800 * time.Millisecond}, {Action: quick, Duration: 100 * time.Millisecond}, {Action: repo, Duration: 2 * time.Second},
			},
			CriticalPath: []*rules.Action{quick, solve, repo}, Longest: 2900 * time.Millisecond,
		}, "40 hits, 2 run, 1 failed, 3 tests failed, 4 absent, 5 blocked, 6 interrupted (parts: 9999 hits, 1 run), in 3.4s\n" +
			"longest chain 2.9s: //:gather@Server 0.8s → //:repo@Server 2.0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := summary(tt.report, traffic{}, 3400*time.Millisecond); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestDownloads: lines tell how far downloads are, now and then, and the summary what was
// downloaded and not in the cache.
func TestDownloads(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	c := newConsole(&out, consoleOptions{Now: func() time.Time { return now }})
	c.Event(rules.Event{Kind: rules.ToDownload, Files: 3, Bytes: 3_400_000})
	for i, status := range []rules.Status{rules.Hit, rules.Ran, rules.Ran} {
		now = now.Add(6 * time.Second)
		c.Event(rules.Event{Kind: rules.Downloaded, Status: status, Files: 1, Bytes: int64(i+1) * 400_000})
	}
	if got, want := out.String(), "downloaded 2 of 3 packages, 1.2 MB of 3.4 MB\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	got := summary(executor.Report{}, c.traffic, time.Second)
	if want := "0 hits, 0 run, 2 packages of 2.0 MB downloaded, in 1.0s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestJSONLines(t *testing.T) {
	var out, copied bytes.Buffer
	all := sinks(jsonLines(&out), jsonLines(&copied))
	all.Event(begun)
	all.Event(nested)
	want := `{"time":"0001-01-01T00:00:00Z","kind":"build_started","total":5}
{"time":"0001-01-01T00:00:00Z","kind":"action_finished","label":"//:repo","cell":"Server.x86_64","mnemonic":"fragment","nested":true,"status":"run"}
`
	if out.String() != want || copied.String() != want {
		t.Errorf("got\n%s and\n%swant\n%s", &out, &copied, want)
	}
}

// full takes a number of writes, and none after.
type full struct {
	bytes.Buffer
	left int
}

func (f *full) Write(p []byte) (int, error) {
	if f.left == 0 {
		return 0, errors.New("no space")
	}
	f.left--
	return f.Buffer.Write(p)
}

func TestJSONLinesStop(t *testing.T) {
	out := &full{left: 1}
	s := jsonLines(out)
	s.Event(begun)
	s.Event(nested)
	out.left = 1
	s.Event(nested)
	if got := strings.Count(out.String(), "\n"); got != 1 {
		t.Errorf("got %d lines, want none after an error", got)
	}
}

// TestHarmless: what others wrote steers no terminal, and in JSON nothing of it is lost.
func TestHarmless(t *testing.T) {
	const foreign = "a\x1b[31mb\u009b0mc\u202ed\u2066e\n\tü‐\u200d"
	if got, want := harmless(foreign), "a[31mb0mcde\n\tü‐\u200d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var b bytes.Buffer
	if err := printJSON(&b, foreign); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), `"a\u001b[31mb\u009b0mc\u202ed\u2066e\n\tü‐`+"\u200d\"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var back string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != foreign {
		t.Errorf("got back %q, %v", back, err)
	}
}
