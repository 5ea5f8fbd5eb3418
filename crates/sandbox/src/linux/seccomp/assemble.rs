//! The table as a program for the kernel.

use super::table::{Case, Condition, Half, NEWEST, Row, Test, Verdict, X32, rows};
use super::{closed, named};
use crate::sys::filter::Instruction;

/// Whether a supervisor is there to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Refused calls and addresses go to the supervisor, who answers.
    Supervisor,
    /// The same, and openings for reading too.
    SupervisorOfReads,
    /// Refused calls fail at once.
    Nobody,
}

#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the filter's table covers x86-64 and aarch64");
#[cfg(target_endian = "big")]
compile_error!("the filter reads arguments as little-endian");

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_BITS: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Rows that are tried one after the other at the end of the search.
const ROWS_IN_LINE: usize = 3;

const NUMBER: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Returns the program, in this order:
///
/// 1. kill on another architecture;
/// 2. kill on x32, but not on the number -1, which a tracer leaves behind;
/// 3. no such call above the newest known number;
/// 4. search the table's rows by halves: the kernel tries every number once when it takes the program,
///    and a search from end to end would be a tenth of the start-up;
/// 5. allow what is in no row.
pub(crate) fn assemble(telling: Telling) -> Vec<Instruction> {
    assemble_rows(rows(), telling)
}

/// Returns the program for a broker where there are no namespaces.
pub(crate) fn assemble_brokered(telling: Telling) -> Vec<Instruction> {
    assemble_rows(closed::brokered(), telling)
}

/// Returns the program for a broker that makes connections to named Unix sockets.
pub(crate) fn assemble_named(telling: Telling) -> Vec<Instruction> {
    assemble_rows(named::rows(), telling)
}

fn assemble_rows(rows: impl Iterator<Item = &'static Row>, telling: Telling) -> Vec<Instruction> {
    let mut program = vec![
        plain(LOAD, ARCHITECTURE_OFFSET),
        jump(JUMP_EQUAL, ARCHITECTURE, 1, 0),
        plain(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        plain(LOAD, NUMBER),
        jump(JUMP_EQUAL, u32::MAX, 2, 0),
        jump(JUMP_BITS, X32, 0, 1),
        plain(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        jump(JUMP_GREATER, NEWEST, 0, 1),
        plain(RETURN, action(Verdict::Quiet(libc::ENOSYS), telling)),
    ];
    program.extend(search(rows, telling));
    program
}

/// Returns the program of what is refused besides where there are no namespaces. Other architectures are the
/// first program's matter.
pub(crate) fn assemble_closed(telling: Telling) -> Vec<Instruction> {
    let mut program = vec![plain(LOAD, NUMBER)];
    program.extend(search(closed::rows(telling), Telling::Nobody));
    program
}

fn search(rows: impl Iterator<Item = &'static Row>, telling: Telling) -> Vec<Instruction> {
    let mut sorted: Vec<&Row> = rows.collect();
    sorted.sort_by_key(|row| row.number);
    search_block(&sorted, telling)
}

/// Returns the search among sorted rows; each way through it returns.
fn search_block(sorted: &[&Row], telling: Telling) -> Vec<Instruction> {
    let (left, right) = sorted.split_at(sorted.len() / 2);
    let (Some(last), true) = (left.last(), sorted.len() > ROWS_IN_LINE) else {
        let mut block: Vec<Instruction> = sorted.iter().flat_map(|row| row_block(row, telling)).collect();
        block.push(plain(RETURN, libc::SECCOMP_RET_ALLOW));
        return block;
    };
    let left = search_block(left, telling);
    // A conditional jump reaches 255 instructions, the other one any number.
    let past = u32::try_from(left.len()).unwrap_or(u32::MAX);
    let mut block = vec![jump(JUMP_GREATER, low_word(last.number), 0, 1), plain(JUMP, past)];
    block.extend(left);
    block.extend(search_block(right, telling));
    block
}

fn row_block(row: &Row, telling: Telling) -> Vec<Instruction> {
    let mut block: Vec<Instruction> = row.cases.iter().flat_map(|case| case_block(case, telling)).collect();
    if row.cases.iter().all(|case| !case.conditions.is_empty()) {
        block.push(plain(RETURN, libc::SECCOMP_RET_ALLOW));
    }
    let mut whole = vec![jump(JUMP_EQUAL, low_word(row.number), 0, distance(block.len()))];
    whole.append(&mut block);
    whole
}

/// Returns the conditions, each of which jumps past the case when it does not hold, and the verdict.
fn case_block(case: &Case, telling: Telling) -> Vec<Instruction> {
    let mut block = vec![plain(RETURN, action(case.verdict, telling))];
    for condition in case.conditions.iter().rev() {
        let mut checked = condition_block(condition, distance(block.len()));
        checked.append(&mut block);
        block = checked;
    }
    block
}

fn condition_block(condition: &Condition, past: u8) -> Vec<Instruction> {
    let half = match condition.half {
        Half::Low => 0,
        Half::High => 4,
    };
    let mut block = vec![plain(LOAD, ARGUMENTS + 8 * u32::from(condition.argument) + half)];
    if condition.mask != u32::MAX {
        block.push(plain(AND, condition.mask));
    }
    block.push(match condition.test {
        Test::Is => jump(JUMP_EQUAL, condition.value, 0, past),
        Test::IsNot => jump(JUMP_EQUAL, condition.value, past, 0),
    });
    block
}

fn action(verdict: Verdict, telling: Telling) -> u32 {
    let errno = |errno: i32| libc::SECCOMP_RET_ERRNO | (errno.cast_unsigned() & libc::SECCOMP_RET_DATA);
    match (verdict, telling) {
        (Verdict::Allow, _)
        | (Verdict::Look | Verdict::Act | Verdict::Check | Verdict::Apart(_), Telling::Nobody)
        | (Verdict::Check, Telling::Supervisor) => libc::SECCOMP_RET_ALLOW,
        (Verdict::Quiet(number) | Verdict::Apart(number), _) | (Verdict::Tell(number), Telling::Nobody) => {
            errno(number)
        }
        (Verdict::Tell(_) | Verdict::Look | Verdict::Act, Telling::Supervisor | Telling::SupervisorOfReads)
        | (Verdict::Check, Telling::SupervisorOfReads) => libc::SECCOMP_RET_USER_NOTIF,
    }
}

fn plain(code: u16, operand: u32) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: 0, operand }
}

fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code, jump_true, jump_false, operand }
}

/// A block longer than a jump reaches would be a broken table; the tests run every row and measure it.
fn distance(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn low_word(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
