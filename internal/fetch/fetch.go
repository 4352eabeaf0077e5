// Package fetch downloads files over HTTP, from several places that should have the
// same, and reads those of this machine in the same way.
//
// What can pass is tried again, with growing pauses: connections that break or
// stand still, statuses 408, 425, 429 and 5xx (RFC 9110). What was received is kept:
// the next attempt asks for the rest (Range, RFC 9110 section 14). What cannot pass,
// a 404 say, or content that is not what was wanted, sends to the next place.
//
// Proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), names and
// passwords those of a netrc file.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options of a Client. The zero value works.
type Options struct {
	// Attempts at one place, by default 5.
	Attempts int
	// Pause before the second attempt, by default 0.5 s; it doubles with each.
	Pause time.Duration
	// Stall is how long a connection may yield nothing, by default 30 s.
	Stall time.Duration
	// Connections at a time, by default 8.
	Connections int
	// Netrc is the text of a netrc file, "" for none.
	Netrc string
	// UserAgent is the name that servers are told.
	UserAgent string
}

// Client downloads. It keeps connections for the next file, and is safe for use by
// several goroutines.
type Client struct {
	opts  Options
	http  *http.Client
	netrc netrc
	slots chan struct{}

	mu sync.Mutex
	// lost are servers that failed however often they were asked, and did not recover.
	// Thousands of files are not to wait for them one by one: they are asked last.
	lost map[string]bool
}

// New returns a client.
func New(opts Options) *Client {
	opts.Attempts = max(opts.Attempts, 0)
	if opts.Attempts == 0 {
		opts.Attempts = 5
	}
	if opts.Pause == 0 {
		opts.Pause = 500 * time.Millisecond
	}
	if opts.Stall == 0 {
		opts.Stall = 30 * time.Second
	}
	if opts.Connections == 0 {
		opts.Connections = 8
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: opts.Stall}).DialContext,
		TLSHandshakeTimeout: opts.Stall,
		MaxIdleConnsPerHost: opts.Connections,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
		// What is fetched has a checksum: it is to come as it is.
		DisableCompression: true,
	}
	return &Client{
		opts:  opts,
		http:  &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		netrc: parseNetrc(opts.Netrc),
		slots: make(chan struct{}, opts.Connections),
		lost:  map[string]bool{},
	}
}

// server is what fails or recovers as one: the host of a URL, "" if it has none.
func server(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return ""
	}
	return u.Host
}

func (c *Client) setLost(place string, lost bool) {
	host := server(place)
	if host == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if lost {
		c.lost[host] = true
	} else {
		delete(c.lost, host)
	}
}

func (c *Client) isLost(place string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lost) > 0 && c.lost[server(place)]
}

// ordered returns places in the order in which they are asked.
func (c *Client) ordered(places []string) []string {
	var first, last []string
	for _, place := range places {
		if c.isLost(place) {
			last = append(last, place)
		} else {
			first = append(first, place)
		}
	}
	return append(first, last...)
}

// maxRedirects is as many as browsers and curl follow without being asked for more.
const maxRedirects = 10

var errRedirects = errors.New("redirected in a circle, or too often")

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return errRedirects
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return fmt.Errorf("redirected to %q, which is not HTTP", r.URL.Redacted())
	}
	if via[0].URL.Scheme == "https" && r.URL.Scheme == "http" {
		return fmt.Errorf("redirected from https to %q", r.URL.Redacted())
	}
	return nil
}

// File is what to download.
type File struct {
	// URLs are places that have it, in the order in which they are asked, but that those
	// of servers that failed before come last: of scheme http, https or file.
	URLs []string
	// SHA256 of the content, zero if it is not known.
	SHA256 [32]byte
	// Size in bytes, or -1.
	Size int64
	// Max is the largest size that is accepted where Size is not known.
	Max int64
}

// Error is why nothing was downloaded: what was wrong at each place.
type Error struct {
	URL    string // where the last attempt was
	Err    error
	Before *Error // of the place that was asked before, nil if this was the first
}

// mostPlaces is how many places the text of an Error names.
const mostPlaces = 3

// Error tells of the last places, the last one first.
func (e *Error) Error() string {
	var texts []string
	for at := e; at != nil; at = at.Before {
		if len(texts) == mostPlaces {
			texts = append(texts, "and others before")
			break
		}
		texts = append(texts, at.URL+": "+at.Err.Error())
	}
	return strings.Join(texts, "; ")
}

func (e *Error) Unwrap() error { return e.Err }

// MismatchError says that a place has other content than was wanted.
type MismatchError struct{ What, Got, Want string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is %s, want %s", e.What, e.Got, e.Want)
}

// ErrNotThere says that a place does not have a file.
var ErrNotThere = errors.New("not there")

// Fetched is what was downloaded.
type Fetched struct {
	URL    string // the place that had it
	SHA256 [32]byte
}

// Fetch writes the content of a file to what begin returns. It calls begin again when it
// begins anew: what was written before is void. An error is an *Error, that of ctx, or
// that of begin or its writer as it is.
func (c *Client) Fetch(ctx context.Context, f File, begin func() (io.Writer, error)) (got Fetched, err error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return got, ctx.Err()
	}
	if len(f.URLs) == 0 {
		return got, errors.New("no place to download from")
	}
	var failed *Error
	places := c.ordered(f.URLs)
	for i, place := range places {
		t := &transfer{client: c, file: f, begin: begin, place: place, others: i < len(places)-1}
		if err = t.run(ctx); err == nil {
			return Fetched{URL: place, SHA256: [32]byte(t.sum.Sum(nil))}, nil
		}
		if local := (*localError)(nil); errors.As(err, &local) {
			return got, local.err
		}
		if ctx.Err() != nil {
			return got, ctx.Err()
		}
		failed = &Error{URL: Redacted(place), Err: err, Before: failed}
	}
	return got, failed
}

// Redacted returns a URL without the password that it may have.
func Redacted(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return place
	}
	return u.Redacted()
}

// localError is what went wrong on this side, where no other place will help.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

// transfer downloads a file from one place.
type transfer struct {
	client *Client
	file   File
	begin  func() (io.Writer, error)
	place  string
	others bool // places are left to ask

	w    io.Writer // nil: begin anew
	sum  hash.Hash
	n    int64  // bytes written to w
	etag string // of what was received so far; "" if the server tells none that is strong
	// resumed: not all of it came in one answer, so it may be of two files.
	resumed bool
}

func (t *transfer) run(ctx context.Context) error {
	err := t.client.persist(ctx, func() error { return t.attempt(ctx) }, func() bool { return t.others && t.client.isLost(t.place) })
	if ctx.Err() == nil {
		t.client.setLost(t.place, errors.As(err, new(*passing)))
	}
	return err
}

// persist makes attempts as long as another one may succeed and it is not enough, with
// growing pauses.
func (c *Client) persist(ctx context.Context, attempt func() error, enough func() bool) error {
	pause := c.opts.Pause
	for n := 1; ; n++ {
		err := attempt()
		var again *passing
		if err == nil || !errors.As(err, &again) {
			return err
		}
		if n == c.opts.Attempts || ctx.Err() != nil || enough() {
			if n > 1 {
				err = &passing{err: fmt.Errorf("%w, after %d attempts", again.err, n)}
			}
			return err
		}
		// Many clients that lost one server are not to come back all at once.
		wait := max(pause/2+rand.N(pause), again.after)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause *= 2
	}
}

// passing is an error after which another attempt may succeed.
type passing struct {
	err   error
	after time.Duration // to wait at least
}

func (e *passing) Error() string { return e.err.Error() }
func (e *passing) Unwrap() error { return e.err }

func (t *transfer) attempt(ctx context.Context) error {
	body, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	if t.w == nil {
		if t.w, err = t.begin(); err != nil {
			return &localError{err}
		}
		t.n, t.sum, t.resumed = 0, sha256.New(), false
	}
	if err := t.copy(body); err != nil {
		return err
	}
	return t.check()
}

const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// copy writes what comes until the end.
func (t *transfer) copy(body io.Reader) error {
	space := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(space)
	buffer := space[:]
	for {
		n, err := body.Read(buffer)
		if limit := t.limit(); limit >= 0 && t.n+int64(n) > limit {
			err := t.anew(&MismatchError{"size", "larger", fmt.Sprintf("%d bytes", limit)})
			if t.resumed {
				return &passing{err: err}
			}
			return err
		}
		if n > 0 {
			t.sum.Write(buffer[:n])
			if _, err := t.w.Write(buffer[:n]); err != nil {
				return &localError{err}
			}
			t.n += int64(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &passing{err: bare(err)}
		}
	}
}

func (t *transfer) limit() int64 {
	switch {
	case t.file.Size >= 0:
		return t.file.Size
	case t.file.Max > 0:
		return t.file.Max
	}
	return -1
}

// anew makes the next attempt begin with nothing.
func (t *transfer) anew(err error) error {
	t.w, t.etag = nil, ""
	return err
}

// check compares what came with what was wanted.
func (t *transfer) check() error {
	if t.file.Size >= 0 && t.n != t.file.Size {
		// Where the server does not tell a length, this is how a connection breaks.
		return &passing{err: t.anew(&MismatchError{"size", fmt.Sprintf("%d bytes", t.n), fmt.Sprint(t.file.Size)})}
	}
	if t.file.SHA256 == ([32]byte{}) {
		return nil
	}
	got := [32]byte(t.sum.Sum(nil))
	if got == t.file.SHA256 {
		return nil
	}
	err := t.anew(&MismatchError{"sha256", hex.EncodeToString(got[:]), hex.EncodeToString(t.file.SHA256[:])})
	if t.resumed {
		return &passing{err: err}
	}
	return err
}

// open returns what comes behind the t.n bytes that are there.
func (t *transfer) open(ctx context.Context) (io.ReadCloser, error) {
	u, err := url.Parse(t.place)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	switch u.Scheme {
	case "file":
		return t.openFile(u)
	case "http", "https":
		return t.get(ctx, u)
	}
	return nil, fmt.Errorf("scheme %q is not known, want http, https or file", u.Scheme)
}

func (t *transfer) openFile(u *url.URL) (io.ReadCloser, error) {
	// Should it be a named pipe, opening must not wait for its other end.
	f, err := os.OpenFile(u.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotThere
	}
	if err != nil {
		return nil, bare(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular():
		err = errors.New("not a file")
	case t.file.Size >= 0 && info.Size() != t.file.Size:
		err = &MismatchError{"size", fmt.Sprintf("%d bytes", info.Size()), fmt.Sprint(t.file.Size)}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	t.w = nil
	return f, nil
}

// bare is an error without the place, which messages name already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if strings.HasPrefix(err.Error(), "net/http: ") || errors.Is(err, context.DeadlineExceeded) {
		return errors.New(strings.TrimPrefix(err.Error(), "net/http: "))
	}
	return err
}
