package openpgp

import (
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// Keyring is the keys that somebody accepts, the dearest first. The zero value has none.
type Keyring struct {
	keys  []*Key
	files []string // that they come from
}

// Add adds the keys of a file, whose name is for people.
func (r *Keyring) Add(file string, keys []*Key) {
	for _, k := range keys {
		r.keys, r.files = append(r.keys, k), append(r.files, file)
	}
}

// String lists the keys: "1f2e3d4c5b6a7988 (keys/tiny.asc), …".
func (r *Keyring) String() string {
	if len(r.keys) == 0 {
		return "none"
	}
	list := make([]string, len(r.keys))
	for i, k := range r.keys {
		list[i] = fmt.Sprintf("%s (%s)", k.ID, r.files[i])
	}
	return strings.Join(list, ", ")
}

// Signed is a signature, and the hash that the signed bytes were written to.
type Signed struct {
	*Signature
	Hash hash.Hash
	// Err is why the signature does not count, whoever made it. There need be no
	// Signature then.
	Err error
}

var (
	// ErrUnsigned says that there is no signature at all.
	ErrUnsigned = errors.New("is not signed")
	// ErrWrong says that a signature is not of these bytes.
	ErrWrong = errors.New("is wrong")
)

// UnknownKeyError says that all signatures are of keys that are not accepted.
type UnknownKeyError struct{ KeyIDs []string }

func (e *UnknownKeyError) Error() string { return "signed with " + strings.Join(e.KeyIDs, " and ") }

// Judge returns the id of the key, primary or subkey, that has made one of the signatures:
// of several the one that was added first. If none counts it says why: what is wrong with
// that of a key that is accepted, else which keys are not, else what cannot be read. The
// hashes are of no use afterwards.
func (r *Keyring) Judge(list []Signed) (keyID string, err error) {
	best := len(r.keys)
	var unknown UnknownKeyError
	var faults, unreadable []error
	for _, s := range list {
		if s.Signature == nil {
			unreadable = append(unreadable, s.Err)
			continue
		}
		rank, id, err := r.judge(s)
		switch {
		case err == nil && rank < best:
			best, keyID = rank, id
		case err == nil:
		case errors.Is(err, errUnknown):
			if !slices.Contains(unknown.KeyIDs, s.KeyID) {
				unknown.KeyIDs = append(unknown.KeyIDs, s.KeyID)
			}
		default:
			faults = append(faults, err)
		}
	}
	switch {
	case keyID != "":
		return keyID, nil
	case len(faults) > 0:
		return "", faults[0]
	case len(unknown.KeyIDs) > 0:
		return "", &unknown
	case len(unreadable) > 0:
		return "", unreadable[0]
	}
	return "", ErrUnsigned
}

var errUnknown = errors.New("a key that is not accepted")

// judge returns the rank of the key that made a signature, and its id: which key it says
// itself is not part of what is signed.
func (r *Keyring) judge(s Signed) (rank int, keyID string, err error) {
	ranks, signers := r.signers(s.Signature)
	if len(ranks) == 0 {
		return 0, "", errUnknown
	}
	if s.Err != nil {
		return 0, "", s.Err
	}
	if err := s.fault(); err != nil {
		return 0, "", err
	}
	if signers[0].public.VerifySignature(s.Hash, s.packet) != nil {
		return 0, "", fmt.Errorf("signature of %s %w", s.KeyID, ErrWrong)
	}
	// There may be an old and a new state of the key: it is good for as long as one of
	// them says, but once revoked it is revoked.
	for _, signer := range signers {
		if err := signer.checkRevoked(s.Created); err != nil {
			return 0, "", err
		}
	}
	for i, signer := range signers {
		if err = signer.check(s.Created); err == nil {
			return ranks[i], signer.id(), nil
		}
	}
	return 0, "", err
}

// signers returns the key that says to have made a signature, in every state that there
// is, and the ranks. Another key of the same id is another key.
func (r *Keyring) signers(s *Signature) (ranks []int, signers []*signer) {
	for rank, k := range r.keys {
		for i := range k.signers {
			signer := &k.signers[i]
			same := len(signers) == 0 || string(signers[0].public.Fingerprint) == string(signer.public.Fingerprint)
			if same && s.packet.CheckKeyIdOrFingerprint(signer.public) {
				ranks, signers = append(ranks, rank), append(signers, signer)
			}
		}
	}
	return ranks, signers
}

// JudgeBytes is Judge for the signatures of a file over bytes.
func (r *Keyring) JudgeBytes(signed, signatures []byte) (keyID string, err error) {
	all, err := ParseSignatures(signatures)
	if err != nil {
		return "", err
	}
	list := make([]Signed, len(all))
	for i, s := range all {
		list[i] = NewSigned(s, nil)
		list[i].Write(signed)
	}
	return r.Judge(list)
}

// NewSigned returns a signature of bytes that are yet to be written, or one that does
// not count.
func NewSigned(s *Signature, err error) Signed {
	if s == nil || err != nil {
		return Signed{Signature: s, Err: err}
	}
	h, err := s.Hash()
	return Signed{Signature: s, Hash: h, Err: err}
}

// Write takes the next of the signed bytes. It never fails.
func (s *Signed) Write(b []byte) (int, error) {
	if s.Hash != nil {
		s.Hash.Write(b)
	}
	return len(b), nil
}
