package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
)

// connections is how many either side downloads over.
const connections = 8

// fetching compares downloads of files as large as packages over loopback into an empty
// cache, until the last one is in the store, with `curl --parallel` of the same files
// into a folder. Ours computes two checksums of each, curl none. The server is this
// process.
func fetching(ctx context.Context, l *lab) error {
	dir := l.path("mirror")
	names, err := writeNoise(dir, l.size(1000))
	if err != nil {
		return err
	}
	base, stop, err := serveFolder(dir)
	if err != nil {
		return err
	}
	defer stop()
	list, size, err := l.list(base, names)
	if err != nil {
		return err
	}
	command, err := l.part(fetchPart, base, list+".json", l.path("cache"))
	if err != nil {
		return err
	}
	copied := l.path("copied")
	ours, curl, err := l.race(ctx,
		contestant{command: command, inner: true, before: l.fresh(l.path("cache")), after: wantFiles(len(names))},
		contestant{
			command: []string{"curl", "--silent", "--fail", "--parallel", "--parallel-max", strconv.Itoa(connections), "--config", list + ".curl"},
			dir:     dir, before: l.empty(copied),
		})
	if err != nil {
		return err
	}
	l.table.speed(fmt.Sprintf("fetch: %d files, %s, against curl --parallel", len(names), megabytes(size)), 0.7, ours, curl)
	return nil
}

// writeNoise writes files as large as packages are: half of them below 100 KB, the
// largest 2 MB.
func writeNoise(dir string, n int) (names []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 2))
	source := rand.NewChaCha8([32]byte{1})
	for i := range n {
		data := make([]byte, int(20_000*math.Pow(100, r.Float64()*r.Float64())))
		source.Read(data)
		names = append(names, filepath.Join(dir, fmt.Sprintf("package%04d-1-1.x86_64.rpm", i)))
		if err := os.WriteFile(names[i], data, 0o666); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// serveFolder serves a folder on loopback.
func serveFolder(dir string) (base string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}

// list writes what is to be downloaded, for both sides.
func (l *lab) list(base string, names []string) (path string, size int64, err error) {
	var wanted []rules.Download
	var config strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", 0, err
		}
		href := filepath.Base(name)
		wanted = append(wanted, rules.Download{Repository: "r", Href: href, SHA256: sha256.Sum256(data), Size: int64(len(data))})
		fmt.Fprintf(&config, "url = %q\noutput = %q\n", base+"/"+href, filepath.Join(l.path("copied"), href))
		size += int64(len(data))
	}
	encoded, err := json.Marshal(wanted)
	if err != nil {
		return "", 0, err
	}
	path = l.path("wanted")
	return path, size, errors.Join(os.WriteFile(path+".json", encoded, 0o666), os.WriteFile(path+".curl", []byte(config.String()), 0o666))
}

const fetchPart = "fetch"

// fetchAll downloads a list of files into a cache: arguments are the base URL, the list
// and the cache.
func fetchAll(ctx context.Context, args []string) error {
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var wanted []rules.Download
	if err := json.Unmarshal(data, &wanted); err != nil {
		return err
	}
	begin := time.Now()
	c, err := disk.Open(args[2], disk.Options{})
	if err != nil {
		return err
	}
	r := remote.Open([]*rules.Repository{{Name: "r", BaseURLs: args[:1]}}, remote.Options{
		Store: cache.Verified(c), Actions: c, Lock: new(remote.Lock), Client: fetch.New(fetch.Options{Connections: connections}),
	})
	var group errgroup.Group
	group.SetLimit(connections)
	for _, d := range wanted {
		group.Go(func() error {
			if _, _, err := r.Download(ctx, d); err != nil {
				return fmt.Errorf("%s %s: %w", d.Href, hex.EncodeToString(d.SHA256[:]), err)
			}
			return nil
		})
	}
	err = group.Wait()
	took := time.Since(begin)
	return errors.Join(err, c.Close(), tell(ingested{Files: len(wanted), Took: took}))
}
