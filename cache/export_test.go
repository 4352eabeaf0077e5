package cache

// Spoil changes a byte of a stored blob, behind the back of whoever reads it.
func (m *Memory) Spoil(d Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[d] = append([]byte{m.blobs[d][0] ^ 1}, m.blobs[d][1:]...)
}
