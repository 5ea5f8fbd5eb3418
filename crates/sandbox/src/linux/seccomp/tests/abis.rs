//! Every number of a call, on every architecture that a kernel tells a filter.

use super::super::assemble::{ARCHITECTURE, Telling, assemble};
use super::super::table::{NEWEST, X32};
use super::{Data, expected, interpret};

/// `AUDIT_ARCH_*` of `linux/audit.h`, by name. i386 is what `int 0x80` makes of a 64-bit program, and what
/// the x32 architecture is to a filter is x86-64 with a bit in the number.
const ARCHITECTURES: [(&str, u32); 14] = [
    ("x86-64", 0xc000_003e),
    ("i386", 0x4000_0003),
    ("aarch64", 0xc000_00b7),
    ("arm", 0x4000_0028),
    ("arm, big-endian", 0x0000_0028),
    ("riscv64", 0xc000_00f3),
    ("riscv32", 0x4000_00f3),
    ("s390x", 0x8000_0016),
    ("s390", 0x0000_0016),
    ("ppc64le", 0xc000_0015),
    ("ppc64", 0x8000_0015),
    ("mips64el, n32", 0xe000_0008),
    ("loongarch64", 0xc000_0102),
    ("none", 0),
];

/// Numbers below this are all tried, alone and with each of the bits above.
const NUMBERS: u32 = 1 << 16;
const BITS_ABOVE: [u32; 5] = [0, X32, 1 << 31, X32 | 1 << 31, 1 << 16];

/// Returns every small number with every bit above it, and the edges of all the others.
fn numbers() -> impl Iterator<Item = u32> {
    let small = BITS_ABOVE.into_iter().flat_map(|bits| (0..NUMBERS).map(move |number| bits | number));
    let edges = (0..32).flat_map(|bit| [1_u32 << bit, (1 << bit) - 1, !(1 << bit), (1 << bit) | NEWEST]);
    small.chain(edges).chain([u32::MAX, u32::MAX - 1])
}

const ARGUMENTS: [[u64; 6]; 3] = [[0; 6], [u64::MAX; 6], [2, 1, 6, 0, 1, 0]];

#[test]
fn every_number_on_our_architecture_gets_what_the_table_says() {
    for telling in [Telling::Supervisor, Telling::Nobody] {
        let program = assemble(telling);
        for number in numbers() {
            for arguments in ARGUMENTS {
                let found = interpret(&program, &Data { number, architecture: ARCHITECTURE, arguments });
                // A tracer leaves -1 behind for a call that is not to be made.
                let is_x32 = number & X32 != 0 && number != u32::MAX;
                let wanted =
                    if is_x32 { libc::SECCOMP_RET_KILL_PROCESS } else { expected(number, &arguments, telling) };
                assert_eq!(found, wanted, "call {number:#x} {arguments:x?}");
            }
        }
    }
}

#[test]
fn every_number_on_another_architecture_is_killed() {
    assert!(ARCHITECTURES.iter().any(|(_, architecture)| *architecture == ARCHITECTURE));
    let one_bit_off = (0..32).map(|bit| ("one bit off", ARCHITECTURE ^ (1 << bit)));
    for telling in [Telling::Supervisor, Telling::Nobody] {
        let program = assemble(telling);
        let others = ARCHITECTURES.into_iter().filter(|(_, architecture)| *architecture != ARCHITECTURE);
        for (name, architecture) in others.chain(one_bit_off.clone()) {
            for number in (0..=NEWEST + 64).chain(numbers().step_by(97)) {
                let found = interpret(&program, &Data { number, architecture, arguments: [0; 6] });
                assert_eq!(found, libc::SECCOMP_RET_KILL_PROCESS, "{name}, call {number:#x}");
            }
        }
    }
}
