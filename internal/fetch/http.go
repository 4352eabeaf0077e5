package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// get sends a request, for the rest if something is there already.
func (t *transfer) get(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, errors.New("not a URL")
	}
	r.Header.Set("Accept-Encoding", "identity")
	t.client.identify(r)
	if t.w != nil && t.n > 0 && t.etag == "" && t.file.SHA256 == ([32]byte{}) {
		t.w = nil // nothing would tell that the rest is of another file
	}
	if t.w != nil && t.n > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.n))
		if t.etag != "" {
			r.Header.Set("If-Range", t.etag)
		}
	}
	watched := watch(ctx, cancel, t.client.opts.Stall, leastSpeed*t.client.opts.Stall.Seconds(), errStalled)
	response, err := t.client.http.Do(r)
	if err != nil {
		watched.stop()
		return nil, t.refused(ctx, err)
	}
	watched.body = response.Body
	if err := t.accept(response); err != nil {
		watched.Close()
		return nil, err
	}
	return watched, nil
}

// refused classes an error of a request that got no answer.
func (t *transfer) refused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		err = cause
	}
	if errors.Is(err, errRedirects) || strings.Contains(err.Error(), "redirected ") {
		return bare(err)
	}
	return &passing{err: bare(err)}
}

// accept looks at the head of an answer: whether what follows is the content, from
// which byte on.
func (t *transfer) accept(r *http.Response) error {
	switch {
	case r.StatusCode == http.StatusPartialContent && t.w != nil:
		from, ok := strings.CutPrefix(r.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", t.n))
		if !ok || from == "" {
			return &passing{err: t.anew(fmt.Errorf("range %q is not what was asked for", r.Header.Get("Content-Range")))}
		}
		if etag := r.Header.Get("ETag"); t.etag != "" && etag != "" && etag != t.etag {
			return &passing{err: t.anew(errors.New("another file than before"))}
		}
		t.resumed = true
	case r.StatusCode == http.StatusOK:
		t.w = nil // all of it comes, from the beginning
		if limit := t.limit(); limit >= 0 && (r.ContentLength > limit || r.ContentLength >= 0 && t.file.Size >= 0 && r.ContentLength != limit) {
			return &MismatchError{"size", fmt.Sprintf("%d bytes", r.ContentLength), fmt.Sprint(limit)}
		}
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return &passing{err: t.anew(statusError(r))}
	case r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusGone:
		return fmt.Errorf("%w (%s)", ErrNotThere, r.Status)
	case passes(r.StatusCode):
		return &passing{err: statusError(r), after: retryAfter(r)}
	default:
		return statusError(r)
	}
	if etag := r.Header.Get("ETag"); !strings.HasPrefix(etag, "W/") {
		t.etag = etag
	}
	return nil
}

func statusError(r *http.Response) error { return fmt.Errorf("the server says %s", r.Status) }

// passes reports whether a status may be another one in a moment.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// maxAfter is how long a server can make us wait: it may be wrong.
const maxAfter = time.Minute

// retryAfter is what a server says in seconds. A date there is rare, and depends on
// two clocks.
func retryAfter(r *http.Response) time.Duration {
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxAfter)
}

var errStalled = fmt.Errorf("less than %d bytes a second came", leastSpeed)

// leastSpeed is what has to come in each period, in bytes a second, as dnf wants it by
// default: less, byte by byte, holds connections for no use.
const leastSpeed = 1000

// watched is a body that is cancelled when too little comes.
type watched struct {
	body    io.ReadCloser
	cancel  context.CancelCauseFunc
	ctx     context.Context
	period  time.Duration
	least   float64 // bytes in each period
	stalled error   // of too few
	timer   *time.Timer
	came    int // since the timer was set
}

func watch(ctx context.Context, cancel context.CancelCauseFunc, period time.Duration, least float64, stalled error) *watched {
	return &watched{ctx: ctx, cancel: cancel, period: period, least: least, stalled: stalled, timer: time.AfterFunc(period, func() { cancel(stalled) })}
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if w.came += n; float64(w.came) >= w.least {
		w.came = 0
		w.timer.Reset(w.period)
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(w.ctx); cause == w.stalled {
			err = cause
		}
	}
	return n, err
}

func (w *watched) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// Close implements io.Closer.
func (w *watched) Close() error {
	w.stop()
	return w.body.Close()
}
