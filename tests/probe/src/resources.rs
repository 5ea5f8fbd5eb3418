//! Attempts to take more than there is for one command. Every one is bounded by itself, so that it does no harm where
//! nothing holds it.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::{Outcome, errno, number};

/// Makes an attempt to take much, if it is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    Some(match *words {
        ["fork-many", count] => fork_many(number(count)),
        ["thread-many", count] => thread_many(number(count)),
        ["take-private", mebibytes] => take(number(mebibytes), libc::MAP_PRIVATE),
        ["take-shared", mebibytes] => take(number(mebibytes), libc::MAP_SHARED),
        ["take-many", processes, mebibytes] => take_many(number(processes), number(mebibytes)),
        ["fill", path, mebibytes] => fill(path, number(mebibytes)),
        ["open-many", count] => open_many(number(count)),
        ["spin", milliseconds] => spin(Duration::from_millis(number(milliseconds) as u64)),
        ["spin-two", milliseconds] => spin_two(Duration::from_millis(number(milliseconds) as u64)),
        ["print", bytes] => print(number(bytes)),
        ["raise"] => raise(),
        ["outstay", path] => outstay(path),
        _ => return None,
    })
}

/// Forks children that wait, and says how many there could be at once.
fn fork_many(count: i64) -> Outcome {
    let mut children = Vec::new();
    for _ in 0..count {
        // SAFETY: this program has one thread; the child only waits.
        match unsafe { libc::fork() } {
            -1 => break,
            0 => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
            pid => children.push(pid),
        }
    }
    let made = children.len();
    for pid in children {
        // SAFETY: a child of ours that nobody has waited for.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
    }
    Ok(made.to_string())
}

/// Starts threads that wait, and says how many there could be at once.
fn thread_many(count: i64) -> Outcome {
    let builder = || std::thread::Builder::new().stack_size(64 * 1024);
    let parked = |_| builder().spawn(|| std::thread::sleep(Duration::from_secs(60))).ok();
    Ok((0..count).map_while(parked).count().to_string())
}

/// Takes memory and touches every page of it.
fn take(mebibytes: i64, kind: i32) -> Outcome {
    let length = (mebibytes as usize) << 20;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping of our own, written within its length.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), length, access, kind | libc::MAP_ANONYMOUS, -1, 0);
        if start == libc::MAP_FAILED {
            return Err(errno());
        }
        for offset in (0..length).step_by(4096) {
            start.cast::<u8>().add(offset).write_volatile(1);
        }
        libc::munmap(start, length);
    }
    Ok(String::new())
}

/// Has several processes take memory at once.
fn take_many(processes: i64, mebibytes: i64) -> Outcome {
    let mut children = Vec::new();
    for _ in 0..processes {
        // SAFETY: this program has one thread.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let code = i32::from(take(mebibytes, libc::MAP_PRIVATE).is_err());
            std::thread::sleep(Duration::from_millis(300));
            std::process::exit(code);
        }
        children.push(pid);
    }
    let failed = children.into_iter().filter(|pid| {
        let mut status = 0;
        // SAFETY: a child of ours; the status is valid for the call.
        unsafe { libc::waitpid(*pid, &raw mut status, 0) };
        status != 0
    });
    Ok(format!("{} failed", failed.count()))
}

/// Writes a file of so many mebibytes, says how many it came to, and removes it.
fn fill(path: &str, mebibytes: i64) -> Outcome {
    let mut file = std::fs::File::create(path).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let block = vec![1_u8; 1 << 20];
    let mut written = 0;
    // What cannot be written is to be an error and not a signal.
    // SAFETY: `SIG_IGN` installs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let result = (0..mebibytes).try_for_each(|_| file.write_all(&block).map(|()| written += 1));
    let end = result
        .err()
        .and_then(|error| error.raw_os_error())
        .map_or(String::new(), |code| format!(" {}", crate::name(code)));
    let _ = std::fs::remove_file(path);
    Ok(format!("{written}{end}"))
}

fn open_many(count: i64) -> Outcome {
    let files: Vec<_> = (0..count).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
    Ok(files.last().map_or(0, AsRawFd::as_raw_fd).to_string())
}

fn spin(time: Duration) -> Outcome {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
    Ok(String::new())
}

/// Spins in two processes for a while, and says how many milliseconds of a processor both had.
fn spin_two(time: Duration) -> Outcome {
    // SAFETY: this program has one thread; the child spins and ends; the numbers are valid for the calls.
    unsafe {
        let pid = libc::fork();
        let _ = spin(time);
        if pid == 0 {
            libc::_exit(0);
        }
        libc::waitpid(pid, std::ptr::null_mut(), 0);
        let spent = [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(|who| {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(who, &raw mut usage);
            usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000
        });
        Ok(spent.iter().sum::<i64>().to_string())
    }
}

fn print(bytes: i64) -> Outcome {
    let block = [b'x'; 4096];
    let mut out = std::io::stdout().lock();
    let mut left = bytes as usize;
    while left > 0 {
        let length = left.min(block.len());
        out.write_all(&block[..length]).map_err(|error| error.raw_os_error().unwrap_or(0))?;
        left -= length;
    }
    Ok(String::new())
}

/// Raises its own limits.
fn raise() -> Outcome {
    let mut worst = String::new();
    for resource in [libc::RLIMIT_DATA, libc::RLIMIT_NPROC, libc::RLIMIT_CPU, libc::RLIMIT_NOFILE, libc::RLIMIT_FSIZE] {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the structure is valid for both calls.
        let result = unsafe {
            libc::getrlimit(resource, &raw mut limit);
            limit.rlim_max += 1;
            libc::setrlimit(resource, &raw const limit)
        };
        worst.push_str(if result < 0 { "-" } else { "+" });
    }
    Ok(worst)
}

/// Takes no notice of being asked to end, and goes on writing.
fn outstay(path: &str) -> Outcome {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: `SIG_IGN` installs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    for turn in 0..600 {
        let _ = std::fs::write(path, turn.to_string());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(String::new())
}
