use proptest::prelude::*;

use super::{message::MAX_NAME_BYTES, types::MAX_DEPTH, *};

fn header(of: Header) -> (Vec<u8>, MessageHeader<'static>) {
    let header = MessageHeader {
        header: of,
        name: "RecommendService:Recommend",
        kind: MessageKind::Call,
        sequence: -7,
    };
    let mut writer = Writer::default();
    header.write(&mut writer);
    (writer.into_bytes(), header)
}

#[test]
fn strict_and_old_headers_are_read_back_and_name_the_service_or_not() {
    for kind in [Header::Strict, Header::Old] {
        let (bytes, written) = header(kind);
        let read = MessageHeader::read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.method(), (Some("RecommendService"), "Recommend"));
        for cut in 0..bytes.len() {
            let read = MessageHeader::read(&mut Reader::new(&bytes[..cut]));
            assert_eq!(read, Err(Malformed::Truncated), "{kind:?} cut at {cut}");
        }
    }
}

#[test]
fn a_header_of_another_protocol_is_refused() {
    fn of(bytes: &[u8]) -> Result<MessageHeader<'_>, Malformed> {
        MessageHeader::read(&mut Reader::new(bytes))
    }
    assert_eq!(
        of(b"\x80\x02\0\x01\0\0\0\0"),
        Err(Malformed::Version(0x8002_0001))
    );
    assert_eq!(
        of(b"\x80\x01\0\x09\0\0\0\0\0\0\0\0"),
        Err(Malformed::Kind(9))
    );
    assert_eq!(
        of(b"\x80\x01\0\x01\xff\xff\xff\xff"),
        Err(Malformed::Negative(-1))
    );
    assert_eq!(of(b"POST / HTTP/1.1"), Err(Malformed::Name(MAX_NAME_BYTES)));
}

#[test]
fn lengths_are_compared_with_what_is_left_before_anything_is_made() {
    let max = i32::MAX.to_be_bytes();
    let string = Reader::new(&max).string();
    assert_eq!(string, Err(Malformed::Length(i32::MAX as usize)));
    let negative = (-1i32).to_be_bytes();
    assert_eq!(Reader::new(&negative).bytes(), Err(Malformed::Negative(-1)));
    let list = [&[11][..], &100i32.to_be_bytes(), &[0; 399]].concat();
    assert_eq!(Reader::new(&list).list(), Err(Malformed::Length(100)));
    let map = [&[11, 11][..], &100i32.to_be_bytes(), &[0; 799]].concat();
    assert_eq!(Reader::new(&map).map(), Err(Malformed::Length(100)));
    assert_eq!(Reader::new(&[0, 0, 0, 0, 0, 0]).map(), Ok((None, 0)));
    assert_eq!(
        Reader::new(b"\0\0\0\x01\xff").string(),
        Err(Malformed::Utf8)
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: u32| {
        let mut bytes = [12, 0, 1].repeat(depth as usize);
        bytes.extend(vec![0; depth as usize]);
        bytes
    };
    let skipped = |bytes: &[u8]| Reader::new(bytes).skip(WireType::Struct);
    assert_eq!(skipped(&[nested(MAX_DEPTH - 1), vec![0]].concat()), Ok(()));
    assert_eq!(skipped(&nested(MAX_DEPTH)), Err(Malformed::Depth));
    assert_eq!(skipped(&nested(100_000)), Err(Malformed::Depth));
    let lists = [15, 0, 0, 0, 1].repeat(100_000);
    assert_eq!(
        Reader::new(&lists).skip(WireType::List),
        Err(Malformed::Depth)
    );
}

proptest! {
    /// A valid value with one byte changed or cut off is passed over or refused.
    #[test]
    fn a_changed_value_never_makes_the_reader_panic(at in any::<usize>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut writer = Writer::default();
        writer.string_field(1, "text");
        writer.i64_field(2, 3);
        writer.bool_field(3, true);
        writer.field(WireType::List, 4);
        writer.list(WireType::String, 2);
        writer.string("a");
        writer.string("b");
        writer.field(WireType::Map, 5);
        writer.byte(WireType::String as u8);
        writer.byte(WireType::Double as u8);
        writer.i32(1);
        writer.string("k");
        writer.double(0.5);
        writer.stop();
        let mut bytes = writer.into_bytes();
        prop_assert_eq!(Reader::new(&bytes).skip(WireType::Struct), Ok(()));
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let mut reader = Reader::new(&bytes);
        let _ = reader.skip(WireType::Struct);
        prop_assert!(reader.left() <= bytes.len());
    }
}
