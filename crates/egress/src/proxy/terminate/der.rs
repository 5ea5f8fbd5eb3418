//! As much of DER as certificates need: values are written, and read one behind the other.

const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const LATER_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const TRUE: [u8; 3] = [0x01, 0x01, 0xff];
/// A year that the shorter form of times cannot say.
const LATER: u64 = 2050;

/// Returns a value: its tag, its length, its contents.
pub(super) fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let length = length.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let mut head = vec![tag];
    match length.as_slice() {
        [] => head.push(0),
        [short] if *short < 0x80 => head.push(*short),
        long => {
            // At most eight bytes.
            head.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            head.extend(long);
        }
    }
    head.extend(contents);
    head
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

/// Returns a context's own value, as `[0]` and `[3]` of a certificate.
pub(super) fn tagged(number: u8, contents: &[u8]) -> Vec<u8> {
    value(0xa0 | number, contents)
}

/// Returns a number that is not negative.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = bytes.get(zeros..).unwrap_or_default();
    let is_high = rest.first().is_none_or(|first| *first >= 0x80);
    value(INTEGER, &if is_high { [&[0], rest].concat() } else { rest.to_vec() })
}

pub(super) fn identifier(bytes: &[u8]) -> Vec<u8> {
    value(IDENTIFIER, bytes)
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    value(OCTETS, bytes)
}

/// Returns bits, of which the last so many of the last byte are not there.
pub(super) fn bits(bytes: &[u8], unused: u8) -> Vec<u8> {
    value(BITS, &[&[unused], bytes].concat())
}

/// Returns a name that has one part: the common name.
pub(super) fn common_name(text: &str) -> Vec<u8> {
    let part = sequence(&[&identifier(&[0x55, 0x04, 0x03]), &value(UTF8, text.as_bytes())]);
    value(SEQUENCE, &value(SET, &part))
}

/// Returns an extension of a certificate.
pub(super) fn extension(id: u8, is_critical: Critical, contents: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if is_critical == Critical::Yes { &TRUE } else { &[] };
    sequence(&[&identifier(&[0x55, 0x1d, id]), critical, &octets(contents)])
}

/// Whether a reader who does not know an extension must refuse the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Critical {
    Yes,
    No,
}

/// Returns a true value of an extension.
pub(super) fn truth() -> Vec<u8> {
    TRUE.to_vec()
}

/// Returns a time, given as seconds since 1970.
pub(super) fn time(seconds: u64) -> Vec<u8> {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let clock = format!("{month:02}{day:02}{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
    match year {
        LATER.. => value(LATER_TIME, format!("{year:04}{clock}").as_bytes()),
        _ => value(UTC_TIME, format!("{:02}{clock}", year % 100).as_bytes()),
    }
}

/// Returns year, month and day of a day since 1970. Years begin in March here, so that the odd day is the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (era * 400 + year + u64::from(month <= 2), month, date)
}

/// Takes a value from the front: its tag, its contents, and the whole of it.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
    let all = *bytes;
    let (tag, rest) = all.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum: usize, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((*tag, contents, all.get(..all.len() - rest.len())?))
}
