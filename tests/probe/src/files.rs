//! Attempts on files.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use crate::{Outcome, c, done, returned};

/// Makes a file attempt, if it is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    Some(match *words {
        ["read", path] => read(path),
        ["read-made", path] => {
            let flags = libc::O_CREAT | libc::O_NONBLOCK;
            read_with(path, std::os::unix::fs::OpenOptionsExt::custom_flags(OpenOptions::new().read(true), flags))
        }
        ["list", path] => {
            fs::read_dir(path).map(|all| all.count().to_string()).map_err(|e| e.raw_os_error().unwrap_or(0))
        }
        ["read-write", path] => read_with(path, OpenOptions::new().read(true).write(true)),
        ["read-named", path] => read_named(path, |_| Ok(())),
        ["read-removed", path] => read_named(path, |path| fs::remove_file(path)),
        ["write", path, text] => write(path, text),
        ["append", path, text] => append_to(path, text),
        ["append-fd", number, text] => append_to(&format!("/proc/self/fd/{number}"), text),
        ["write-via-root", path, text] => write(&format!("/proc/self/root{path}"), text),
        ["write-via-thread-root", path, text] => write(&format!("/proc/thread-self/root{path}"), text),
        ["read-via-root", path] => read(&format!("/proc/self/root{path}")),
        ["write-at", directory, name, text] => write_at(directory, name, text),
        ["write-via-symlink", link, target, text] => {
            let _ = std::os::unix::fs::symlink(target, link);
            write(link, text)
        }
        ["unlink", path] => done(fs::remove_file(path)),
        ["mkdir", path] => done(fs::create_dir(path)),
        ["rename", from, to] => done(fs::rename(from, to)),
        ["exchange", from, to] => rename_with(from, to, libc::RENAME_EXCHANGE),
        ["whiteout", from, to] => rename_with(from, to, libc::RENAME_WHITEOUT),
        ["hardlink", from, to] => done(fs::hard_link(from, to)),
        ["link-fd", from, to] => link_fd(from, to),
        ["lease", path] => lease(path),
        ["chmod", path] => done(fs::set_permissions(path, fs::Permissions::from_mode(0o777))),
        ["chown", path] => {
            let path = c(path);
            // SAFETY: a valid string and numbers.
            returned(unsafe { libc::chown(path.as_ptr(), 12345, 12345) }.into())
        }
        ["utimes", path] => {
            let path = c(path);
            // SAFETY: a valid string; a null pointer means now.
            returned(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), std::ptr::null(), 0) }.into())
        }
        ["setxattr", path] => {
            let (path, name) = (c(path), c("user.probe"));
            // SAFETY: valid strings and a value of one byte.
            returned(unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), c"x".as_ptr().cast(), 1, 0) }.into())
        }
        ["truncate", path] => {
            let path = c(path);
            // SAFETY: a valid string and a number.
            returned(unsafe { libc::truncate(path.as_ptr(), 0) }.into())
        }
        ["map-shared", path] => map_shared(path),
        ["mknod", path] => {
            let path = c(path);
            // SAFETY: a valid string and numbers: the null device's.
            returned(unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)) }.into())
        }
        ["mknod-block", path] => {
            let path = c(path);
            // SAFETY: a valid string and numbers.
            returned(unsafe { libc::mknod(path.as_ptr(), libc::S_IFBLK | 0o666, libc::makedev(254, 0)) }.into())
        }
        ["recreate", ancestor, path, text] => recreate(ancestor, path, text),
        ["unnamed-link", directory, to] => unnamed_link(directory, to),
        ["environment", name] => std::env::var(name).map_err(|_| libc::ENOENT),
        ["cwd"] => std::env::current_dir().map(|path| path.display().to_string()).map_err(|_| libc::ENOENT),
        ["descriptors"] => Ok(descriptors()),
        _ => return None,
    })
}

fn read(path: &str) -> Outcome {
    let mut text = String::new();
    let result = fs::File::open(path).and_then(|file| file.take(200).read_to_string(&mut text));
    done(result).map(|_| text.trim().replace(['\n', '\0'], " "))
}

fn read_with(path: &str, how: &OpenOptions) -> Outcome {
    let mut text = String::new();
    done(how.open(path).and_then(|file| file.take(200).read_to_string(&mut text))).map(|_| text.trim().to_owned())
}

/// Opens a file to be named only, does something to its name, and opens what it is then.
fn read_named(path: &str, between: impl Fn(&str) -> std::io::Result<()>) -> Outcome {
    use std::os::unix::fs::OpenOptionsExt;
    let named = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path);
    let named = named.map_err(|error| error.raw_os_error().unwrap_or(0))?;
    done(between(path))?;
    read(&format!("/proc/self/fd/{}", named.as_raw_fd()))
}

fn write(path: &str, text: &str) -> Outcome {
    done(
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes())),
    )
}

fn append_to(path: &str, text: &str) -> Outcome {
    done(OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(text.as_bytes())))
}

fn write_at(directory: &str, name: &str, text: &str) -> Outcome {
    let directory = fs::File::open(directory).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let name = c(name);
    let flags = libc::O_WRONLY | libc::O_CREAT;
    // SAFETY: a valid descriptor and string; the bytes outlive the call.
    unsafe {
        let fd = libc::openat(directory.as_raw_fd(), name.as_ptr(), flags, 0o600);
        if fd < 0 {
            return Err(crate::errno());
        }
        returned(libc::write(fd, text.as_ptr().cast(), text.len()) as i64)
    }
}

fn rename_with(from: &str, to: &str, flags: u32) -> Outcome {
    let (from, to) = (c(from), c(to));
    // SAFETY: valid strings and numbers.
    returned(unsafe {
        libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags)
    })
}

/// Has a lease on a file for three seconds: whoever opens it waits.
fn lease(path: &str) -> Outcome {
    let file =
        OpenOptions::new().read(true).write(true).open(path).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    // SAFETY: plain numbers and a valid descriptor.
    let leased = unsafe {
        libc::signal(libc::SIGIO, libc::SIG_IGN);
        libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK)
    };
    returned(leased.into())?;
    std::thread::sleep(std::time::Duration::from_secs(3));
    Ok(String::new())
}

fn link_fd(from: &str, to: &str) -> Outcome {
    let file = fs::File::open(from).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let (from, to) = (c(&format!("/proc/self/fd/{}", file.as_raw_fd())), c(to));
    // SAFETY: valid strings and numbers.
    returned(
        unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::AT_SYMLINK_FOLLOW) }
            .into(),
    )
}

/// Makes a file without a name in one directory, and gives it a name in another.
fn unnamed_link(directory: &str, to: &str) -> Outcome {
    let (directory, to) = (c(directory), c(to));
    // SAFETY: valid strings and numbers; the descriptor is the one just opened.
    unsafe {
        let fd = libc::open(directory.as_ptr(), libc::O_TMPFILE | libc::O_WRONLY, 0o600);
        if fd < 0 {
            return Err(crate::errno());
        }
        libc::write(fd, c"evil".as_ptr().cast(), 4);
        let from = c(&format!("/proc/self/fd/{fd}"));
        returned(
            libc::linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::AT_SYMLINK_FOLLOW).into(),
        )
    }
}

fn map_shared(path: &str) -> Outcome {
    let file = fs::File::open(path).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping of one page of a valid descriptor; nothing is written through it unless the
    // kernel allowed it.
    unsafe {
        let at = libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_SHARED, file.as_raw_fd(), 0);
        if at == libc::MAP_FAILED {
            return Err(crate::errno());
        }
        at.cast::<u8>().write(b'X');
    }
    Ok(String::new())
}

/// Renames a directory above a held path away, makes another in its place, and writes the held name.
fn recreate(ancestor: &str, path: &str, text: &str) -> Outcome {
    done(fs::rename(ancestor, format!("{ancestor}-away")))?;
    let parent = std::path::Path::new(path).parent().ok_or(libc::EINVAL)?;
    done(fs::create_dir_all(parent))?;
    write(path, text)
}

fn descriptors() -> String {
    let numbers = (0..1024).filter(|number| {
        // SAFETY: takes numbers only.
        unsafe { libc::fcntl(*number, libc::F_GETFD) >= 0 }
    });
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}
