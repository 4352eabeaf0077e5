package executor

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"google.golang.org/protobuf/encoding/protowire"
)

// toolProgram is the first argument of a command that is a Tool; the name and
// the version of the tool follow. It stands for any pungo that has the tool in
// that version.
const toolProgram = "pungo-tool"

// The folders of the root in which an action runs: input i is in/<i>/<name>, an
// output out/<name>.
const (
	inputDir  = "in"
	outputDir = "out"
)

// input is an artifact as an action finds it.
type input struct {
	Artifact *rules.Artifact
	// Node of the artifact; its Kind is 0 if the artifact is absent.
	Node cache.Node
}

func (in input) absent() bool { return in.Node.Kind == 0 }

// given is what the key of an action depends on beside the action itself.
type given struct {
	// Inputs are those of Action.Inputs, in that order, absent ones too.
	Inputs []input
	// Stamp replaces placeholders in arguments. If it is nil they stay as they are,
	// and Identity stands for what of it is no stamp: names and versions.
	Stamp    *rules.Stamp
	Identity string
	// Version of the tool, and Toolchain the fingerprint of the host program; an
	// action has one of them, or both.
	Version   int
	Toolchain string
}

// fact is one thing that a key depends on.
type fact struct {
	Kind factKind
	// Name of an environment variable, a property or a salt; the path of an input,
	// or of the input that an argument names.
	Name string
	// Value of an argument, a variable, a property, a salt; the path of an output.
	Value string
	// Duration is the time limit.
	Duration time.Duration
	// Node is the input, and From the artifact that the input or argument is.
	Node cache.Node
	From *rules.Artifact
	// Begins is set for the first of arguments that belong together.
	Begins bool
}

// factKind says what a fact is about.
type factKind uint8

// The kinds of facts, in the order in which describe tells them.
const (
	argumentFact factKind = iota + 1
	variableFact
	propertyFact
	outputFact
	timeoutFact
	saltFact
	inputFact
)

// reader takes what describe says. One reader makes the key, another the
// explanation, so they cannot disagree.
type reader interface {
	fact(fact)
}

// environment is what every host program finds in its environment, sorted; an
// action's Env comes on top. SOURCE_DATE_EPOCH is not part of it, since it
// follows from the input root (see Command).
var environment = []string{
	"HOME=/tmp",
	"LC_ALL=C.UTF-8",
	"PATH=/usr/bin:/usr/sbin:/bin:/sbin",
	"TZ=UTC",
}

// describe tells r everything that the result of an action depends on, and
// nothing else: no labels, positions, times, users or absolute paths.
func describe(a *rules.Action, g given, r reader) {
	paths := describeCommand(a, g, r)
	for _, name := range sortedOutputs(a) {
		r.fact(fact{Kind: outputFact, Value: name})
	}
	if a.Timeout != 0 {
		r.fact(fact{Kind: timeoutFact, Duration: a.Timeout})
	}
	describeSalt("toolchain", g.Toolchain, r)
	if g.Stamp == nil && a.Stamped() {
		describeSalt("unstamped", g.Identity, r)
	}
	for _, in := range g.Inputs {
		if !in.absent() {
			r.fact(fact{Kind: inputFact, Name: paths[in.Artifact], Node: in.Node, From: in.Artifact})
		}
	}
}

// describeCommand tells arguments, environment and platform, and returns the
// path of every artifact that is there.
func describeCommand(a *rules.Action, g given, r reader) map[*rules.Artifact]string {
	paths := pathsOf(a, g.Inputs)
	if a.IsCommand() {
		r.fact(fact{Kind: argumentFact, Value: a.Toolchain.Program, Begins: true})
	} else {
		describeTool(a.Tool, g.Version, r)
	}
	for _, arg := range a.Args {
		if vanishes(arg, paths) {
			continue
		}
		for i, w := range arg {
			f := fact{Kind: argumentFact, Begins: i == 0}
			f.Value = w.Text + paths[w.Artifact] + w.Suffix
			if !w.Literal {
				f.Value = expand(g.Stamp, w.Text, a.Product) + paths[w.Artifact] + expand(g.Stamp, w.Suffix, a.Product)
			}
			if w.Artifact != nil && w.Artifact.Producer != a {
				f.Name, f.From = paths[w.Artifact], w.Artifact
			}
			r.fact(f)
		}
	}
	if a.IsCommand() {
		for _, v := range variables(a) {
			name, value, _ := strings.Cut(v, "=")
			r.fact(fact{Kind: variableFact, Name: name, Value: value})
		}
	}
	// A tool without a program yields the same wherever it runs.
	if a.Toolchain != nil && a.Arch != "" {
		r.fact(fact{Kind: propertyFact, Name: "ISA", Value: a.Arch})
	}
	return paths
}

func describeTool(name string, version int, r reader) {
	r.fact(fact{Kind: argumentFact, Value: toolProgram, Begins: true})
	r.fact(fact{Kind: argumentFact, Value: name})
	r.fact(fact{Kind: argumentFact, Value: strconv.Itoa(version)})
}

func describeSalt(name, value string, r reader) {
	if value != "" {
		r.fact(fact{Kind: saltFact, Name: name, Value: value})
	}
}

// describeCall tells what the result of a nested action depends on.
func describeCall(c rules.Call, version int, r reader) {
	describeTool(c.Tool, version, r)
	for _, arg := range c.Args {
		r.fact(fact{Kind: argumentFact, Value: arg, Begins: true})
	}
	for _, n := range c.Inputs {
		r.fact(fact{Kind: inputFact, Name: n.Name, Node: n})
	}
}

// pathsOf returns the path of every artifact that an action may name, but of
// those that are absent.
func pathsOf(a *rules.Action, inputs []input) map[*rules.Artifact]string {
	paths := make(map[*rules.Artifact]string, len(inputs)+len(a.Outputs))
	for _, in := range inputs {
		if !in.absent() {
			paths[in.Artifact] = inputDir + "/" + strconv.Itoa(len(paths)) + "/" + in.Artifact.Name
		}
	}
	for _, f := range a.Outputs {
		paths[f] = outputPath(f)
	}
	return paths
}

func outputPath(f *rules.Artifact) string { return outputDir + "/" + f.Name }

func sortedOutputs(a *rules.Action) []string {
	names := make([]string, len(a.Outputs))
	for i, f := range a.Outputs {
		names[i] = outputPath(f)
	}
	slices.Sort(names)
	return names
}

// vanishes reports whether an argument names an artifact that is absent.
func vanishes(arg rules.Arg, paths map[*rules.Artifact]string) bool {
	return slices.ContainsFunc(arg, func(w rules.Word) bool {
		_, ok := paths[w.Artifact]
		return w.Artifact != nil && !ok
	})
}

func expand(s *rules.Stamp, text string, product *rules.Release) string {
	if s == nil {
		return text
	}
	return s.Expand(text, product)
}

// variables returns the environment of a host program, sorted by name; what the
// action sets wins.
func variables(a *rules.Action) []string {
	byName := map[string]string{}
	for _, v := range slices.Concat(environment, a.Env) {
		name, _, _ := strings.Cut(v, "=")
		byName[name] = v
	}
	all := make([]string, 0, len(byName))
	for _, v := range byName {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b string) int {
		a, _, _ = strings.Cut(a, "=")
		b, _, _ = strings.Cut(b, "=")
		return strings.Compare(a, b)
	})
	return all
}

// keyed is the reader that makes the key: the digest of the message Action of
// the Remote Execution API, in the canonical encoding.
//
//	Command  arguments(1)… environment_variables(2){name, value}…
//	         platform(5){properties(1){name, value}…} output_paths(7)…
//	Action   command_digest(1) input_root_digest(2) timeout(6){seconds, nanos}
//	         salt(9) platform(10)
//
// The salt is a message too: {name, value}… as field 1. A directory is named by
// its root digest everywhere.
type keyed struct {
	fn cache.Function
	// args are the arguments without what names the tool or program.
	args     []string
	leading  int // arguments still to come that are not kept
	command  []byte
	platform []byte
	outputs  []byte
	timeout  []byte
	salt     []byte
	inputs   []cache.Node
}

// newKeyed returns the reader; leading is the number of first arguments that args
// leaves out: those that name the tool or program.
func newKeyed(fn cache.Function, leading int) *keyed {
	return &keyed{fn: fn, leading: leading}
}

// Arguments that name a tool, and a program.
const (
	toolWords    = 3
	programWords = 1
)

// grow makes room for what describeCall will tell.
func (k *keyed) grow(c rules.Call) {
	const overhead = 4 // of a text in a message, at most, as a rule
	size := len(c.Tool) + 64
	for _, arg := range c.Args {
		size += overhead + len(arg)
	}
	k.command = slices.Grow(k.command[:0:0], size)
	k.inputs = make([]cache.Node, 0, len(c.Inputs))
}

// fact implements reader.
func (k *keyed) fact(f fact) {
	switch f.Kind {
	case argumentFact:
		k.command = appendText(k.command, 1, f.Value)
		if k.leading > 0 {
			k.leading--
		} else {
			k.args = append(k.args, f.Value)
		}
	case variableFact:
		k.command = appendMessage(k.command, 2, pair(f.Name, f.Value))
	case propertyFact:
		k.platform = appendMessage(k.platform, 1, pair(f.Name, f.Value))
	case outputFact:
		k.outputs = appendText(k.outputs, 7, f.Value)
	case timeoutFact:
		k.timeout = duration(f.Duration)
	case saltFact:
		k.salt = appendMessage(k.salt, 1, pair(f.Name, f.Value))
	case inputFact:
		n := f.Node
		n.Name = f.Name
		k.inputs = append(k.inputs, n)
	}
}

// messages are what a key is made of, in stored form.
type messages struct {
	action, command []byte
	root            cache.Digest
	inputs          []cache.Node // of the input root, sorted
	dirs            [][]byte     // the directories of the input root
}

// messages returns what the walk came to.
func (k *keyed) messages() (m messages, err error) {
	m.inputs = sortedInputs(k.inputs)
	if m.root, m.dirs, err = inputTree(k.fn, m.inputs, 0); err != nil {
		return m, err
	}
	m.command = k.command
	if len(k.platform) > 0 {
		m.command = appendMessage(m.command, 5, k.platform)
	}
	m.command = append(m.command, k.outputs...)
	m.action = make([]byte, 0, 256)
	m.action = appendMessage(m.action, 1, digestMessage(k.fn.Sum(m.command)))
	m.action = appendMessage(m.action, 2, digestMessage(m.root))
	if len(k.timeout) > 0 {
		m.action = appendMessage(m.action, 6, k.timeout)
	}
	if len(k.salt) > 0 {
		m.action = appendMessage(m.action, 9, k.salt)
	}
	if len(k.platform) > 0 {
		m.action = appendMessage(m.action, 10, k.platform)
	}
	return m, nil
}

// key returns the digest of the Action, and what it is made of.
func (k *keyed) key() (cache.Digest, messages, error) {
	m, err := k.messages()
	if err != nil {
		return cache.Digest{}, m, err
	}
	return k.fn.Sum(m.action), m, nil
}

func sortedInputs(nodes []cache.Node) []cache.Node {
	if slices.IsSortedFunc(nodes, byName) {
		return nodes
	}
	return slices.SortedStableFunc(slices.Values(nodes), byName)
}

func byName(a, b cache.Node) int { return strings.Compare(a.Name, b.Name) }

// inputTree returns the root of a tree of nodes whose names are paths, counted from
// byte skip on, and the stored form of its directories, the root's last. Nodes of
// one folder are side by side, since they are sorted.
func inputTree(fn cache.Function, nodes []cache.Node, skip int) (cache.Digest, [][]byte, error) {
	dir := make(cache.Directory, 0, len(nodes))
	var dirs [][]byte
	for i := 0; i < len(nodes); {
		n := nodes[i]
		folder, _, nested := strings.Cut(n.Name[skip:], "/")
		if !nested {
			n.Name = folder
			dir = append(dir, n)
			i++
			continue
		}
		prefix, end := n.Name[:skip+len(folder)+1], i+1
		for end < len(nodes) && strings.HasPrefix(nodes[end].Name, prefix) {
			end++
		}
		d, below, err := inputTree(fn, nodes[i:end], len(prefix))
		if err != nil {
			return cache.Digest{}, nil, err
		}
		dirs = append(dirs, below...)
		dir = append(dir, cache.Node{Name: folder, Kind: cache.DirKind, Digest: d})
		i = end
	}
	slices.SortStableFunc(dir, byName)
	if err := dir.Check(); err != nil {
		return cache.Digest{}, nil, err
	}
	b := dir.Marshal()
	return fn.Sum(b), append(dirs, b), nil
}

// pair is the message {name(1), value(2)}.
func pair(name, value string) []byte {
	b := appendText(nil, 1, name)
	if value == "" {
		return b
	}
	return appendText(b, 2, value)
}

// duration is the message Duration {seconds(1), nanos(2)}.
func duration(d time.Duration) []byte {
	b := appendNumber(nil, 1, int64(d/time.Second))
	return appendNumber(b, 2, int64(d%time.Second))
}

// digestMessage is the message Digest {hash(1), size_bytes(2)}.
func digestMessage(d cache.Digest) []byte {
	hash := d.Hash()
	var digits [64]byte
	hex.Encode(digits[:], hash[:])
	b := make([]byte, 0, 80)
	b = appendMessage(b, 1, digits[:])
	return appendNumber(b, 2, d.Size())
}

func appendText(b []byte, num protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), text)
}

func appendMessage(b []byte, num protowire.Number, msg []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), msg)
}

// appendNumber appends an integer field, which is left out if it is 0.
func appendNumber(b []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}
