// Package openpgp tells whether bytes were signed with one of the keys that somebody
// accepts (RFC 9580). It reads key files and detached signatures, both armored or not,
// and says what is wrong with a signature that does not count.
//
// There is no clock: a key is judged by the time at which it signed, as rpm does, so
// that the same keys and the same signature always yield the same verdict. A key that
// expired since then, or was replaced, still vouches for what it signed before; one
// that was compromised vouches for nothing. Of a key's statements about itself the
// newest counts, also for what was signed before it: keys whose time was prolonged
// are passed on without what they said earlier.
package openpgp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Key is a primary key with its subkeys. It never changes, so many may use it at once.
type Key struct {
	// ID is that of the primary key, 16 lowercase hex digits, Fingerprint all of them.
	ID, Fingerprint string

	signers []signer
}

// signer is a primary key or a subkey, and what is known of it.
type signer struct {
	public  *packet.PublicKey
	expires time.Time // zero: never
	revoked revocation
	// unfit is why nothing that it signed counts, "" if there is no such reason.
	unfit string
}

// revocation says from when on a key does not count; the zero value: it counts.
type revocation struct {
	always bool // also for what was signed before
	from   time.Time
}

const (
	publicBlock = "PGP PUBLIC KEY BLOCK"
	secretBlock = "PGP PRIVATE KEY BLOCK"
)

var errSecret = errors.New("a secret key, want public ones")

// ParseKeys reads the keys of a file, in its order. Keys of kinds that are not known
// are left out, as long as there is another.
func ParseKeys(data []byte) ([]*Key, error) {
	blocks, err := unarmored(data, publicBlock, secretBlock)
	if err != nil {
		return nil, err
	}
	var keys []*Key
	for _, block := range blocks {
		if block.kind == secretBlock {
			return nil, errSecret
		}
		entities, err := openpgp.ReadKeyRing(bytes.NewReader(block.data))
		if err != nil {
			return nil, fmt.Errorf("not a public key: %w", plain(err))
		}
		for _, e := range entities {
			if e.PrivateKey != nil {
				return nil, errSecret
			}
			keys = append(keys, newKey(e))
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key in it")
	}
	return keys, nil
}

// plain is an error of the library without its prefix, which names the library.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "openpgp: "))
}

// anyTime asks the library not to look at times, which is done here.
var anyTime time.Time

// policy is the library's own: self-signatures may be of SHA-1, which is what old keys
// have and what takes a forger a collision in the owner's own words, but not of MD5.
var policy = new(packet.Config)

func newKey(e *openpgp.Entity) *Key {
	k := &Key{ID: keyID(e.PrimaryKey), Fingerprint: hex.EncodeToString(e.PrimaryKey.Fingerprint)}
	primary := primarySigner(e)
	k.signers = append(k.signers, primary)
	for i := range e.Subkeys {
		k.signers = append(k.signers, subkeySigner(&e.Subkeys[i], primary))
	}
	return k
}

func keyID(k *packet.PublicKey) string { return fmt.Sprintf("%016x", k.KeyId) }

func primarySigner(e *openpgp.Entity) signer {
	s := signer{public: e.PrimaryKey, unfit: weakness(e.PrimaryKey)}
	self, err := e.PrimarySelfSignature(anyTime, policy)
	if err != nil {
		s.unfit = "has no valid self-signature"
		return s
	}
	if s.unfit == "" && self.FlagsValid && !self.FlagSign {
		s.unfit = notForSigning // subkeys may be
	}
	s.expires = expiry(e.PrimaryKey, self)
	if direct, err := e.LatestValidDirectSignature(anyTime, policy); err == nil {
		s.expires = earlier(s.expires, expiry(e.PrimaryKey, direct))
	}
	s.revoked = revoked(e.Revocations, anyTime, e.PrimaryKey.VerifyRevocationSignature)
	return s
}

const notForSigning = "is not for signing"

func subkeySigner(k *openpgp.Subkey, primary signer) signer {
	s := signer{public: k.PublicKey, unfit: weakness(k.PublicKey)}
	binding, err := k.LatestValidBindingSignature(anyTime, policy)
	switch {
	case err != nil:
		s.unfit = "is not bound to its primary key"
		return s
	case !binding.FlagsValid || !binding.FlagSign:
		s.unfit = notForSigning
	case s.unfit == "" && primary.unfit != notForSigning:
		s.unfit = primary.unfit
	}
	s.expires = earlier(primary.expires, expiry(k.PublicKey, binding))
	s.revoked = revoked(k.Revocations, binding.CreationTime, func(sig *packet.Signature) error {
		return k.Primary.PrimaryKey.VerifySubkeyRevocationSignature(sig, k.PublicKey)
	}).or(primary.revoked)
	return s
}

// minRSA is the least number of bits of an RSA key: 1024 were within reach of an
// effort like that for 829 in 2020.
const minRSA = 2048

// weakness is why a key can be forged, "" if it cannot.
func weakness(k *packet.PublicKey) string {
	switch k.PubKeyAlgo {
	case packet.PubKeyAlgoDSA:
		return "is too weak: a DSA key"
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		if bits, err := k.BitLength(); err != nil || bits < minRSA {
			return fmt.Sprintf("is too weak: RSA of %d bits, want %d", bits, minRSA)
		}
	}
	return ""
}

// expiry is when a key expires by one of its statements about itself: that statement
// may be limited, too. Zero is never.
func expiry(k *packet.PublicKey, self *packet.Signature) time.Time {
	return earlier(after(k.CreationTime, self.KeyLifetimeSecs), after(self.CreationTime, self.SigLifetimeSecs))
}

func after(begin time.Time, seconds *uint32) time.Time {
	if seconds == nil || *seconds == 0 {
		return time.Time{}
	}
	return begin.Add(time.Duration(*seconds) * time.Second)
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// revoked tells what revocations do to a key. One for a reason that leaves earlier
// signatures good counts from its own time on, unless the key was bound anew since.
func revoked(list []*packet.VerifiableSignature, bound time.Time, verify func(*packet.Signature) error) (r revocation) {
	for _, v := range list {
		sig := v.Packet
		if verify(sig) != nil {
			continue
		}
		switch {
		case !isSoft(sig.RevocationReason):
			r = r.or(revocation{always: true})
		case !sig.CreationTime.Before(bound):
			r = r.or(revocation{from: sig.CreationTime})
		}
	}
	return r
}

// isSoft reports whether a reason says that nobody else has the key.
func isSoft(reason *packet.ReasonForRevocation) bool {
	return reason != nil && (*reason == packet.KeySuperseded || *reason == packet.KeyRetired)
}

func (r revocation) or(other revocation) revocation {
	return revocation{r.always || other.always, earlier(r.from, other.from)}
}

func (s *signer) id() string { return keyID(s.public) }

// checkRevoked reports whether a revocation makes a signature of a time void.
func (s *signer) checkRevoked(signed time.Time) error {
	switch {
	case s.revoked.always:
		return fmt.Errorf("%s is revoked", s.id())
	case !s.revoked.from.IsZero() && !signed.Before(s.revoked.from):
		return fmt.Errorf("%s was revoked on %s, and signed on %s", s.id(), day(s.revoked.from), day(signed))
	}
	return nil
}

// check reports why else a signature of a time does not count.
func (s *signer) check(signed time.Time) error {
	switch {
	case s.unfit != "":
		return fmt.Errorf("%s %s", s.id(), s.unfit)
	case signed.Before(s.public.CreationTime):
		return fmt.Errorf("%s was made on %s, and signed on %s", s.id(), day(s.public.CreationTime), day(signed))
	case !s.expires.IsZero() && signed.After(s.expires):
		return fmt.Errorf("%s expired on %s, and signed on %s", s.id(), day(s.expires), day(signed))
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
