//! Bodies that come in pieces of any size.

use super::*;

/// Decodes `wire`, which is read in pieces of `piece` bytes. Returns the body, whether it had
/// trailers, and how many bytes were left over.
fn decode(length: Length, wire: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), Fault> {
    let (mut decoder, mut read) = (Decoder::new(length), BytesMut::new());
    let (mut body, mut trailers) = (Vec::new(), false);
    let mut coming = wire.chunks(piece);
    loop {
        match decoder.next(&mut read)? {
            Piece::Data(data) => body.extend_from_slice(&data),
            Piece::Trailers(_) => trailers = true,
            Piece::End => break,
            Piece::Incomplete => match coming.next() {
                Some(more) => read.extend_from_slice(more),
                None if decoder.ends_with_connection() => break,
                None => return Err(Fault::Malformed("short")),
            },
        }
    }
    Ok((
        body,
        trailers,
        read.len() + coming.map(<[u8]>::len).sum::<usize>(),
    ))
}

#[test]
fn bodies_end_where_they_say_however_they_are_read() {
    let table = [
        (Length::Known(5), &b"helloHTTP"[..], &b"hello"[..], false, 4),
        (Length::Known(0), b"HTTP", b"", false, 4),
        (Length::UntilClose, b"hello", b"hello", false, 0),
        (
            Length::Chunked,
            b"5\r\nhello\r\n0\r\n\r\nHTTP",
            b"hello",
            false,
            4,
        ),
        (Length::Chunked, b"0\r\n\r\n", b"", false, 0),
        (
            Length::Chunked,
            b"1;a=b\r\nh\r\n004\r\nello\r\n0\r\n\r\n",
            b"hello",
            false,
            0,
        ),
        (
            Length::Chunked,
            b"5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\nHTTP",
            b"hello",
            true,
            4,
        ),
    ];
    for (length, wire, body, trailers, left) in table {
        for piece in 1..=wire.len() {
            let decoded = decode(length, wire, piece).unwrap();
            // The bytes after the body are left over: those in the same piece stay in the buffer,
            // later pieces are not even read.
            assert_eq!(
                decoded,
                (body.to_vec(), trailers, left),
                "{piece} {}",
                wire.escape_ascii()
            );
        }
    }
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    for wire in [
        &b"5\r\nhelloX\r\n0\r\n\r\n"[..],
        b"5\r\nhello\n0\r\n\r\n",
        b"\r\n0\r\n\r\n",
        b"-1\r\nhello\r\n",
        b"5 x\r\nhello\r\n0\r\n\r\n",
        b"11111111111111111\r\nx",
        b"0\r\nbad name: 1\r\n\r\n",
        b"0\r\nx: 1\n\r\n",
        b"0\r\nx: 1\r\n\n",
        b"0\r\n\n",
        b"0\n\r\n",
        b"0\r\nx: 1\r\n folded\r\n\r\n",
        b"0\r\nx: 1\r2\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
    ] {
        for piece in [1, wire.len()] {
            assert!(
                decode(Length::Chunked, wire, piece).is_err(),
                "{}",
                wire.escape_ascii()
            );
        }
    }
}

/// A regression test: 60,000 one-byte records once took 0.7 s, because all of the trailers were
/// parsed again for each record.
#[test]
fn what_drips_in_is_looked_at_once() {
    let mut wire = b"0\r\nx: ".to_vec();
    wire.resize(MAX_HEAD - 100, b'x');
    wire.extend_from_slice(b"\r\n\r\n");
    let (mut decoder, mut read) = (Decoder::new(Length::Chunked), BytesMut::new());
    let (last, dripping) = wire.split_last().unwrap();
    for byte in dripping {
        read.extend_from_slice(&[*byte]);
        assert!(matches!(decoder.next(&mut read), Ok(Piece::Incomplete)));
        let (State::ChunkSize(searched) | State::Trailers(searched)) = decoder.0 else {
            panic!("{decoder:?}");
        };
        assert_eq!(searched, read.len(), "the next look is at what comes next");
    }
    read.extend_from_slice(&[*last]);
    assert!(matches!(decoder.next(&mut read), Ok(Piece::Trailers(_))));
}

#[test]
fn a_line_without_a_size_is_no_last_chunk() {
    for wire in [
        "\r\n\r\n",
        " \r\n\r\n",
        ";a\r\n\r\n",
        "5\r\nhello\r\n\r\n\r\n",
        "5\r\nhello\r\n;a=0\r\n\r\n",
    ] {
        for piece in [1, wire.len()] {
            let decoded = decode(Length::Chunked, wire.as_bytes(), piece);
            assert!(
                matches!(
                    decoded,
                    Err(Fault::Malformed("its body has a chunk without a size"))
                ),
                "{wire:?} in pieces of {piece}: {decoded:?}"
            );
        }
    }
}

#[test]
fn endless_lines_are_refused() {
    let mut line = b"5;".to_vec();
    line.resize(2 * MAX_CHUNK_LINE, b'x');
    let mut trailers = b"0\r\nx: ".to_vec();
    trailers.resize(2 * MAX_HEAD, b'x');
    for (mut wire, fault) in [
        (line, "its body has a chunk without a size"),
        (trailers, "its body has malformed trailers"),
    ] {
        let bounded = |wire: &[u8], piece| {
            let decoded = decode(Length::Chunked, wire, piece);
            assert!(
                matches!(decoded, Err(Fault::Malformed(found)) if found == fault),
                "{fault} in pieces of {piece}: {decoded:?}"
            );
        };
        bounded(&wire, 1000);
        wire.extend_from_slice(b"\r\n\r\n");
        bounded(&wire, 1000);
        bounded(&wire, wire.len());
    }
}

#[test]
fn lines_within_their_bounds_pass() {
    let mut wire = b"1;".to_vec();
    wire.resize(MAX_CHUNK_LINE - 1, b'x');
    wire.extend_from_slice(b"\r\nh\r\n0\r\nx: ");
    wire.resize(wire.len() + MAX_HEAD - 100, b'x');
    wire.extend_from_slice(b"\r\n\r\n");
    for piece in [1000, wire.len()] {
        let decoded = decode(Length::Chunked, &wire, piece).unwrap();
        assert_eq!(decoded, (b"h".to_vec(), true, 0));
    }
}
