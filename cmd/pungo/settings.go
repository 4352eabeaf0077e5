package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pungo-build/pungo/internal/spell"
)

// withSettings returns the command line with everything else that sets flags put
// before what the user typed, so that the last one wins:
//
//  1. /etc/pungorc, $HOME/.pungorc and .pungorc in the root of the workspace:
//     first the lines for every command in all of them, then those for this one
//  2. the environment: PUNGO_JOBS=4 is --jobs=4 of a command that has the flag
//  3. the lines of every --config NAME that was typed
//  4. what was typed
//
// A flag that takes several values gets those of all places. Arguments that leave
// a target out ("-:dvd") become --without. A command line without a command is
// returned as it is.
func withSettings(p process) ([]string, error) {
	args := leaveOuts(p.args)
	silent := p
	silent.stdout, silent.stderr = io.Discard, io.Discard
	parser, err := newParser(&cli{}, silent)
	if err != nil {
		return nil, err
	}
	// What is wrong with the arguments is said when they are parsed in earnest.
	trace, err := kong.Trace(parser, args)
	if err != nil {
		return nil, err
	}
	command, rest := splitCommand(trace, args)
	if len(command) == 0 {
		return args, nil
	}
	s := &settings{table: flagsOf(parser.Model.Node), command: command[0], flags: map[string]*kong.Flag{}}
	collectFlags(trace.Selected(), s.flags)
	if err := s.read(p, typedDir(p, trace)); err != nil {
		return nil, err
	}
	set, err := s.resolve(p, typedConfigs(trace))
	if err != nil {
		return nil, err
	}
	return slices.Concat(command, set, rest), nil
}

// leaveOuts makes -:x and -//x flags: what begins with a dash is no argument.
func leaveOuts(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		if strings.HasPrefix(arg, "-:") || strings.HasPrefix(arg, "-//") {
			out[i] = "--without=" + arg[1:]
		}
	}
	return out
}

// splitCommand takes the words of the command out of the arguments: flags that
// every command has may stand before them.
func splitCommand(trace *kong.Context, args []string) (command, rest []string) {
	rest = slices.Clone(args)
	for _, path := range trace.Path {
		if path.Command == nil {
			continue
		}
		i := len(rest) - len(path.Remainder()) - 1
		command = append(command, path.Command.Name)
		rest = slices.Delete(rest, i, i+1)
	}
	return command, rest
}

// typedDir is the folder that --dir names, or PUNGO_DIR.
func typedDir(p process, trace *kong.Context) string {
	if dir, ok := typed(trace, "dir").(string); ok {
		return dir
	}
	if dir := getenv(p, "PUNGO_DIR"); dir != "" {
		return dir
	}
	return "."
}

func typedConfigs(trace *kong.Context) []string {
	names, _ := typed(trace, "config").([]string)
	return names
}

// typed returns the value of a flag on the command line, nil if it is not there.
func typed(trace *kong.Context, name string) any {
	for _, path := range trace.Path {
		if path.Flag != nil && path.Flag.Name == name {
			return trace.FlagValue(path.Flag)
		}
	}
	return nil
}

// flagTable has the flags of each command by their names, without dashes.
type flagTable map[string]map[string]*kong.Flag

func flagsOf(app *kong.Node) flagTable {
	table := flagTable{}
	for _, command := range app.Children {
		flags := map[string]*kong.Flag{}
		collectFlags(command, flags)
		table[command.Name] = flags
	}
	return table
}

// collectFlags adds the flags of a command, its subcommands, and all above it.
func collectFlags(n *kong.Node, flags map[string]*kong.Flag) {
	for _, group := range n.AllFlags(false) {
		for _, f := range group {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				flags[name] = f
			}
			if f.Short != 0 {
				flags[string(f.Short)] = f
			}
		}
	}
	for _, child := range n.Children {
		collectFlags(child, flags)
	}
}

// find returns the flag of a command that has a name; of common, those of every
// command that has one.
func (t flagTable) find(command, name string) []*kong.Flag {
	var found []*kong.Flag
	for _, c := range sortedKeys(t) {
		if f := t[c][name]; f != nil && (c == command || command == common) {
			found = append(found, f)
		}
	}
	return found
}

// names lists the flags of a command with their dashes.
func (t flagTable) names(command string) []string {
	all := map[string]bool{}
	for _, c := range sortedKeys(t) {
		if c != command && command != common {
			continue
		}
		for name := range t[c] {
			if len(name) > 1 {
				all["--"+name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// setting is a flag with its value.
type setting struct {
	at    string // who says so
	name  string
	value *string // nil for a switch without a value
}

func (s setting) word() string {
	if s.value == nil {
		return "--" + s.name
	}
	return "--" + s.name + "=" + *s.value
}

// settings are the lines of all .pungorc files, parsed.
type settings struct {
	table   flagTable
	command string // that is to run
	lines   []settingsLine
	// flags are those of the very command, which may be one below the command that the
	// lines of a .pungorc name.
	flags map[string]*kong.Flag
}

type settingsLine struct {
	rcLine
	set []setting
}

// read reads the files for a workspace that dir is in, if it is in one.
func (s *settings) read(p process, dir string) error {
	reader := &rcReader{}
	if root, _, err := findRoot(dir); err == nil {
		reader.workspace = root
	}
	paths := []string{"/etc/pungorc"}
	if home := getenv(p, "HOME"); filepath.IsAbs(home) {
		paths = append(paths, filepath.Join(home, ".pungorc"))
	}
	if reader.workspace != "" {
		paths = append(paths, filepath.Join(reader.workspace, ".pungorc"))
	}
	for _, path := range paths {
		if err := reader.file(path, true); err != nil {
			return err
		}
	}
	for _, line := range reader.lines {
		set, err := s.parse(line)
		if err != nil {
			return err
		}
		s.lines = append(s.lines, settingsLine{line, set})
	}
	return nil
}

// parse turns the words of a line into settings, all of them known flags with
// values of the right type.
func (s *settings) parse(line rcLine) ([]setting, error) {
	if line.command != common && s.table[line.command] == nil {
		names := append(sortedKeys(s.table), common, "import", "try-import")
		return nil, usagef("%s: %q is not a command%s", line.at, line.command, spell.DidYouMean(line.command, names))
	}
	var set []setting
	for words := line.words; len(words) > 0; {
		one, used, err := s.parseFlag(line, words)
		if err != nil {
			return nil, err
		}
		set, words = append(set, one), words[used:]
	}
	return set, nil
}

// parseFlag reads one of "--name=value", "--name value", "--switch", "-nvalue",
// "-n value" and "-s", and says how many words that were.
func (s *settings) parseFlag(line rcLine, words []string) (one setting, used int, err error) {
	name, value, hasValue := splitFlag(words[0])
	if name == "" {
		return one, 0, usagef("%s: %q is not a flag", line.at, words[0])
	}
	flags := s.table.find(line.command, name)
	if len(flags) == 0 {
		lacks := line.command + " has no"
		if line.command == common {
			lacks = "no command has the"
		}
		return one, 0, usagef("%s: %s flag %q%s", line.at, lacks, words[0], spell.DidYouMean("--"+name, s.table.names(line.command)))
	}
	f := flags[0]
	one, used = setting{at: line.at, name: f.Name}, 1
	switch {
	case hasValue:
		one.value = &value
	case !f.IsBool() && len(words) > 1:
		one.value, used = &words[1], 2
	case !f.IsBool():
		return one, 0, usagef("%s: --%s wants a value", line.at, f.Name)
	}
	return one, used, one.checkAny(flags)
}

// splitFlag splits a word that begins with one dash or two; name is "" if it is
// not a flag.
func splitFlag(word string) (name, value string, hasValue bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		return cutValue(long)
	}
	short, ok := strings.CutPrefix(word, "-")
	if !ok || short == "" {
		return "", "", false
	}
	return short[:1], short[1:], short[1:] != ""
}

func cutValue(long string) (name, value string, hasValue bool) {
	name, value, hasValue = strings.Cut(long, "=")
	return name, value, hasValue
}

// checkAny says what is wrong with the value, if it fits none of the flags that
// have the name in different commands: a folder is an --output of build, and not
// one of query, which wants a format.
func (s setting) checkAny(flags []*kong.Flag) error {
	var first error
	for _, f := range flags {
		err := s.check(f)
		if err == nil {
			return nil
		}
		first = cmp.Or(first, err)
	}
	return first
}

// check says what is wrong with the value, with the place where it stands: once
// it is on the command line nobody knows that.
func (s setting) check(f *kong.Flag) error {
	switch {
	case s.value != nil:
	case !f.IsBool():
		return usagef("%s: --%s wants a value", s.at, f.Name)
	default:
		return nil
	}
	target := reflect.New(f.Target.Type()).Elem()
	if err := f.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: *s.value}), target); err != nil {
		return usagef("%s: %v", s.at, err)
	}
	if f.Enum != "" && !f.IsCumulative() && !f.EnumMap()[*s.value] {
		return usagef("%s: --%s %q: want one of %s", s.at, f.Name, *s.value, f.Enum)
	}
	return nil
}

// resolve returns the words to put before what was typed.
func (s *settings) resolve(p process, configs []string) ([]string, error) {
	words, err := s.expand("", nil)
	if err != nil {
		return nil, err
	}
	environment, err := s.environment(p)
	if err != nil {
		return nil, err
	}
	for _, one := range environment {
		if words, err = s.add(words, one, nil); err != nil {
			return nil, err
		}
	}
	for _, name := range configs {
		more, err := s.named("--config", name, nil)
		if err != nil {
			return nil, err
		}
		words = append(words, more...)
	}
	return words, nil
}

// expand returns the words of all lines with a config ("" for those that always
// hold): those for every command, then those for this one.
func (s *settings) expand(config string, within []string) (words []string, err error) {
	for _, command := range []string{common, s.command} {
		for _, line := range s.lines {
			if line.command != command || line.config != config {
				continue
			}
			for _, one := range line.set {
				if words, err = s.add(words, one, within); err != nil {
					return nil, err
				}
			}
		}
	}
	return words, nil
}

// add adds a setting if the command has a flag that it fits: what holds for every
// command passes those by that it is not for. In place of a --config stand its
// lines.
func (s *settings) add(words []string, one setting, within []string) ([]string, error) {
	if one.name == "config" {
		for _, name := range strings.Split(*one.value, ",") {
			more, err := s.named(one.at, name, within)
			if err != nil {
				return nil, err
			}
			words = append(words, more...)
		}
		return words, nil
	}
	f := s.flags[one.name]
	if f == nil || one.check(f) != nil {
		return words, nil
	}
	return append(words, one.word()), nil
}

// named returns the words that --config NAME stands for. Within are the names
// that led here.
func (s *settings) named(at, name string, within []string) ([]string, error) {
	chain := append(slices.Clone(within), name)
	if slices.Contains(within, name) {
		return nil, usagef("%s: config %q asks for itself: %s", at, name, strings.Join(chain, " → "))
	}
	known := map[string]bool{}
	for _, line := range s.lines {
		if line.config != "" {
			known[line.config] = true
		}
	}
	if !known[name] {
		return nil, usagef("%s: config %q is in no .pungorc%s", at, name, spell.DidYouMean(name, sortedKeys(known)))
	}
	return s.expand(name, chain)
}

// environment returns the flags of the command that variables set. One that is
// empty sets nothing, and one that fits no command is a mistake.
func (s *settings) environment(p process) ([]setting, error) {
	var set []setting
	flags := s.flags
	for _, name := range sortedKeys(flags) {
		f := flags[name]
		if name != f.Name || f.Hidden || f.Name == "help" {
			continue
		}
		variable := "PUNGO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value := getenv(p, variable)
		if value == "" {
			continue
		}
		one := setting{at: fmt.Sprintf("environment: %s=%s", variable, value), name: name, value: &value}
		if err := one.checkAny(s.table.find(common, name)); err != nil {
			return nil, err
		}
		set = append(set, one)
	}
	return set, nil
}
