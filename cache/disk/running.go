package disk

import (
	"errors"
	"io/fs"
	"time"
)

// A process that has the folder open for writing has a file in the folder running,
// empty and named at random, from before it first looks at anything until it has
// written its last record; and it touches the file now and then. So whoever sets
// something aside can list who may still know of it (see removed.go). Nobody takes
// a lock, which network file systems would not keep, and nobody looks for process
// ids, which mean nothing on another machine or in another container.
//
// All times are those that the file system gives, compared with one another: the
// clocks of the machines need not agree.
const (
	beatEvery = 20 * time.Second
	// deadAfter is far above beatEvery, for machines that swap and for attributes that
	// a network file system keeps for a minute.
	deadAfter = 10 * time.Minute
)

// enter makes the file of this process.
func (c *Cache) enter() error {
	c.marker = c.path("running", randomName())
	return c.mark()
}

func (c *Cache) mark() error {
	f, err := c.fs.Create(c.marker)
	if err != nil {
		return err
	}
	return f.Close()
}

// beat touches the file of this process until Close. A process that was stopped for
// so long that it was taken for dead has its file again from then on. What it knew
// from before may be gone, which costs it what a lost blob costs: see executor.
func (c *Cache) beat() {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
		}
		if errors.Is(c.fs.Touch(c.marker), fs.ErrNotExist) {
			// Without it the cache works as well, but for who collects meanwhile.
			_ = c.mark()
		}
	}
}

func (c *Cache) leave() { c.fs.Remove(c.marker) }

// clock returns what the file system takes for now.
func (c *Cache) clock() (time.Time, error) {
	if err := c.fs.Touch(c.marker); err != nil {
		return time.Time{}, err
	}
	info, err := c.fs.Stat(c.marker)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// others returns the names of the files of the other processes that live, and
// removes those of the dead.
func (c *Cache) others() (map[string]bool, error) {
	now, err := c.clock()
	if err != nil {
		return nil, err
	}
	entries, err := c.fs.ReadDir(c.path("running"))
	if err != nil {
		return nil, err
	}
	lives := map[string]bool{}
	for _, entry := range entries {
		name := c.path("running", entry.Name())
		info, err := c.fs.Stat(name)
		switch {
		case name == c.marker || errors.Is(err, fs.ErrNotExist):
		case err == nil && now.Sub(info.ModTime()) > deadAfter:
			c.fs.Remove(name)
		default:
			lives[entry.Name()] = true
		}
	}
	return lives, nil
}
