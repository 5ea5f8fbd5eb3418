//! The table where some Unix sockets lead out: streams can be made, and every connection is the broker's to make.
//!
//! A stream takes no address with what it sends, so that connecting is the one way to somewhere by path. No file that is a
//! socket can be made inside: Landlock grants that nowhere.

use super::table::{self, Case, Row, SOCKET_CASES as OTHERS, STREAM, TYPE, Test, UNIX, Verdict, case, low, masked};

const STREAMS: Case = case(&[low(0, Test::Is, UNIX), masked(1, TYPE, Test::Is, STREAM)], Verdict::Allow);
const CONNECTED: &[Case] = &[case(&[], Verdict::Act)];

/// The rows that stand in place of the table's.
const ROWS: [Row; 2] = [
    Row { number: libc::SYS_socket, name: "SYS_socket", cases: WITH_STREAMS },
    Row { number: libc::SYS_connect, name: "SYS_connect", cases: CONNECTED },
];

/// The table's cases behind the one that lets streams be made.
const WITH_STREAMS: &[Case] = {
    const ALL: [Case; 8] = {
        let [first, second, third, fourth, fifth, sixth, last] = OTHERS;
        [STREAMS, first, second, third, fourth, fifth, sixth, last]
    };
    &ALL
};

fn row(number: i64) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.number == number)
}

/// Returns the table's rows with these in their place.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    table::rows().map(|other| row(other.number).unwrap_or(other))
}

/// Returns what a call gets.
pub(crate) fn verdict(number: i32, arguments: &[u64; 6]) -> Verdict {
    match row(number.into()) {
        Some(row) => row.verdict(arguments),
        None => table::verdict(number, arguments),
    }
}
