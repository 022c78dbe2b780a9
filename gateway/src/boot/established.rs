//! How many connections of a port the kernel is just making.

use std::fs;

const SYN_RECEIVED: &str = "03";

/// Connections on `port` that were answered and not yet confirmed: the caller may believe already
/// that it is connected. 0 where the system has no such table.
pub(super) fn half_open(port: u16) -> usize {
    count(port, SYN_RECEIVED)
}

fn count(port: u16, wanted: &str) -> usize {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts.map(|text| listed(&text, port, wanted)).sum()
}

/// Lines are `sl local_address rem_address st …`; addresses are `HEX:PORT`, all in hexadecimal.
fn listed(table: &str, port: u16, wanted: &str) -> usize {
    let is_listed = |line: &&str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let local = words.next().and_then(|local| local.rsplit(':').next());
        let state = words.nth(1);
        local.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port)
            && state == Some(wanted)
    };
    table.lines().skip(1).filter(is_listed).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ports_own_half_open_connections_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 0100007F:1F40 00000000:0000 0A 0:0\n\
            1: 0100007F:1F40 0100007F:AF80 01 0:0\n\
            2: 0100007F:1F40 0100007F:AF81 08 0:0\n\
            3: 0100007F:1F40 0100007F:AF82 06 0:0\n\
            4: 0100007F:AF80 0100007F:1F40 01 0:0\n\
            5: 0100007F:1F40 0100007F:AF83 03 0:0\n";
        assert_eq!(listed(table, 8000, SYN_RECEIVED), 1);
        assert_eq!(listed(table, 44928, SYN_RECEIVED), 0);
        assert_eq!(listed("", 8000, SYN_RECEIVED), 0);
    }
}
