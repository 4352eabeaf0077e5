package openpgp_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/pungo-build/pungo/internal/openpgp"
	"github.com/pungo-build/pungo/internal/openpgp/openpgptest"
)

var (
	text = []byte("signed bytes\n")
	soon = openpgptest.Made.Add(24 * time.Hour)
	late = openpgptest.Made.Add(400 * 24 * time.Hour)
	year = 365 * 24 * time.Hour
)

const signatureBlock = "PGP SIGNATURE"

// revoke revokes a key.
func revoke(t *testing.T, k *openpgptest.Key, reason packet.ReasonForRevocation, at time.Time) {
	t.Helper()
	if err := k.Revoke(reason, "", &packet.Config{Time: func() time.Time { return at }}); err != nil {
		t.Fatal(err)
	}
}

// signV3 is a signature of version 3 by an RSA key, which the library makes no more.
func signV3(t *testing.T, k *openpgptest.Key, hash crypto.Hash, data []byte, at time.Time) []byte {
	t.Helper()
	return signV3As(t, k, packet.SigTypeBinary, hash, data, at)
}

func signV3As(t *testing.T, k *openpgptest.Key, kind packet.SignatureType, hash crypto.Hash, data []byte, at time.Time) []byte {
	t.Helper()
	created := binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))
	h := hash.New()
	h.Write(slices.Concat(data, []byte{byte(kind)}, created))
	sum := h.Sum(nil)
	number, err := rsa.SignPKCS1v15(nil, k.PrivateKey.PrivateKey.(*rsa.PrivateKey), hash, sum)
	if err != nil {
		t.Fatal(err)
	}
	id := k.PrimaryKey.Fingerprint[12:]
	algorithms := []byte{1, map[crypto.Hash]byte{crypto.SHA1: 2, crypto.SHA256: 8}[hash]}
	number = bytes.TrimLeft(number, "\x00")
	size := binary.BigEndian.AppendUint16(nil, uint16(8*len(number)-bits.LeadingZeros8(number[0])))
	body := slices.Concat([]byte{3, 5, byte(kind)}, created, id, algorithms, sum[:2], size, number)
	return slices.Concat([]byte{0x89}, binary.BigEndian.AppendUint16(nil, uint16(len(body))), body)
}

// TestJudge holds signatures against keys.
func TestJudge(t *testing.T) {
	key := func(name string, o openpgptest.Options) *openpgptest.Key { return openpgptest.NewKey(t, name, o) }
	one, two := key("one", openpgptest.Options{}), key("two", openpgptest.Options{})
	six := key("six", openpgptest.Options{V6: true})
	big := key("big", openpgptest.Options{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048})
	small := key("small", openpgptest.Options{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024})
	short := key("short", openpgptest.Options{Lifetime: year})
	stolen, retired := key("stolen", openpgptest.Options{}), key("retired", openpgptest.Options{})
	revoke(t, stolen, packet.KeyCompromised, late)
	revoke(t, retired, packet.KeyRetired, soon)

	wrong := one.Sign([]byte("other bytes"), soon)
	tests := []struct {
		name       string
		keys       []*openpgptest.Key
		signatures []byte
		want       string // id of the key, or the error
	}{
		{"ed25519", []*openpgptest.Key{one}, one.Sign(text, soon), one.ID()},
		{"version 6", []*openpgptest.Key{six}, six.Sign(text, soon), six.ID()},
		{"RSA", []*openpgptest.Key{big}, big.Sign(text, soon), big.ID()},
		{"version 3", []*openpgptest.Key{big}, signV3(t, big, crypto.SHA256, text, soon), big.ID()},
		{"version 3, wrong", []*openpgptest.Key{big}, signV3(t, big, crypto.SHA256, []byte("x"), soon), "signature of BIG is wrong"},
		{"version 3, before the key", []*openpgptest.Key{big}, signV3(t, big, crypto.SHA256, text, openpgptest.Made.Add(-year)), "BIG was made on 2026-01-01, and signed on 2025-01-01"},
		{"of text", []*openpgptest.Key{big}, signV3As(t, big, packet.SigTypeText, crypto.SHA256, text, soon), "signature of BIG is of type 0x01, want 0x00, over bytes"},
		{"of a name", []*openpgptest.Key{big}, signV3As(t, big, packet.SigTypePositiveCert, crypto.SHA256, text, soon), "signature of BIG is of type 0x13, want 0x00, over bytes"},
		{"SHA-1", []*openpgptest.Key{big}, signV3(t, big, crypto.SHA1, text, soon), "signature of BIG is over a SHA-1, which can be forged"},
		{"armored", []*openpgptest.Key{one}, openpgptest.Armor(t, signatureBlock, one.Sign(text, soon)), one.ID()},
		{"unknown key", []*openpgptest.Key{two}, one.Sign(text, soon), "signed with ONE"},
		{"unknown keys", []*openpgptest.Key{two}, slices.Concat(one.Sign(text, soon), six.Sign(text, soon), one.Sign(text, soon)), "signed with ONE and SIX"},
		{"no keys", nil, one.Sign(text, soon), "signed with ONE"},
		{"wrong", []*openpgptest.Key{two, one}, wrong, "signature of ONE is wrong"},
		{"wrong is worse than unknown", []*openpgptest.Key{one}, slices.Concat(two.Sign(text, soon), wrong), "signature of ONE is wrong"},
		{"good is better than wrong", []*openpgptest.Key{one, two}, slices.Concat(wrong, two.Sign(text, soon)), two.ID()},
		{"the first key counts", []*openpgptest.Key{two, one}, slices.Concat(one.Sign(text, soon), two.Sign(text, soon)), two.ID()},
		{"before it expired", []*openpgptest.Key{short}, short.Sign(text, soon), short.ID()},
		{"expired", []*openpgptest.Key{short}, short.Sign(text, late), "SHORT expired on 2027-01-01, and signed on 2027-02-05"},
		{"before the key", []*openpgptest.Key{one}, one.Sign(text, openpgptest.Made.Add(-year)), "ONE was made on 2026-01-01, and signed on 2025-01-01"},
		{"compromised", []*openpgptest.Key{stolen}, stolen.Sign(text, soon), "STOLEN is revoked"},
		{"retired", []*openpgptest.Key{retired}, retired.Sign(text, late), "RETIRED was revoked on 2026-01-02, and signed on 2027-02-05"},
		{"before it was retired", []*openpgptest.Key{retired}, retired.Sign(text, openpgptest.Made.Add(time.Hour)), retired.ID()},
		{"weak", []*openpgptest.Key{small}, small.Sign(text, soon), "SMALL is too weak: RSA of 1024 bits, want 2048"},
		{"64 signatures", []*openpgptest.Key{one}, bytes.Repeat(one.Sign(text, soon), 64), one.ID()},
		{"65 signatures", []*openpgptest.Key{one}, bytes.Repeat(one.Sign(text, soon), 65), "more than 64 signatures"},
		{"not a signature", []*openpgptest.Key{one}, []byte("<html>"), "not a signature"},
		{"empty", []*openpgptest.Key{one}, nil, "not a signature"},
		{"a key", []*openpgptest.Key{one}, one.Public(), "not a signature"},
		{"an armored key", []*openpgptest.Key{one}, one.Armored(), "a PGP PUBLIC KEY BLOCK, want a PGP SIGNATURE"},
		{"cut off", []*openpgptest.Key{one}, one.Sign(text, soon)[:40], "not a signature"},
		{"armor cut off", []*openpgptest.Key{one}, []byte("-----BEGIN PGP SIGNATURE-----\n\n"), "armor without an end"},
	}
	names := strings.NewReplacer("ONE", one.ID(), "TWO", two.ID(), "SIX", six.ID(), "BIG", big.ID(), "SMALL", small.ID(),
		"SHORT", short.ID(), "STOLEN", stolen.ID(), "RETIRED", retired.ID())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := openpgptest.Ring(test.keys...).JudgeBytes(text, test.signatures)
			if err != nil {
				got = err.Error()
			}
			want := test.want
			if !strings.HasPrefix(want, "a PGP") {
				want = names.Replace(want)
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestNewestStatement: a key whose time was prolonged is passed on without what it said
// of itself before, and what it had signed before stays good.
func TestNewestStatement(t *testing.T) {
	k := openpgptest.NewKey(t, "prolonged", openpgptest.Options{Lifetime: year})
	signed, after := k.Sign(text, soon), k.Sign(text, late)
	lifetime := uint32(2 * year / time.Second)
	for name, id := range k.Identities {
		self := id.SelfCertifications[0].Packet
		self.KeyLifetimeSecs, self.CreationTime = &lifetime, soon.Add(time.Hour)
		if err := self.SignUserId(name, k.PrimaryKey, k.PrivateKey, nil); err != nil {
			t.Fatal(err)
		}
	}
	ring := openpgptest.Ring(k)
	for _, sig := range [][]byte{signed, after} {
		if _, err := ring.JudgeBytes(text, sig); err != nil {
			t.Error(err)
		}
	}
}

// TestOldAndNewState: of two states of one key that counts by which it is good, unless
// it is revoked.
func TestOldAndNewState(t *testing.T) {
	old := openpgptest.NewKey(t, "state", openpgptest.Options{Lifetime: year})
	new := openpgptest.NewKey(t, "state", openpgptest.Options{})
	if old.ID() != new.ID() {
		t.Fatalf("the seed makes keys %s and %s", old.ID(), new.ID())
	}
	if _, err := openpgptest.Ring(old, new).JudgeBytes(text, old.Sign(text, late)); err != nil {
		t.Error(err)
	}
	revoke(t, old, packet.NoReason, late)
	_, err := openpgptest.Ring(new, old).JudgeBytes(text, old.Sign(text, soon))
	if want := new.ID() + " is revoked"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSubkeys(t *testing.T) {
	subkey := func(name string, o openpgptest.Options, lifetime time.Duration) *openpgptest.Key {
		return openpgptest.NewKey(t, name, o).WithSubkey(lifetime)
	}
	last := func(k *openpgptest.Key) int { return len(k.Subkeys) - 1 }
	good := subkey("good", openpgptest.Options{}, 0)
	short := subkey("short", openpgptest.Options{}, year)
	ofShort := subkey("of short", openpgptest.Options{Lifetime: year}, 0)
	ofRevoked := subkey("of revoked", openpgptest.Options{}, 0)
	revoke(t, ofRevoked, packet.KeyCompromised, late)
	retired := subkey("retired", openpgptest.Options{}, 0)
	if err := retired.Subkeys[last(retired)].Revoke(packet.KeySuperseded, "", &packet.Config{Time: func() time.Time { return soon }}); err != nil {
		t.Fatal(err)
	}
	// Whoever adds somebody else's subkey to a key has not got its consent.
	unbound := subkey("unbound", openpgptest.Options{}, 0)
	unbound.Subkeys[last(unbound)].Bindings = good.Subkeys[last(good)].Bindings
	certifies := subkey("certifies", openpgptest.Options{}, 0)
	for name, id := range certifies.Identities {
		self := id.SelfCertifications[0].Packet
		self.FlagSign = false
		if err := self.SignUserId(name, certifies.PrimaryKey, certifies.PrivateKey, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		key  *openpgptest.Key
		at   time.Time
		want string // behind the id
	}{
		{"good", good, soon, ""},
		{"before it expired", short, soon, ""},
		{"expired", short, late, " expired on 2027-01-01, and signed on 2027-02-05"},
		{"of a key that expired", ofShort, late, " expired on 2027-01-01, and signed on 2027-02-05"},
		{"of a key that was stolen", ofRevoked, soon, " is revoked"},
		{"retired", retired, late, " was revoked on 2026-01-02, and signed on 2027-02-05"},
		{"before it was retired", retired, openpgptest.Made.Add(time.Hour), ""},
		{"not bound", unbound, soon, " is not bound to its primary key"},
		{"of a key that does not sign itself", certifies, soon, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := openpgptest.Ring(test.key).JudgeBytes(text, test.key.Sign(text, test.at))
			if err != nil {
				got = err.Error()
			}
			if want := test.key.SignerID() + test.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	primary := openpgptest.NewKey(t, "certifies", openpgptest.Options{})
	_, err := openpgptest.Ring(certifies).JudgeBytes(text, primary.Sign(text, soon))
	if want := primary.ID() + " is not for signing"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseKeys(t *testing.T) {
	one, six := openpgptest.NewKey(t, "one", openpgptest.Options{}), openpgptest.NewKey(t, "six", openpgptest.Options{V6: true})
	both := []string{one.ID(), six.ID()}
	for _, test := range []struct {
		name string
		file []byte
		want []string
	}{
		{"one after the other", slices.Concat(one.Public(), six.Public()), both},
		{"blocks", slices.Concat([]byte("The key of one:\n"), one.Armored(), []byte("and six\n"), six.Armored()), both},
		{"several in a block", openpgptest.Armor(t, "PGP PUBLIC KEY BLOCK", slices.Concat(one.Public(), six.Public())), both},
		{"Windows", bytes.ReplaceAll(one.Armored(), []byte("\n"), []byte("\r\n")), both[:1]},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, err := openpgp.ParseKeys(test.file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range keys {
				got = append(got, k.ID)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestParseKeysErrors(t *testing.T) {
	k := openpgptest.NewKey(t, "one", openpgptest.Options{})
	for _, test := range []struct {
		name, file, want string
	}{
		{"empty", "", "no public key in it"},
		{"text", "this is no key\n", "not a public key: "},
		{"secret", string(k.SecretArmored()), "a secret key, want public ones"},
		{"signature", string(openpgptest.Armor(t, signatureBlock, k.Sign(text, soon))), "a PGP SIGNATURE, want a PGP PUBLIC KEY BLOCK"},
		{"cut off", string(k.Armored()[:200]), "armor without an end"},
		{"binary signature", string(k.Sign(text, soon)), "not a public key: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := openpgp.ParseKeys([]byte(test.file))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzKeys(f *testing.F) {
	one, six := openpgptest.NewKey(f, "one", openpgptest.Options{}), openpgptest.NewKey(f, "six", openpgptest.Options{V6: true})
	signed := one.Sign(text, soon)
	f.Add(one.Public())
	f.Add(one.Armored())
	f.Add(six.Public())
	f.Add(one.SecretArmored())
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := openpgp.ParseKeys(data)
		if err == nil && len(keys) == 0 {
			t.Error("no keys, and no error")
		}
		var ring openpgp.Keyring
		ring.Add("key", keys)
		ring.JudgeBytes(text, signed)
	})
}

// FuzzSignature: nobody signs bytes without the key.
func FuzzSignature(f *testing.F) {
	one, six := openpgptest.NewKey(f, "one", openpgptest.Options{}), openpgptest.NewKey(f, "six", openpgptest.Options{V6: true})
	ring := openpgptest.Ring(one, six)
	other := []byte("other bytes")
	for _, k := range []*openpgptest.Key{one, six} {
		f.Add(k.Sign(other, soon))
		f.Add(openpgptest.Armor(f, signatureBlock, k.Sign(other, soon)))
	}
	f.Add([]byte("\x88\x13\x03\x05\x00timekey id 3\x01\x08xx\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if id, err := ring.JudgeBytes(text, data); err == nil {
			t.Errorf("%x counts as a signature of %s", data, id)
		}
	})
}
