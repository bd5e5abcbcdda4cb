package journal

import "bytes"

// next takes one line off b; n is 0 when there is no whole one yet.
func next(b []byte, seq int, last string) (r Record, n int, hash string, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return Record{}, 0, "", nil
	}
	if r, err = Unseal(b[:end]); err != nil {
		return r, 0, "", err
	}
	if r.Seq != seq+1 || r.Prev != last {
		return r, 0, "", ErrChain
	}
	return r, end + 1, Hash(b[:end]), nil
}
