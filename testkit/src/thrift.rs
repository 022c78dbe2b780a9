//! Thrift's binary protocol as a test speaks it: calls of `Recommend`, replies as JSON by field
//! number.

use serde_json::{Map, Value, json};

/// How a call's header is written.
#[derive(Debug, Clone, Copy)]
pub enum Header {
    Strict,
    Old,
}

/// A message with a header and the bytes of its arguments.
pub fn message(header: Header, name: &str, arguments: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match header {
        Header::Strict => {
            out.extend(0x8001_0001_u32.to_be_bytes());
            out.extend(text(name));
        }
        Header::Old => {
            out.extend(text(name));
            out.push(1);
        }
    }
    out.extend(7_i32.to_be_bytes());
    out.extend(arguments);
    out
}

/// A call of `Recommend` with these fields of the request.
pub fn recommend(header: Header, fields: &[Vec<u8>]) -> Vec<u8> {
    let request = field(12, 1, &[fields.concat(), vec![0]].concat());
    message(header, "Recommend", &[request, vec![0]].concat())
}

/// A field of a struct: its type, number and encoded value.
pub fn field(kind: u8, number: i16, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &number.to_be_bytes(), value].concat()
}

pub fn text_field(number: i16, value: &str) -> Vec<u8> {
    field(11, number, &text(value))
}

pub fn text(value: &str) -> Vec<u8> {
    let length = i32::try_from(value.len()).unwrap();
    [&length.to_be_bytes()[..], value.as_bytes()].concat()
}

/// A list of strings.
pub fn texts(values: &[&str]) -> Vec<u8> {
    let count = i32::try_from(values.len()).unwrap();
    let mut out = [&[11][..], &count.to_be_bytes()].concat();
    out.extend(values.iter().flat_map(|value| text(value)));
    out
}

/// A reply: its kind (2 a reply, 3 an exception) and its struct.
pub fn reply(bytes: &[u8]) -> (u8, Value) {
    let mut reader = Reader(bytes);
    let first = reader.i32();
    let kind = if first < 0 {
        let length = reader.i32();
        reader.take(length);
        (first & 0xff) as u8
    } else {
        reader.take(first);
        reader.take(1)[0]
    };
    assert_eq!(reader.i32(), 7, "the call's sequence number");
    let value = reader.value(12);
    assert!(reader.0.is_empty(), "bytes behind the reply");
    (kind, value)
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: i32) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(usize::try_from(length).unwrap());
        self.0 = rest;
        taken
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn value(&mut self, kind: u8) -> Value {
        match kind {
            2 => json!(self.take(1)[0] != 0),
            4 => json!(f64::from_be_bytes(self.take(8).try_into().unwrap())),
            8 => json!(self.i32()),
            10 => json!(i64::from_be_bytes(self.take(8).try_into().unwrap())),
            11 => {
                let length = self.i32();
                json!(std::str::from_utf8(self.take(length)).unwrap())
            }
            12 => {
                let mut fields = Map::new();
                loop {
                    let kind = self.take(1)[0];
                    if kind == 0 {
                        return Value::Object(fields);
                    }
                    let number = i16::from_be_bytes(self.take(2).try_into().unwrap());
                    fields.insert(number.to_string(), self.value(kind));
                }
            }
            15 => {
                let element = self.take(1)[0];
                let count = self.i32();
                (0..count).map(|_| self.value(element)).collect()
            }
            _ => panic!("the IDL has no type {kind}"),
        }
    }
}
