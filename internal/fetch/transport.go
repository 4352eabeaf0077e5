package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// Transport sends the requests of protocols other than downloads of files, such as
// git's, as those are sent: with the names and passwords of the netrc file, again after
// what can pass, and ended where nothing comes. A server may think for a while before it
// sends much, so that here a byte is enough.
func (c *Client) Transport() http.RoundTripper { return roundTripper{c} }

type roundTripper struct{ *Client }

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	pause := t.opts.Pause
	for attempt := 1; ; attempt++ {
		response, err := t.send(r)
		again := err != nil || passes(response.StatusCode)
		if !again || attempt == t.opts.Attempts || r.Context().Err() != nil || r.Body != nil && r.GetBody == nil {
			return response, err
		}
		wait := pause/2 + rand.N(pause)
		if err == nil {
			wait = max(wait, retryAfter(response))
			response.Body.Close()
		}
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		pause *= 2
	}
}

var errSilent = errors.New("nothing came for too long")

// send sends a request once.
func (t roundTripper) send(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	r = r.Clone(ctx)
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		r.Body = body
	}
	t.identify(r)
	watched := watch(ctx, cancel, t.opts.Stall, 0, errSilent)
	response, err := t.http.Transport.RoundTrip(r)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
			err = cause
		}
		watched.stop()
		return nil, err
	}
	watched.body = response.Body
	response.Body = watched
	return response, nil
}

// identify says who asks: by the login of the netrc file, if the URL has none.
func (c *Client) identify(r *http.Request) {
	if c.opts.UserAgent != "" {
		r.Header.Set("User-Agent", c.opts.UserAgent)
	}
	if login, ok := c.netrc.find(r.URL.Hostname()); ok && r.URL.User == nil && r.Header.Get("Authorization") == "" {
		r.SetBasicAuth(login.name, login.password)
	}
}
