package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// row is a claim and what came out.
type row struct {
	claim string
	// ratio is what target bounds; target is "" for what is only worth knowing.
	ratio, target string
	missed        bool
	ours, peer    usage // zero if there is no such side
}

type table struct{ rows []row }

// add adds a row, and shows it at once: a benchmark at full size takes minutes.
func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	fmt.Fprintf(os.Stderr, "  %s: %s %s\n", r.claim, r.ratio, r.verdict())
}

// faster claims that ours takes at most a times-th of the peer's time.
func (t *table) faster(claim string, times float64, ours, peer usage) {
	got := peer.Wall.Seconds() / ours.Wall.Seconds()
	t.add(row{claim, fmt.Sprintf("%.2fx", got), fmt.Sprintf(">= %.2gx", times), got < times, ours, peer})
}

// noSlower claims that ours takes at most times the peer's time.
func (t *table) noSlower(claim string, times float64, ours, peer usage) {
	got := ours.Wall.Seconds() / peer.Wall.Seconds()
	t.add(row{claim, fmt.Sprintf("%.2fx", got), fmt.Sprintf("<= %.2fx", times), got > times, ours, peer})
}

// speed claims that ours has at least a part of the peer's speed.
func (t *table) speed(claim string, part float64, ours, peer usage) {
	got := peer.Wall.Seconds() / ours.Wall.Seconds()
	t.add(row{claim, fmt.Sprintf("%.0f%%", 100*got), fmt.Sprintf(">= %.0f%%", 100*part), got < part, ours, peer})
}

// below claims that ours needs less memory than limit, in MB.
func (t *table) below(claim string, limit int64, ours usage) {
	t.add(row{claim, megabytes(ours.Peak), fmt.Sprintf("< %d MB", limit), ours.Peak >= limit*1e6, ours, usage{}})
}

// note adds what has no target: how many times faster ours is.
func (t *table) note(claim string, ours, peer usage) {
	t.add(row{claim: claim, ratio: fmt.Sprintf("%.2fx", peer.Wall.Seconds()/ours.Wall.Seconds()), ours: ours, peer: peer})
}

func (r *row) verdict() string {
	switch {
	case r.target == "":
		return ""
	case r.missed:
		return "MISSED"
	}
	return "ok"
}

func (t *table) write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "claim\tratio\ttarget\t\tpungo: wall\tuser+sys\tpeak\tpeer: wall\tuser+sys\tpeak")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", r.claim, r.ratio, r.target, r.verdict(), r.ours, r.peer)
	}
	return tw.Flush()
}

// String is the three columns of a side.
func (u usage) String() string {
	if u == (usage{}) {
		return "\t\t"
	}
	return seconds(u.Wall) + "\t" + seconds(u.CPU) + "\t" + megabytes(u.Peak)
}

func seconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

func megabytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d MB", n/1e6)
}
