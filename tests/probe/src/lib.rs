//! The hostile child: tries one forbidden thing and says what came of it.
//!
//! `probe <attempt> [arguments]` prints one line: `ok`, `ok <detail>`, or the error's name. It exits
//! with 0 when the attempt worked, 1 when it did not, and 2 for an attempt that it does not know. What
//! counts is the effect on the host, which the test looks at itself.
//!
//! It uses the kernel directly where a library would be in the way, hence the unsafe code.

#![expect(clippy::disallowed_methods, reason = "it is the adversary")]

mod container;
mod files;
mod holder;
mod kernel;
mod processes;
mod resources;
mod sockets;

/// What came of an attempt.
pub(crate) type Outcome = Result<String, i32>;

/// Makes the attempt that the arguments name, prints the outcome, and returns the exit code.
pub fn main(args: &[String]) -> i32 {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some(outcome) = attempt(&words) else {
        println!("no such attempt");
        return 2;
    };
    match &outcome {
        Ok(detail) if detail.is_empty() => println!("ok"),
        Ok(detail) => println!("ok {detail}"),
        Err(errno) => println!("{}", name(*errno)),
    }
    i32::from(outcome.is_err())
}

/// Makes the attempt that the words name, if there is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    let families = [
        container::attempt,
        files::attempt,
        holder::attempt,
        processes::attempt,
        kernel::attempt,
        sockets::attempt,
        resources::attempt,
    ];
    families.iter().find_map(|family| family(words))
}

/// Returns the outcome of a call that returns -1 on failure.
pub(crate) fn returned(value: i64) -> Outcome {
    if value < 0 { Err(errno()) } else { Ok(String::new()) }
}

/// Returns the last error number.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Returns the outcome of a library call.
pub(crate) fn done<T>(result: std::io::Result<T>) -> Outcome {
    result.map(|_| String::new()).map_err(|error| error.raw_os_error().unwrap_or(0))
}

/// Returns a NUL-terminated string.
pub(crate) fn c(text: &str) -> std::ffi::CString {
    std::ffi::CString::new(text).unwrap_or_default()
}

/// Reads a number.
pub(crate) fn number(text: &str) -> i64 {
    text.parse().unwrap_or(-1)
}

fn name(errno: i32) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::EACCES, "EACCES"),
        (libc::EROFS, "EROFS"),
        (libc::ENOENT, "ENOENT"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::EBUSY, "EBUSY"),
        (libc::EXDEV, "EXDEV"),
        (libc::ESRCH, "ESRCH"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENODEV, "ENODEV"),
        (libc::ENXIO, "ENXIO"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::EBADF, "EBADF"),
        (libc::ENETUNREACH, "ENETUNREACH"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
        (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
        (libc::EISCONN, "EISCONN"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::ENOTDIR, "ENOTDIR"),
        (libc::ELOOP, "ELOOP"),
        (libc::EFAULT, "EFAULT"),
        (libc::EEXIST, "EEXIST"),
        (libc::ENOTEMPTY, "ENOTEMPTY"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::ENOSPC, "ENOSPC"),
        (libc::EMFILE, "EMFILE"),
        (libc::EFBIG, "EFBIG"),
    ];
    known.iter().find(|(number, _)| *number == errno).map_or(format!("errno {errno}"), |(_, name)| (*name).to_owned())
}
