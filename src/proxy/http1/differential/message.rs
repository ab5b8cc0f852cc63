//! A message in its parts, and the oddities that requests and responses share.

use super::random::Random;
use super::words::{
    BEFORE, BEHIND, BEHIND_VALUES, CHUNKED, CONNECTION, FOLDS, FRAMING, ODD_CHUNKED, ODD_COLONS,
    ODD_ENDS, ODD_SIZES,
};

/// A message before it is written as bytes. Each part can be replaced by an odd one.
pub(super) struct Message {
    pub(super) before: Vec<u8>,
    pub(super) start: Vec<u8>,
    pub(super) start_end: Vec<u8>,
    pub(super) fields: Vec<Field>,
    pub(super) end: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// A field line.
#[derive(Clone)]
pub(super) struct Field {
    name: Vec<u8>,
    colon: Vec<u8>,
    value: Vec<u8>,
    end: Vec<u8>,
}

impl Field {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.into(),
            colon: b": ".to_vec(),
            value: value.into(),
            end: b"\r\n".to_vec(),
        }
    }
}

impl Message {
    pub(super) fn new(start: String, fields: Vec<Field>) -> Self {
        Self {
            before: Vec::new(),
            start: start.into_bytes(),
            start_end: b"\r\n".to_vec(),
            fields,
            end: b"\r\n".to_vec(),
            body: Vec::new(),
        }
    }

    /// Adds a body and the field that frames it. Most of the time the two fit together.
    pub(super) fn frame(&mut self, random: &mut Random) {
        let chunked = |random: &mut Random| match random.below(8) {
            0 => odd_chunk(random),
            1 => random.pick(ODD_CHUNKED).as_bytes().to_vec(),
            _ => random.pick(CHUNKED).as_bytes().to_vec(),
        };
        match random.below(8) {
            0 => {}
            1..4 => {
                self.body = b"hello world".to_vec();
                self.put(random, Field::new("Content-Length", "11"));
            }
            4..7 => {
                self.body = chunked(random);
                self.put(random, Field::new("Transfer-Encoding", "chunked"));
            }
            _ => self.body = chunked(random),
        }
    }

    /// Inserts a field at a random place.
    pub(super) fn put(&mut self, random: &mut Random, field: Field) {
        let place = random.below(self.fields.len() + 1);
        self.fields.insert(place, field);
    }

    /// Writes the message as bytes. A few of them may be changed.
    pub(super) fn write(self, random: &mut Random) -> Vec<u8> {
        let mut wire = self.before;
        wire.extend(self.start);
        wire.extend(self.start_end);
        for field in self.fields {
            wire.extend(field.name);
            wire.extend(field.colon);
            wire.extend(field.value);
            wire.extend(field.end);
        }
        wire.extend(self.end);
        wire.extend(self.body);
        if random.one_in(8) {
            scramble(&mut wire, random);
        }
        wire
    }
}

/// A change that makes a message odd.
pub(super) type Oddity = fn(&mut Message, &mut Random);

/// Oddities of any message.
pub(super) const ODDITIES: &[Oddity] = &[
    // One more framing field, besides the one that may be there: request smuggling uses two
    // lengths, or a length and chunks (RFC 9112 §11.2).
    |message, random| {
        let (name, value) = *random.pick(&FRAMING.iter().collect::<Vec<_>>());
        message.put(random, Field::new(name, value));
    },
    |message, random| {
        let (name, value) = *random.pick(&FRAMING.iter().collect::<Vec<_>>());
        let named = |field: &&mut Field| field.name.eq_ignore_ascii_case(name.as_bytes());
        if let Some(field) = message.fields.iter_mut().find(named) {
            field.value = value.into();
        }
    },
    |message, random| {
        let (name, value) = *random.pick(&CONNECTION.iter().collect::<Vec<_>>());
        message.put(random, Field::new(name, value));
    },
    // Listed three times, so that it comes more often.
    |message, random| message.body = random.pick(ODD_CHUNKED).as_bytes().to_vec(),
    |message, random| message.body = random.pick(ODD_CHUNKED).as_bytes().to_vec(),
    |message, random| message.body = random.pick(ODD_CHUNKED).as_bytes().to_vec(),
    |message, random| {
        message.put(random, Field::new("Transfer-Encoding", "chunked"));
        message.body = random.pick(ODD_CHUNKED).as_bytes().to_vec();
    },
    |message, random| message.body = odd_chunk(random),
    // Bare line feeds and carriage returns: RFC 9112 §2.2 leaves recipients some freedom with
    // these.
    |message, random| message.start_end = random.pick(ODD_ENDS).into(),
    |message, random| message.end = random.pick(ODD_ENDS).into(),
    |message, random| message.before = random.pick(BEFORE).into(),
    |message, random| message.body.truncate(random.below(message.body.len())),
    // Bytes after a body: recipients that find the same end of the body take them for the next
    // message.
    |message, random| {
        message
            .body
            .extend_from_slice(random.pick(BEHIND).as_bytes());
    },
    |message, random| {
        odd_field(message, random, |field, random| {
            field.end = random.pick(ODD_ENDS).into();
        });
    },
    // Whitespace before the colon, among others: RFC 9112 §5.1 requires a server to reject it, and
    // a proxy to remove it from a response.
    |message, random| {
        odd_field(message, random, |field, random| {
            field.colon = random.pick(ODD_COLONS).into();
        });
    },
    |message, random| {
        odd_field(message, random, |field, random| {
            let place = random.below(field.name.len() + 1);
            field.name.insert(place, random.byte());
        });
    },
    |message, random| {
        odd_field(message, random, |field, random| {
            let place = random.below(field.value.len() + 1);
            field.value.insert(place, random.byte());
        });
    },
    |message, random| {
        odd_field(message, random, |field, random| {
            // obs-fold (RFC 9112 §5.2).
            field.value.extend_from_slice(random.pick(FOLDS).as_bytes());
        });
    },
    |message, random| {
        odd_field(message, random, |field, random| {
            field
                .value
                .extend_from_slice(random.pick(BEHIND_VALUES).as_bytes());
        });
    },
    |message, random| {
        let repeated = random.below(message.fields.len());
        if let Some(field) = message.fields.get(repeated).cloned() {
            message.put(random, field);
        }
    },
    // Around hyper's limit of 100 fields, and beyond this proxy's own, `MAX_HEADERS`.
    |message, random| {
        if random.one_in(4) {
            let count = *random.pick(&[&95, &101, &150, &2100]);
            message
                .fields
                .extend((0..count).map(|_| Field::new("x-many", "1")));
        }
    },
];

fn odd_field(message: &mut Message, random: &mut Random, change: impl Fn(&mut Field, &mut Random)) {
    let place = random.below(message.fields.len());
    if let Some(field) = message.fields.get_mut(place) {
        change(field, random);
    }
}

/// Changes random bytes. The result may be another message, or not a message at all.
fn scramble(wire: &mut Vec<u8>, random: &mut Random) {
    const TELLING: &[u8] = b"\r\n\r\n :,;\t\0\x0b09afA/?#%\x7f\x80\xff";
    for _ in 0..=random.below(3) {
        let (place, length) = (random.below(wire.len()), random.below(8));
        let end = (place + length).min(wire.len());
        match random.below(5) {
            0 => wire.insert(place, TELLING[random.below(TELLING.len())]),
            1 => wire[place] = TELLING[random.below(TELLING.len())],
            2 => drop(wire.drain(place..end)),
            3 => {
                let again = wire[place..end].to_vec();
                wire.splice(place..place, again);
            }
            _ => wire[place] = random.byte(),
        }
    }
}

fn odd_chunk(random: &mut Random) -> Vec<u8> {
    let size = random.pick(ODD_SIZES);
    let end = if random.one_in(3) {
        random.pick(ODD_ENDS)
    } else {
        "\r\n"
    };
    format!("{size}{end}hello\r\n0\r\n\r\n").into_bytes()
}
