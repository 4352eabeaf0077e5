package productmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// DiscInfo identifies a tree or medium. Installers compare the timestamp in
// .discinfo to know a disc again, dnf that in media.repo.
type DiscInfo struct {
	Timestamp   int64  // Unix seconds; one for the whole compose, so that its parts know each other
	Description string // release name and version, for example "Acme OS 42"
	Arch        string // "src" for sources
	Discs       []int  // numbers from 1; nil stands for all
}

// Validate reports what would not survive in a line of text.
func (d DiscInfo) Validate() error {
	if d.Timestamp <= 0 {
		return fmt.Errorf("timestamp %d, want seconds since 1970", d.Timestamp)
	}
	for _, line := range []string{d.Description, d.Arch} {
		if line == "" || strings.ContainsAny(line, "\r\n") {
			return fmt.Errorf("%q, want one line of text", line)
		}
	}
	if d.Discs != nil && len(d.Discs) == 0 {
		return errors.New("no disc numbers, want some, or nil for all")
	}
	for _, n := range d.Discs {
		if n < 1 {
			return fmt.Errorf("disc number %d, want 1 or more", n)
		}
	}
	return nil
}

// Encode writes .discinfo: timestamp, description, arch, and "ALL" or disc
// numbers separated by commas, each in a line.
func (d DiscInfo) Encode(w io.Writer) error {
	if err := d.Validate(); err != nil {
		return err
	}
	discs := "ALL"
	if d.Discs != nil {
		var numbers []string
		for _, n := range d.Discs {
			numbers = append(numbers, strconv.Itoa(n))
		}
		discs = strings.Join(numbers, ",")
	}
	_, err := fmt.Fprintf(w, "%d\n%s\n%s\n%s\n", d.Timestamp, d.Description, d.Arch, discs)
	return err
}

// maxDiscInfo bounds what is read, in bytes.
const maxDiscInfo = 64 << 10

// ParseDiscInfo reads .discinfo, ours or that of lorax, whose timestamp has a fraction.
// Without a fourth line it stands for all discs.
func ParseDiscInfo(r io.Reader) (*DiscInfo, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDiscInfo))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(lines) < 3 {
		return nil, fmt.Errorf("%d lines, want time, description and arch", len(lines))
	}
	d := &DiscInfo{Description: lines[1], Arch: lines[2]}
	whole, _, _ := strings.Cut(lines[0], ".")
	if d.Timestamp, err = strconv.ParseInt(whole, 10, 64); err != nil {
		return nil, fmt.Errorf("time %q, want seconds since 1970", lines[0])
	}
	if len(lines) > 3 && lines[3] != "ALL" {
		for number := range strings.SplitSeq(lines[3], ",") {
			n, err := strconv.Atoi(number)
			if err != nil {
				return nil, fmt.Errorf("discs %q, want ALL, or numbers with commas between", lines[3])
			}
			d.Discs = append(d.Discs, n)
		}
	}
	return d, d.Validate()
}

// EncodeMediaRepo writes media.repo, which makes the medium a repository of
// dnf. Its mediaid is the timestamp.
func (d DiscInfo) EncodeMediaRepo(w io.Writer) error {
	if err := d.Validate(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "[InstallMedia]\nname=%s\nmediaid=%d\nmetadata_expire=-1\ngpgcheck=0\ncost=500\n",
		d.Description, d.Timestamp)
	return err
}
