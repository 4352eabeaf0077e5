package main

// The rules of the terminal, for everything that this command prints:
//
//   - Results go to standard output: what was asked for, and nothing else.
//     Progress, warnings and errors go to standard error.
//   - Text is lower case and ends without a full stop. What a person typed, and
//     what comes from a foreign file, is quoted.
//   - A message says where, what was found, and what was wanted. What to do about
//     it stands on a line of its own, "  hint: ...".
//   - A line that was printed stays as it is. Only the table at the bottom of a
//     terminal is drawn again, and it leaves no trace.
//   - Without a terminal, in CI and with NO_COLOR there is no table and no colour:
//     a line for each action that ran, nothing for what came from the cache.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// consoleOptions say what standard error is.
type consoleOptions struct {
	// Terminal draws a table of what runs.
	Terminal bool
	// Width returns the columns of the terminal, which may change; nil means 80.
	Width func() int
	Color bool
	// Jobs is the number of actions that run at a time: so many rows the table has
	// room for, up to a limit; 0 means the limit.
	Jobs int
	// Now is the clock of the table; nil means time.Now.
	Now func() time.Time
}

// consoleFor finds out what the standard error of a process is.
func consoleFor(p process, jobs int) consoleOptions {
	o := consoleOptions{Jobs: jobs}
	f, ok := p.stderr.(*os.File)
	if !ok || plain(p) || !term.IsTerminal(int(f.Fd())) {
		return o
	}
	o.Terminal, o.Color = true, true
	o.Width = func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 { // some pretend to be a terminal and have no size
			return defaultWidth
		}
		return width
	}
	return o
}

// plain reports whether the environment asks for plain text, terminal or not.
func plain(p process) bool {
	return getenv(p, "CI") != "" || getenv(p, "NO_COLOR") != "" || getenv(p, "TERM") == "dumb"
}

const (
	defaultWidth = 80
	// mostRows bounds the table: more than a glance takes in is no help.
	mostRows = 10
	// redraw is the time between two drawings. Faster flickers on slow lines.
	redraw = 100 * time.Millisecond
)

// console is the Sink that tells a person what happens.
type console struct {
	w io.Writer
	o consoleOptions

	mu      sync.Mutex
	total   int
	done    int
	counts  map[rules.Status]int
	traffic traffic
	running []*runningAction // in order of start
	// lines to stay that are not yet written, on a terminal.
	lines bytes.Buffer
	// drawn is the number of rows of the table on the terminal.
	drawn  int
	closed bool

	end, ended chan struct{} // of the drawing; nil without a terminal
}

// runningAction is a row of the table.
type runningAction struct {
	instance, mnemonic string
	started            time.Time
	nested             int // actions that it called and that ran
}

// newConsole returns a console; it draws until it is closed.
func newConsole(stderr io.Writer, o consoleOptions) *console {
	if o.Width == nil {
		o.Width = func() int { return defaultWidth }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jobs <= 0 || o.Jobs > mostRows {
		o.Jobs = mostRows
	}
	c := &console{w: stderr, o: o, counts: map[rules.Status]int{}}
	if o.Terminal {
		c.end, c.ended = make(chan struct{}), make(chan struct{})
		go c.drawing()
	}
	return c
}

// drawing draws the table from time to time.
func (c *console) drawing() {
	defer close(c.ended)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-c.end:
			return
		case <-tick.C:
			c.mu.Lock()
			c.draw(c.frame())
			c.mu.Unlock()
		}
	}
}

// Close removes the table. Events that come later are not shown.
func (c *console) Close() {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed || c.end == nil {
		return
	}
	close(c.end)
	<-c.ended
	c.draw(nil)
}

// Event implements rules.Sink.
func (c *console) Event(e rules.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	switch e.Kind {
	case rules.BuildStarted:
		c.total = max(c.total, e.Total)
	case rules.ActionStarted:
		if !e.Nested {
			c.running = append(c.running, &runningAction{eventInstance(e), e.Mnemonic, c.o.Now(), 0})
		}
	case rules.ActionFinished:
		c.finished(e)
	case rules.ToDownload, rules.Downloaded:
		c.downloads(e)
	case rules.Warned:
		c.warned(e)
	}
}

// traffic is how far downloads are.
type traffic struct {
	files, wantedFiles int
	bytes, wantedBytes int64
	// Of files and bytes, what was not in the cache before.
	fetched      int
	fetchedBytes int64
	told         time.Time
}

// untold is the time after which lines tell how far downloads are, where no table does.
const untold = 10 * time.Second

func (c *console) downloads(e rules.Event) {
	t, now := &c.traffic, c.o.Now()
	if e.Kind == rules.ToDownload {
		t.wantedFiles += e.Files
		t.wantedBytes += e.Bytes
		if t.told.IsZero() {
			t.told = now
		}
		return
	}
	t.files += e.Files
	t.bytes += e.Bytes
	if e.Status == rules.Ran {
		t.fetched += e.Files
		t.fetchedBytes += e.Bytes
	}
	if !c.o.Terminal && now.Sub(t.told) >= untold {
		t.told = now
		c.line(t.String(), "")
	}
}

func (t *traffic) String() string {
	return fmt.Sprintf("downloaded %d of %d packages, %s of %s", t.files, t.wantedFiles, size(t.bytes), size(t.wantedBytes))
}

func (c *console) finished(e rules.Event) {
	i := c.row(e)
	if e.Nested {
		if i >= 0 {
			c.running[i].nested++
		}
		return
	}
	if i >= 0 {
		c.running = append(c.running[:i], c.running[i+1:]...)
	}
	c.done++
	c.counts[e.Status]++
	if line := finishedLine(e); line != "" && (!c.o.Terminal || e.Status != rules.Ran) {
		c.line(line, statusColors[e.Status])
	}
}

// row returns the index of the running action that an event is about, or -1. A
// nested action's event has the mnemonic of what was called.
func (c *console) row(e rules.Event) int {
	instance := eventInstance(e)
	for i, r := range c.running {
		if r.instance == instance && (e.Nested || r.mnemonic == e.Mnemonic) {
			return i
		}
	}
	return -1
}

func (c *console) warned(e rules.Event) {
	text := e.Text
	if e.Label != "" {
		text = eventInstance(e) + ": " + text
	}
	c.line("warning: "+harmless(text), yellow)
}

// finishedLine tells how an action ended. It is "" for what came from the cache
// and for what was never begun.
func finishedLine(e rules.Event) string {
	what := e.Mnemonic
	word := string(e.Status)
	switch e.Status {
	case rules.Ran, rules.Failed, rules.Absent:
	case rules.TestFailed:
		word, what = "failed", what+", test"
	default:
		return ""
	}
	line := fmt.Sprintf("%-6s %s (%s) %s", word, eventInstance(e), what, seconds(e.Seconds))
	if e.Status == rules.Absent && e.Text != "" {
		reason, _, _ := strings.Cut(e.Text, "\n")
		line += ": " + strings.TrimPrefix(harmless(reason), eventInstance(e)+": ")
	}
	return line
}

// eventInstance names the instance that an event is about, as Action.String does.
func eventInstance(e rules.Event) string {
	switch {
	case e.Label == "":
		return "compose layout"
	case e.Cell == "":
		return e.Label
	}
	return e.Label + "@" + e.Cell
}

// seconds writes a duration for people.
func seconds(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.1fs", s)
	}
	n := int(s + 0.5)
	if n < 3600 {
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	}
	return fmt.Sprintf("%dh%02dm", n/3600, n/60%60)
}

// The colours, by their numbers in ECMA-48.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
)

var statusColors = map[rules.Status]string{rules.Failed: red, rules.TestFailed: red, rules.Absent: yellow}

func (c *console) paint(text, color string) string {
	if !c.o.Color {
		return text
	}
	return painted(text, color)
}

// painted is a text in a colour, "" for that which it has.
func painted(text, color string) string {
	if color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[m"
}

// line prints a line to stay. On a terminal it appears with the next drawing,
// above the table.
func (c *console) line(text, color string) {
	if !c.o.Terminal {
		fmt.Fprintln(c.w, text)
		return
	}
	fmt.Fprintln(&c.lines, c.paint(text, color))
}

// frame returns the rows of the table: what runs, longest first, and how far the
// build is.
func (c *console) frame() []string {
	if c.total == 0 && len(c.running) == 0 {
		return nil
	}
	now, width := c.o.Now(), c.o.Width()
	var rows []string
	for i, r := range c.running {
		if i == c.o.Jobs {
			rows = append(rows, c.paint(fmt.Sprintf("       and %d more", len(c.running)-i), dim))
			break
		}
		row := fmt.Sprintf("%6s %s (%s)", seconds(now.Sub(r.started).Seconds()), r.instance, r.mnemonic)
		if r.nested > 0 {
			row += fmt.Sprintf(", %d parts", r.nested)
		}
		rows = append(rows, shortened(row, width))
	}
	status := fmt.Sprintf("[%d/%d] hits %d, run %d, failed %d", c.done, max(c.total, c.done),
		c.counts[rules.Hit], c.counts[rules.Ran], c.counts[rules.Failed]+c.counts[rules.TestFailed])
	if n := c.counts[rules.Absent]; n > 0 {
		status += fmt.Sprintf(", absent %d", n)
	}
	if t := &c.traffic; t.files < t.wantedFiles {
		status += ", " + t.String()
	}
	return append(rows, shortened(status, width))
}

// shortened cuts a row before it would wrap, which would make erasing it wrong.
func shortened(row string, width int) string {
	if utf8.RuneCountInString(row) < width {
		return row
	}
	return string([]rune(row)[:max(width-2, 0)]) + "…"
}

// draw replaces the table by rows, with the new lines to stay above, in one write
// so that it does not flicker.
func (c *console) draw(rows []string) {
	var b bytes.Buffer
	if c.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", c.drawn) // up, and erase to the end
	}
	b.Write(c.lines.Bytes())
	c.lines.Reset()
	for _, row := range rows {
		fmt.Fprintln(&b, row)
	}
	c.drawn = len(rows)
	// A terminal that is gone is no reason to stop a build.
	_, _ = c.w.Write(b.Bytes())
}

// lastLines is how much of a log a card shows.
const lastLines = 20

// failureCard tells of an action that failed, or of a test whose verdict is bad, and
// of where all that it printed is; log is "" if it printed nothing. flags are those
// without which the definition would be another.
func failureCard(e executor.Entry, log string, flags []string) string {
	var b strings.Builder
	a := e.Action
	verb := "failed"
	if e.Status == rules.TestFailed {
		verb = fmt.Sprintf("test failed (%s)", a.Strictness)
	}
	fmt.Fprintf(&b, "%s %s (%s)\n", verb, a, a.Mnemonic())
	if a.Owner != nil && a.Owner.Target != nil && a.Owner.Target.Pos.File != "" {
		fmt.Fprintf(&b, "  declared at %s\n", a.Owner.Target.Pos)
	}
	cause, hint := anatomy(e.Err)
	fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(strings.TrimPrefix(harmless(cause), a.String()+": "), "\n", "\n  "))
	for _, line := range tail(e.Log, lastLines) {
		fmt.Fprintf(&b, "  | %s\n", line)
	}
	if log != "" {
		fmt.Fprintf(&b, "  log: %s\n", log)
	}
	if hint != "" {
		fmt.Fprintf(&b, "  hint: %s\n", hint)
	}
	b.WriteString("  again: " + strings.Join(append([]string{"pungo build"}, flags...), " "))
	if a.Owner != nil {
		fmt.Fprintf(&b, " '%s'", a)
	}
	return b.String()
}

// anatomy takes an error of the executor apart. A test that is a tool fails without
// one.
func anatomy(err error) (cause, hint string) {
	var (
		action      *executor.ActionError
		environment *executor.EnvironmentError
		bug         *executor.BugError
	)
	switch {
	case err == nil:
		return "its verdict is bad; what it wrote says why", ""
	case errors.As(err, &bug):
		return "a bug of pungo: " + bug.Value, "please report it, with what you did"
	case errors.As(err, &environment):
		return environment.Err.Error(), environment.Hint
	case errors.As(err, &action):
		return action.Err.Error(), ""
	}
	return err.Error(), ""
}

// harmless is a text without what would steer a terminal: packages, repositories and
// programs choose what they are called and what they say.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// steers reports whether a terminal obeys a character, or shows the text around it in
// another order.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// tail returns the last n lines of a text.
func tail(text string, n int) []string {
	if text = strings.TrimRight(harmless(text), "\n"); text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}

// summary is the end of the story of a build, in one line or two:
//
//	40 hits, 2 run, 1 absent, 12 packages of 3.4 MB downloaded, in 3.4s
//	longest chain 2.9s: //:gather@Server.x86_64 0.8s → //:repo@Server.x86_64 2.0s
func summary(r executor.Report, t traffic, elapsed time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d hits, %d run", r.Counts[rules.Hit], r.Counts[rules.Ran])
	for _, s := range []struct {
		status rules.Status
		word   string
	}{
		{rules.Failed, "failed"}, {rules.TestFailed, "tests failed"}, {rules.Absent, "absent"},
		{rules.Blocked, "blocked"}, {rules.Interrupted, "interrupted"},
	} {
		if n := r.Counts[s.status]; n > 0 {
			fmt.Fprintf(&b, ", %d %s", n, s.word)
		}
	}
	if r.NestedHits+r.NestedRuns > 0 {
		fmt.Fprintf(&b, " (parts: %d hits, %d run)", r.NestedHits, r.NestedRuns)
	}
	if t.fetched > 0 {
		fmt.Fprintf(&b, ", %d packages of %s downloaded", t.fetched, size(t.fetchedBytes))
	}
	fmt.Fprintf(&b, ", in %s", seconds(elapsed.Seconds()))
	if chain := longestChain(r); chain != "" {
		b.WriteString("\n" + chain)
	}
	return b.String()
}

// longestChain names what took time on the critical path; "" if there is not
// much to say.
func longestChain(r executor.Report) string {
	took := map[*rules.Action]time.Duration{}
	for _, e := range r.Actions {
		took[e.Action] = e.Duration
	}
	var steps []string
	for _, a := range r.CriticalPath {
		if took[a]*20 >= r.Longest { // what is less than a twentieth explains nothing
			steps = append(steps, a.String()+" "+seconds(took[a].Seconds()))
		}
	}
	if r.Counts[rules.Ran] == 0 || r.Longest < time.Second || len(steps) == 0 {
		return ""
	}
	return "longest chain " + seconds(r.Longest.Seconds()) + ": " + strings.Join(steps, " → ")
}

// jsonLines returns a Sink that writes each event as a line of JSON. After an
// error it writes nothing more: half a line would spoil the rest.
func jsonLines(w io.Writer) rules.Sink { return &lineSink{encoder: json.NewEncoder(w)} }

type lineSink struct {
	encoder *json.Encoder
	err     error
}

func (s *lineSink) Event(e rules.Event) {
	if s.err == nil {
		s.err = s.encoder.Encode(e)
	}
}

// sinks returns a Sink that passes each event to all, one event at a time: they
// come from the executor, and from the programs that it runs.
func sinks(all ...rules.Sink) rules.Sink { return &fanOut{sinks: all} }

type fanOut struct {
	mu    sync.Mutex
	sinks []rules.Sink
}

func (f *fanOut) Event(e rules.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sinks {
		s.Event(e)
	}
}
