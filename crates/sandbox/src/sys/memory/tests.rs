#![expect(clippy::disallowed_methods, reason = "a test reads its own process")]

use std::os::fd::AsFd;

use super::Way;

fn read(way: Way, address: u64, length: usize) -> Result<Vec<u8>, Option<i32>> {
    let proc = std::fs::File::open("/proc").unwrap();
    let mut buffer = vec![0; length];
    let pid = i32::try_from(std::process::id()).unwrap();
    let read = way.read(proc.as_fd(), pid, address, &mut buffer).map_err(|error| error.raw_os_error())?;
    buffer.truncate(read);
    Ok(buffer)
}

/// Returns where this process's stack ends; nothing lies behind it.
fn end_of_stack() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
    u64::from_str_radix(line.split(['-', ' ']).nth(1).unwrap(), 16).unwrap()
}

#[test]
fn both_ways_read_the_same() {
    let text = vec![b'x'; 10_000];
    let address = u64::try_from(text.as_ptr().addr()).unwrap();
    for way in Way::ALL {
        assert_eq!(read(way, address, text.len()), Ok(text.clone()), "{way:?}");
    }
}

#[test]
fn both_ways_end_where_nothing_is() {
    let end = end_of_stack();
    for way in Way::ALL {
        assert_eq!(read(way, end - 8, 16).map(|read| read.len()), Ok(8), "{way:?}");
        for address in [0, 8, end, u64::MAX - 8, 1 << 63] {
            assert_eq!(read(way, address, 8), Err(Some(libc::EFAULT)), "{way:?} {address:x}");
        }
    }
}
