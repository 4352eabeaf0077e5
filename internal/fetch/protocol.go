package fetch

import (
	"context"
	"errors"
	"net/http"
)

// HTTP returns a client for protocols over HTTP that this package does not speak. It has
// the same proxies, names and passwords, and asks as often until there is an answer. An
// answer that stands still is an error; what computes before it answers may be slow.
func (c *Client) HTTP() *http.Client {
	return &http.Client{Transport: protocol{c}, CheckRedirect: checkRedirect}
}

type protocol struct{ *Client }

var errSilent = errors.New("nothing came")

// RoundTrip implements http.RoundTripper. A request that has a body needs GetBody.
func (p protocol) RoundTrip(r *http.Request) (response *http.Response, err error) {
	r = r.Clone(r.Context())
	p.identify(r)
	err = p.persist(r.Context(), func() (err error) {
		response, err = p.attempt(r)
		return err
	}, func() bool { return false })
	return response, err
}

// attempt sends a request. A status that may pass is an error.
func (p protocol) attempt(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	sent := r.WithContext(ctx)
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		sent.Body = body
	}
	watched := watch(ctx, cancel, p.opts.Stall, 1, errSilent)
	response, err := p.http.Transport.RoundTrip(sent)
	if err != nil {
		watched.stop()
		if cause := context.Cause(ctx); cause == errSilent {
			err = cause
		}
		return nil, &passing{err: err}
	}
	if passes(response.StatusCode) {
		watched.stop()
		response.Body.Close()
		return nil, &passing{err: statusError(response), after: retryAfter(response)}
	}
	watched.body = response.Body
	response.Body = watched
	return response, nil
}

// identify says who asks: by the login of the netrc file, if the URL has none.
func (c *Client) identify(r *http.Request) {
	if c.opts.UserAgent != "" && r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", c.opts.UserAgent)
	}
	if login, ok := c.netrc.find(r.URL.Hostname()); ok && r.URL.User == nil && r.Header.Get("Authorization") == "" {
		r.SetBasicAuth(login.name, login.password)
	}
}
