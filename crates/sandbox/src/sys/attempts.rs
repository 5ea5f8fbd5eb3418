//! System calls that are tried because they should be refused.

use std::io;

/// Tries a call with numbers and null pointers.
pub(crate) fn call(number: libc::c_long, arguments: [libc::c_long; 4]) -> io::Result<()> {
    let [first, second, third, fourth] = arguments;
    // SAFETY: whoever calls passes numbers of a table in which every pointer is null: the kernel takes that or refuses it.
    // Safe wrappers want arguments with which the call could succeed.
    #[expect(unsafe_code, reason = "calls that nobody else makes")]
    let result = unsafe { libc::syscall(number, first, second, third, fourth, 0_u64) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Becomes the tracer of a process, which goes on.
pub(crate) fn trace(pid: rustix::process::Pid) -> io::Result<()> {
    // SAFETY: takes numbers and null pointers. There is no safe wrapper.
    #[expect(unsafe_code, reason = "ptrace")]
    let result = unsafe {
        let null = std::ptr::null_mut::<u8>();
        libc::ptrace(libc::PTRACE_SEIZE, pid.as_raw_nonzero().get(), null, null)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
