package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
)

// lockFile is where pins of a workspace are.
func (s *session) lockFile() string { return filepath.Join(s.root, "compose.lock") }

// remote resolves the repositories of a graph as a lock pins them.
func (s *session) remote(graph *rules.Graph, lock *remote.Lock, locked bool) *remote.Remote {
	return remote.Open(graph.Repositories, remote.Options{
		Store: s.store, Actions: s.disk, Client: s.client, Lock: lock, Root: s.root, Temp: output.At(s.output).State(),
		Locked: locked, Offline: s.flags.Offline,
	})
}

// savePins adds to the lock what was not pinned before.
func (s *session) savePins(r *remote.Remote) error {
	pins := r.Pinned()
	if len(pins) == 0 {
		return nil
	}
	for name, pin := range pins {
		s.lock.Set(name, pin)
	}
	return s.lock.Write(s.lockFile())
}

// networkError is an error of a command whose actions nobody watches: if the network is
// to blame, the exit code says so.
func networkError(err error) error {
	if isNetwork(err) {
		return environmentf("%v", err)
	}
	return err
}

func isNetwork(err error) bool {
	var network *fetch.Error
	return errors.As(err, &network) || errors.Is(err, remote.ErrOffline)
}

// newClient returns what downloads, as the user of a process would.
func newClient(p process, flags cacheFlags) *fetch.Client {
	name := getenv(p, "NETRC")
	if home := getenv(p, "HOME"); name == "" && home != "" {
		name = filepath.Join(home, ".netrc")
	}
	netrc, err := os.ReadFile(name)
	if err != nil {
		netrc = nil // most have none
	}
	return fetch.New(fetch.Options{Attempts: flags.Attempts, Stall: flags.Patience, Netrc: string(netrc), UserAgent: "pungo"})
}
