package fetch

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestProtocol: requests are identified, sent again with what they said, and ended
// where nothing comes, before the answer or in it.
func TestProtocol(t *testing.T) {
	var asked atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		io.WriteString(w, name+" "+password+" "+r.UserAgent())
	})
	mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if asked.Add(1) < 3 {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		w.Write(body)
	})
	mux.HandleFunc("/never", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) })
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // until then nobody sees that the client has gone
		<-r.Context().Done()
	})
	mux.HandleFunc("/stops", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "beginning")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	opts := quick
	opts.Netrc, opts.UserAgent = "machine 127.0.0.1 login me password secret", "pungo"
	client := New(opts).HTTP()
	for _, test := range []struct {
		path, want, err string
	}{
		{"/login", "me secret pungo", ""},
		{"/again", "question", ""},
		{"/never", "", "the server says 502 Bad Gateway, after 3 attempts"},
		{"/silent", "", "nothing came, after 3 attempts"},
		{"/stops", "beginning", "nothing came"},
	} {
		t.Run(test.path[1:], func(t *testing.T) {
			response, err := client.Post(server.URL+test.path, "text/plain", strings.NewReader("question"))
			var body []byte
			if err == nil {
				defer response.Body.Close()
				body, err = io.ReadAll(response.Body)
			}
			if string(body) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.HasSuffix(err.Error(), test.err) {
				t.Errorf("got %q and error %v, want %q and %s", body, err, test.want, test.err)
			}
		})
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}
