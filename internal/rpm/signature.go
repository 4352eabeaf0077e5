package rpm

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
)

// signingKey is the id of the key that made the package's signature: 16
// lowercase hex digits, of which compose metadata shows the last 8. It is ""
// if the package is not signed, or if the signature does not tell.
//
// A package can have several signatures. Those over the header come first,
// because they are the ones that rpm verifies today.
func signingKey(sig *header) string {
	for texts := sig.array(sigOpenPGP); texts.left > 0; {
		packet, err := base64.StdEncoding.DecodeString(texts.next())
		if err != nil {
			continue // a signature that cannot be read names no key
		}
		if key := issuer(packet); key != "" {
			return key
		}
	}
	for _, t := range [...]tag{sigRSA, sigDSA, sigPGP, sigGPG} {
		if key := issuer([]byte(sig.binary(t))); key != "" {
			return key
		}
	}
	return ""
}

// issuer reads the key id from an OpenPGP signature packet (RFC 9580, section 5.2)
// of version 3, 4 or 6. It returns "" if the packet is something else.
func issuer(packet []byte) string {
	const signature = 2 // the packet type
	kind, body := openPacket(packet)
	if kind != signature || len(body) == 0 {
		return ""
	}
	switch body[0] {
	case 3:
		// version, length 5, type, time (4), key id (8)
		if len(body) < 15 || body[1] != 5 {
			return ""
		}
		return hex.EncodeToString(body[7:15])
	case 4:
		// version, type, two algorithms, then both lists of subpackets
		return subpacketIssuer(body, 2)
	case 6:
		return subpacketIssuer(body, 4)
	}
	return ""
}

// openPacket reads the header of a packet and returns its type and body.
func openPacket(b []byte) (kind byte, body []byte) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, nil
	}
	var ok bool
	if b[0]&0x40 != 0 { // the new format
		kind = b[0] & 0x3f
		body, _, ok = cutVariable(b[1:])
	} else { // the old one; its length has 1, 2 or 4 bytes
		kind = b[0] >> 2 & 0x0f
		if lengthType := b[0] & 3; lengthType < 3 {
			body, _, ok = cutSized(b[1:], 1<<lengthType)
		}
	}
	if !ok {
		return 0, nil
	}
	return kind, body
}

// subpacketIssuer looks into the hashed and then the unhashed subpackets of a
// signature, whose total length has lengthSize bytes each.
func subpacketIssuer(body []byte, lengthSize int) string {
	if len(body) < 4 {
		return ""
	}
	hashed, rest, ok := cutSized(body[4:], lengthSize)
	if !ok {
		return ""
	}
	if key := subpacketsIssuer(hashed); key != "" {
		return key
	}
	unhashed, _, ok := cutSized(rest, lengthSize)
	if !ok {
		return ""
	}
	return subpacketsIssuer(unhashed)
}

func subpacketsIssuer(b []byte) string {
	const (
		keyID       = 16
		fingerprint = 33
	)
	for len(b) > 0 {
		sub, rest, ok := cutVariable(b)
		if !ok || len(sub) == 0 {
			return ""
		}
		switch kind, value := sub[0]&0x7f, sub[1:]; {
		case kind == keyID && len(value) == 8:
			return hex.EncodeToString(value)
		case kind == fingerprint && len(value) == 1+20: // key of version 4: its end
			return hex.EncodeToString(value[13:])
		case kind == fingerprint && len(value) == 1+32: // key of version 6: its beginning
			return hex.EncodeToString(value[1:9])
		}
		b = rest
	}
	return ""
}

// cutVariable cuts off what an OpenPGP length of 1, 2 or 5 bytes announces.
// Signatures don't have the partial lengths of streams.
func cutVariable(b []byte) (value, rest []byte, ok bool) {
	switch {
	case len(b) == 0:
		return nil, nil, false
	case b[0] < 192:
		return cut(b[1:], uint64(b[0]))
	case b[0] < 255 && len(b) >= 2:
		return cut(b[2:], uint64(b[0]-192)<<8+uint64(b[1])+192)
	case b[0] == 255 && len(b) >= 5:
		return cut(b[5:], uint64(binary.BigEndian.Uint32(b[1:])))
	}
	return nil, nil, false
}

// cutSized cuts off what a big-endian length of size bytes announces.
func cutSized(b []byte, size int) (value, rest []byte, ok bool) {
	if len(b) < size {
		return nil, nil, false
	}
	var n uint64
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	return cut(b[size:], n)
}

func cut(b []byte, n uint64) (value, rest []byte, ok bool) {
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
