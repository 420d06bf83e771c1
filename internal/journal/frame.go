package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A frame is a compressed block on disk:
//
//	magic "BHJ1" | length of the rest, 4 bytes | CRC-32C of length and rest, 4 bytes | rest
const (
	frameMagic  = "BHJ1"
	frameHeader = 12
	// maxFrame is far above what the writer makes: a length beyond it is damage.
	maxFrame = 64 << 20
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// codec compresses and decompresses. Decompressing may be done by many
// goroutines; each encoder belongs to one: the writer, sealing, merging.
type codec struct {
	fast, small, merge *zstd.Encoder
	decoder            *zstd.Decoder
}

func newCodec() (*codec, error) {
	var c codec
	var err error
	encoder := func(level zstd.EncoderLevel) *zstd.Encoder {
		e, e2 := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
		if e2 != nil {
			err = e2
		}
		return e
	}
	c.fast, c.small, c.merge = encoder(zstd.SpeedFastest), encoder(zstd.SpeedDefault), encoder(zstd.SpeedDefault)
	if err != nil {
		return nil, err
	}
	c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(4*maxFrame), zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(2))
	return &c, err
}

func (c *codec) close() {
	c.decoder.Close()
	c.fast.Close()
	c.small.Close()
	c.merge.Close()
}

// appendFrame compresses raw and appends it as a frame.
func appendFrame(dst []byte, e *zstd.Encoder, raw []byte) []byte {
	at := len(dst)
	dst = append(dst, frameMagic+"\x00\x00\x00\x00\x00\x00\x00\x00"...)
	dst = e.EncodeAll(raw, dst)
	frame := dst[at:]
	binary.LittleEndian.PutUint32(frame[4:], uint32(len(frame)-frameHeader))
	binary.LittleEndian.PutUint32(frame[8:], frameSum(frame))
	return dst
}

func frameSum(frame []byte) uint32 {
	t := castagnoli()
	return crc32.Update(crc32.Checksum(frame[4:8], t), t, frame[frameHeader:])
}

// openFrame checks a whole frame and decompresses it.
func (c *codec) openFrame(frame []byte) ([]byte, error) {
	if len(frame) < frameHeader || string(frame[:4]) != frameMagic ||
		int(binary.LittleEndian.Uint32(frame[4:])) != len(frame)-frameHeader ||
		binary.LittleEndian.Uint32(frame[8:]) != frameSum(frame) {
		return nil, errDamaged
	}
	raw, err := c.decoder.DecodeAll(frame[frameHeader:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return raw, nil
}

// readFrame reads the frame at an offset.
func (c *codec) readFrame(r io.ReaderAt, at int64, length int) ([]byte, error) {
	frame := make([]byte, length)
	if _, err := r.ReadAt(frame, at); err != nil {
		return nil, err
	}
	return c.openFrame(frame)
}

// scan calls visit with each whole frame of a file's content. Damaged parts are
// told to damaged and passed over. It returns where the last whole frame ends:
// what is behind it is a damaged tail, of which damaged is told too.
func (c *codec) scan(data []byte, visit func(raw []byte), damaged func(at, n int64)) (end int64) {
	at := 0
	for at < len(data) {
		n := frameLength(data[at:])
		if n > 0 {
			if raw, err := c.openFrame(data[at : at+n]); err == nil {
				if int64(at) > end {
					damaged(end, int64(at)-end)
				}
				visit(raw)
				at += n
				end = int64(at)
				continue
			}
		}
		next := bytes.Index(data[at+1:], []byte(frameMagic))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if end < int64(len(data)) {
		damaged(end, int64(len(data))-end)
	}
	return end
}

// frameLength is how long the frame at the start of data says it is, or 0 if
// there is none or it is not all there.
func frameLength(data []byte) int {
	if len(data) < frameHeader || string(data[:4]) != frameMagic {
		return 0
	}
	n := binary.LittleEndian.Uint32(data[4:])
	if n > maxFrame || int(n)+frameHeader > len(data) {
		return 0
	}
	return int(n) + frameHeader
}
