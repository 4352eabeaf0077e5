// Package openpgptest makes keys and signatures for tests, the same in each run: their
// randomness comes from a seed, their times are given.
package openpgptest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	signatures "github.com/pungo-build/pungo/internal/openpgp"
)

// Made is when keys are made, if nothing else is said.
var Made = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Options of NewKey. The zero value is an ed25519 key of version 4 that never expires.
type Options struct {
	V6       bool
	Made     time.Time
	Lifetime time.Duration
	// Algorithm of the key, by default ed25519 in the form that gpg knows.
	Algorithm packet.PublicKeyAlgorithm
	RSABits   int
}

// Key is a key of which the test has the secret part, too.
type Key struct {
	*openpgp.Entity
	t      testing.TB
	name   string
	signer *packet.PrivateKey // the primary key or a subkey
	random io.Reader
}

// NewKey makes the key of a name, which is its seed, too.
func NewKey(t testing.TB, name string, o Options) *Key {
	t.Helper()
	if o.Made.IsZero() {
		o.Made = Made
	}
	if o.Algorithm == 0 {
		o.Algorithm = packet.PubKeyAlgoEdDSA
		if o.V6 {
			o.Algorithm = packet.PubKeyAlgoEd25519
		}
	}
	var seed [32]byte
	copy(seed[:], name)
	k := &Key{t: t, name: name, random: rand.NewChaCha8(seed)}
	config := k.config(o.Made)
	config.Algorithm, config.V6Keys, config.RSABits = o.Algorithm, o.V6, o.RSABits
	config.KeyLifetimeSecs = uint32(o.Lifetime / time.Second)
	var err error
	if k.Entity, err = openpgp.NewEntity(name, "", name+"@example.org", config); err != nil {
		t.Fatal(err)
	}
	k.signer = k.PrivateKey
	return k
}

func (k *Key) config(now time.Time) *packet.Config {
	no := false
	return &packet.Config{
		Rand: k.random, Time: func() time.Time { return now },
		NonDeterministicSignaturesViaNotation: &no,
	}
}

// ID is the id of the primary key, 16 lowercase hex digits.
func (k *Key) ID() string { return fmt.Sprintf("%016x", k.PrimaryKey.KeyId) }

// WithSubkey adds a subkey for signing, and returns the key that signs with it. A
// lifetime of 0 is forever.
func (k *Key) WithSubkey(lifetime time.Duration) *Key {
	k.t.Helper()
	config := k.config(Made)
	config.Algorithm, config.KeyLifetimeSecs = packet.PubKeyAlgoEdDSA, uint32(lifetime/time.Second)
	if err := k.AddSigningSubkey(config); err != nil {
		k.t.Fatal(err)
	}
	sub := *k
	sub.signer = k.Subkeys[len(k.Subkeys)-1].PrivateKey
	return &sub
}

// SignerID is the id of the key that signs, which may be a subkey.
func (k *Key) SignerID() string { return fmt.Sprintf("%016x", k.signer.KeyId) }

// Public is the public key, not armored.
func (k *Key) Public() []byte {
	k.t.Helper()
	var b bytes.Buffer
	if err := k.Serialize(&b); err != nil {
		k.t.Fatal(err)
	}
	return b.Bytes()
}

// Armored is the public key as a text.
func (k *Key) Armored() []byte { return Armor(k.t, openpgp.PublicKeyType, k.Public()) }

// Armor makes a text of bytes.
func Armor(t testing.TB, kind string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, kind, nil)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

// Sign returns a signature of a time over bytes, not armored.
func (k *Key) Sign(data []byte, at time.Time) []byte {
	k.t.Helper()
	var b bytes.Buffer
	// The library makes no signature with a key that has expired.
	key := k.signer
	config := k.config(at)
	sig := &packet.Signature{
		Version: key.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: key.PubKeyAlgo, Hash: config.Hash(),
		CreationTime: at, IssuerKeyId: &key.KeyId, IssuerFingerprint: key.Fingerprint,
	}
	h, err := sig.PrepareSign(config)
	if err == nil {
		h.Write(data)
		err = sig.Sign(h, key, config)
	}
	if err == nil {
		err = sig.Serialize(&b)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return b.Bytes()
}

// Ring returns public keys, each from a file of its name.
func Ring(keys ...*Key) *signatures.Keyring {
	ring := new(signatures.Keyring)
	for _, k := range keys {
		k.t.Helper()
		parsed, err := signatures.ParseKeys(k.Public())
		if err != nil {
			k.t.Fatal(err)
		}
		ring.Add(k.name+".asc", parsed)
	}
	return ring
}

// SecretArmored is the secret key as a text, which no key file should have.
func (k *Key) SecretArmored() []byte {
	k.t.Helper()
	var b bytes.Buffer
	if err := k.SerializePrivateWithoutSigning(&b, nil); err != nil {
		k.t.Fatal(err)
	}
	return Armor(k.t, openpgp.PrivateKeyType, b.Bytes())
}
