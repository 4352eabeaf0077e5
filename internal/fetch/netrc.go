package fetch

import "strings"

// netrc is what a netrc file says of machines: "machine NAME login NAME password WORD",
// or "default …" for all others (ftp(1)).
type netrc struct {
	machines map[string]login
	others   *login
}

type login struct{ name, password string }

// find returns the login for a machine.
func (n netrc) find(machine string) (login, bool) {
	if l, ok := n.machines[machine]; ok {
		return l, true
	}
	if n.others != nil {
		return *n.others, true
	}
	return login{}, false
}

// parseNetrc reads what it knows of a netrc file. Macros are passed over: they end with
// an empty line.
func parseNetrc(text string) netrc {
	n := netrc{machines: map[string]login{}}
	var current *login
	keep := func() {}
	words := netrcWords(text)
	for i := 0; i < len(words); i++ {
		argument := ""
		if i+1 < len(words) {
			argument = words[i+1]
		}
		switch words[i] {
		case "machine":
			keep()
			l := &login{}
			current, keep = l, func() {
				if _, ok := n.machines[argument]; !ok && argument != "" {
					n.machines[argument] = *l
				}
			}
			i++
		case "default":
			keep()
			l := &login{}
			current, keep = l, func() { n.others = l }
		case "login", "user":
			if current != nil {
				current.name = argument
			}
			i++
		case "password":
			if current != nil {
				current.password = argument
			}
			i++
		case "account":
			i++
		}
	}
	keep()
	return n
}

func netrcWords(text string) []string {
	var words []string
	macro := false
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if macro = macro && len(fields) > 0; macro {
			continue
		}
		if len(fields) > 0 && strings.HasPrefix(fields[0], "#") {
			continue
		}
		for _, f := range fields {
			if f == "macdef" {
				macro = true
				break
			}
			words = append(words, f)
		}
	}
	return words
}
