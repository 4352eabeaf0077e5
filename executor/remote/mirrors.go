package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
)

// places are where a repository is.
type places struct {
	mu    sync.Mutex // held while they are looked for
	bases []string   // URLs without a slash at the end; none before they are known
	index [32]byte   // SHA-256 of repomd.xml as a metalink tells it; zero if none does
}

// places returns where a repository is. Lists of mirrors are asked for once, unless
// that fails.
func (r *Remote) places(ctx context.Context, repo *rules.Repository) (*places, error) {
	r.mu.Lock()
	p := r.known[repo.Name]
	if p == nil {
		p = new(places)
		r.known[repo.Name] = p
	}
	r.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.bases) > 0 {
		return p, nil
	}
	if err := r.find(ctx, repo, p); err != nil {
		p.bases = nil
		return nil, err
	}
	return p, nil
}

func (r *Remote) find(ctx context.Context, repo *rules.Repository, p *places) error {
	for _, base := range repo.BaseURLs {
		if !strings.Contains(base, "://") {
			if !filepath.IsAbs(base) {
				base = filepath.Join(r.opts.Root, base)
			}
			base = (&url.URL{Scheme: "file", Path: base}).String()
		}
		p.bases = append(p.bases, base)
	}
	if repo.Mirrorlist != "" {
		list, err := r.list(ctx, repo.Mirrorlist)
		if err != nil && (len(p.bases) == 0 || ctx.Err() != nil) { // else there are fewer places
			return fmt.Errorf("mirrorlist: %w", err)
		}
		bases := parseMirrorlist(list)
		if len(bases)+len(p.bases) == 0 && repo.Metalink == "" {
			return fmt.Errorf("mirrorlist: %s: no base URL in it, want one a line", fetch.Redacted(repo.Mirrorlist))
		}
		p.bases = append(p.bases, bases...)
	}
	if repo.Metalink != "" {
		list, err := r.list(ctx, repo.Metalink)
		if err != nil {
			return fmt.Errorf("metalink: %w", err)
		}
		m, err := parseMetalink(list)
		if err != nil {
			return fmt.Errorf("metalink: %s: %w", fetch.Redacted(repo.Metalink), err)
		}
		p.bases, p.index = append(p.bases, m.bases...), m.index
	}
	if len(p.bases) == 0 {
		return errors.New("no mirror is listed")
	}
	return nil
}

// maxList is the largest list of mirrors, in bytes.
const maxList = 4 << 20

func (r *Remote) list(ctx context.Context, place string) ([]byte, error) {
	var b *bytes.Buffer
	_, err := r.opts.Client.Fetch(ctx, fetch.File{URLs: []string{place}, Size: -1, Max: maxList}, func() (io.Writer, error) {
		b = new(bytes.Buffer)
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// urls are the places of a file.
func (p *places) urls(href string) []string {
	urls := make([]string, len(p.bases))
	for i, base := range p.bases {
		urls[i] = base + "/" + (&url.URL{Path: href}).EscapedPath()
	}
	return urls
}

// parseMirrorlist reads a list of base URLs, a line each; "#" begins a comment.
func parseMirrorlist(data []byte) (bases []string) {
	for line := range strings.Lines(string(data)) {
		if base, ok := mirrorURL(strings.TrimSpace(line)); ok {
			bases = append(bases, base)
		}
	}
	return bases
}

// mirrorURL is a URL that a list may name: files of this machine are nobody else's.
func mirrorURL(text string) (base string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", false
	}
	return strings.TrimRight(text, "/"), true
}

// metalink is what is taken of a metalink file (metalinker.org, version 3, as
// MirrorManager writes it): who has repomd.xml, and what it is.
type metalink struct {
	bases []string
	index [32]byte
}

type xmlMetalink struct {
	Files []struct {
		Name   string `xml:"name,attr"`
		Hashes []struct {
			Type string `xml:"type,attr"`
			Hex  string `xml:",chardata"`
		} `xml:"verification>hash"`
		URLs []xmlMirror `xml:"resources>url"`
	} `xml:"files>file"`
}

type xmlMirror struct {
	Preference int    `xml:"preference,attr"`
	Text       string `xml:",chardata"`
}

const indexPath = "repodata/repomd.xml"

// parseMetalink reads a metalink file. Mirrors of higher preference come first.
func parseMetalink(data []byte) (m metalink, err error) {
	var doc xmlMetalink
	if err := xml.Unmarshal(data, &doc); err != nil {
		return m, err
	}
	for _, f := range doc.Files {
		if f.Name != "repomd.xml" {
			continue
		}
		for _, h := range f.Hashes {
			sum, err := hex.DecodeString(strings.TrimSpace(h.Hex))
			if h.Type != "sha256" {
				continue
			}
			if err != nil || len(sum) != len(m.index) {
				return m, fmt.Errorf("sha256 %q, want 64 hex digits", h.Hex)
			}
			m.index = [32]byte(sum)
		}
		slices.SortStableFunc(f.URLs, func(a, b xmlMirror) int { return cmp.Compare(b.Preference, a.Preference) })
		for _, u := range f.URLs {
			base, ok := strings.CutSuffix(strings.TrimSpace(u.Text), "/"+indexPath)
			if base, valid := mirrorURL(base); ok && valid {
				m.bases = append(m.bases, base)
			}
		}
	}
	if len(m.bases) == 0 {
		return m, errors.New("no place of repomd.xml in it")
	}
	return m, nil
}
