//! Puts codings on a body, without compressing it.
//!
//! What is decoded here goes to a program on the same machine, so its size costs nothing, and its
//! client has a decoder, not a wish. All four formats have blocks of bytes as they are. They cost a
//! copy and a checksum where the fastest compressor costs a hundred times that and its memory; a
//! client decodes them as fast; each piece can be decoded at once; and no compressor is linked in.
//!
//! Every block begins and ends at a byte, as all before it do. That is why the headers below are
//! constant.

use adler2::Adler32;
use bytes::Bytes;
use flate2::Crc;

use super::{Coding, Codings};

/// A body on its way into its codings.
pub(in crate::proxy) struct Encoder {
    frames: Vec<Frame>,
}

/// The frame of a format, as far as it has been written.
struct Frame {
    format: Format,
    has_begun: bool,
}

enum Format {
    Brotli,
    Deflate(Adler32),
    Gzip(Crc),
    Zstd,
}

impl Encoder {
    pub(in crate::proxy) fn new(codings: &Codings) -> Self {
        let formats = codings.0.iter().map(|coding| match coding {
            Coding::Brotli => Format::Brotli,
            Coding::Deflate => Format::Deflate(Adler32::new()),
            Coding::Gzip => Format::Gzip(Crc::new()),
            Coding::Zstd => Format::Zstd,
        });
        let frames = formats.map(|format| Frame {
            format,
            has_begun: false,
        });
        Self {
            frames: frames.collect(),
        }
    }

    /// The piece in its codings.
    pub(in crate::proxy) fn encode(&mut self, piece: Bytes) -> Bytes {
        if piece.is_empty() {
            return piece;
        }
        self.frames.iter_mut().fold(piece, |piece, frame| {
            let mut out = Vec::with_capacity(piece.len() + piece.len() / 4096 + 32);
            frame.write(&piece, &mut out);
            Bytes::from(out)
        })
    }

    /// What the codings have behind the last piece.
    pub(in crate::proxy) fn finish(&mut self) -> Bytes {
        let mut end = Bytes::new();
        for frame in &mut self.frames {
            let mut out = Vec::with_capacity(end.len() + 64);
            frame.write(&end, &mut out);
            frame.end(&mut out);
            end = Bytes::from(out);
        }
        end
    }
}

impl Frame {
    fn write(&mut self, data: &[u8], out: &mut Vec<u8>) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        match &mut self.format {
            Format::Brotli => brotli(data, is_first, out),
            Format::Deflate(sum) => {
                if is_first {
                    // A window of 32 KiB, the fastest level (RFC 1950 §2.2).
                    out.extend([0x78, 0x01]);
                }
                sum.write_slice(data);
                deflate(data, out);
            }
            Format::Gzip(sum) => {
                if is_first {
                    // Deflate, no flags, no time, no level, an unknown system (RFC 1952 §2.3).
                    out.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
                }
                sum.update(data);
                deflate(data, out);
            }
            Format::Zstd => zstd(data, is_first, out),
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        match &self.format {
            // The last meta-block, and empty (RFC 7932 §9.2).
            Format::Brotli => out.push(0b11),
            Format::Deflate(sum) => {
                out.extend(LAST_STORED);
                out.extend(sum.checksum().to_be_bytes());
            }
            Format::Gzip(sum) => {
                out.extend(LAST_STORED);
                out.extend(sum.sum().to_le_bytes());
                out.extend(sum.amount().to_le_bytes());
            }
            // The last block, raw, of no bytes (RFC 8878 §3.1.1.2).
            Format::Zstd => out.extend([1, 0, 0]),
        }
    }
}

/// The last block of deflate, stored, of no bytes (RFC 1951 §3.2.4).
const LAST_STORED: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Stored blocks (RFC 1951 §3.2.4): their length, its complement, and the bytes.
fn deflate(data: &[u8], out: &mut Vec<u8>) {
    for block in data.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).unwrap_or_default();
        out.push(0);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// Uncompressed meta-blocks (RFC 7932 §9.2). From the lowest bit up: not the last one (1 bit), four
/// nibbles of length (2), the length less one (16), uncompressed (1), and zeros to the byte. The
/// first one has the window before it (§9.1): 64 KiB, one bit that is zero.
fn brotli(data: &[u8], is_first: bool, out: &mut Vec<u8>) {
    let mut window_bits = u32::from(is_first);
    if is_first && data.is_empty() {
        // An empty meta-block of metadata: it takes the window's bit with it, and ends at a byte.
        // Not the last one (1), no nibbles (2 bits, both set), reserved (1), no bytes skipped (2).
        out.push(0b0110 << window_bits);
        return;
    }
    for block in data.chunks(1 << 16) {
        let less_one = u32::try_from(block.len() - 1).unwrap_or_default();
        let header = (less_one << 3 | 1 << 19) << window_bits;
        window_bits = 0;
        let [low, middle, high, _] = header.to_le_bytes();
        out.extend([low, middle, high]);
        out.extend_from_slice(block);
    }
}

/// Raw blocks (RFC 8878 §3.1.1.2), of at most 128 KiB, which is the window as well. The frame's
/// header (§3.1.1.1) names neither its length nor a checksum.
fn zstd(data: &[u8], is_first: bool, out: &mut Vec<u8>) {
    if is_first {
        out.extend([0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3]);
    }
    for block in data.chunks(1 << 17) {
        let header = u32::try_from(block.len()).unwrap_or_default() << 3;
        let [low, middle, high, _] = header.to_le_bytes();
        out.extend([low, middle, high]);
        out.extend_from_slice(block);
    }
}
