//! Rows 2, 9-12, 15-32, 37, 40, 49, 53, 54, 96, 97, 121-123: interfaces of the kernel.

use crate::runner::Case;
use crate::world::{World, check, check_control, is_contained};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("kernel_calls", calls),
    ("kernel_files_closed", closed),
    ("kernel_files_read_only", read_only),
    ("kernel_foreign_architectures_kill", foreign),
    ("kernel_unknown_calls_do_not_exist", unknown),
    ("kernel_devices", devices),
    ("kernel_no_privileges", no_privileges),
    ("kernel_own_memory", own_memory),
    ("kernel_queues_and_memory_of_the_host", shared),
    ("kernel_landlock_inside", landlock_inside),
];

/// Row 185: a domain that is made inside would not bound what the broker does for those in it.
fn landlock_inside(world: &World) {
    check("inside", &world.inside(&["landlock"]).out, &["EOPNOTSUPP"]);
    check("control", &world.outside(&["landlock"]), &["ok"]);
}

/// What an attempt does outside, where it can be tried without harm.
#[derive(Clone, Copy)]
enum Control {
    /// One of these.
    Is(&'static [&'static str]),
    /// It depends on the user or would do harm.
    Skip,
}

use Control::{Is, Skip};

/// Row, attempt, what it must say inside, what it says outside.
type Try = (u16, &'static [&'static str], &'static [&'static str], Control);

const CALLS: &[Try] = &[
    (2, &["traceme"], &["EPERM"], Is(&["ok"])),
    (15, &["unshare", "268435456"], &["EPERM"], Is(&["ok"])),
    (15, &["unshare", "131072"], &["EPERM"], Skip),
    (15, &["unshare", "128"], &["EPERM"], Skip),
    (15, &["clone", "268435456"], &["EPERM"], Is(&["ok"])),
    (15, &["clone", "0"], &["ok"], Is(&["ok"])),
    (16, &["clone3"], &["ENOSYS"], Is(&["EINVAL"])),
    (17, &["setns", "/proc/self/ns/net"], &["EPERM"], Skip),
    (17, &["setns", "/proc/1/ns/net"], &["EACCES"], Skip),
    (18, &["mount", "/tmp"], &["EPERM"], Skip),
    (18, &["umount", "/tmp"], &["EPERM"], Skip),
    (18, &["umount", ".git/hooks"], &["EPERM"], Skip),
    (18, &["remount-rw", ".git/hooks"], &["EPERM"], Skip),
    (19, &["open-tree", "/"], &["EPERM"], Skip),
    (19, &["move-mount"], &["EPERM"], Skip),
    (19, &["fsopen"], &["EPERM"], Skip),
    (19, &["fsmount"], &["EPERM"], Skip),
    (19, &["fspick", "/"], &["EPERM"], Skip),
    (19, &["fsconfig"], &["EPERM"], Is(&["EINVAL"])),
    (20, &["mount-setattr", "/"], &["EPERM"], Skip),
    (20, &["open-tree-attr"], &["EPERM"], Skip),
    (21, &["pivot-root"], &["EPERM"], Skip),
    (21, &["chroot", "/tmp"], &["EPERM"], Skip),
    (22, &["statmount"], &["ENOSYS"], Is(&["EFAULT"])),
    (22, &["listmount"], &["ENOSYS"], Is(&["EFAULT"])),
    (23, &["bpf"], &["EPERM"], Skip),
    (24, &["perf"], &["EPERM"], Skip),
    (25, &["userfaultfd"], &["EPERM"], Is(&["ok"])),
    (26, &["io-uring"], &["ENOSYS"], Is(&["ok"])),
    (27, &["keyctl"], &["EPERM"], Is(&["ok"])),
    (27, &["add-key"], &["EPERM"], Skip),
    (27, &["request-key"], &["EPERM"], Skip),
    (28, &["init-module"], &["EPERM"], Skip),
    (28, &["kexec"], &["EPERM"], Skip),
    (28, &["swapon"], &["EPERM"], Skip),
    (28, &["acct"], &["EPERM"], Skip),
    (28, &["syslog"], &["EPERM"], Skip),
    (28, &["set-clock"], &["EPERM"], Skip),
    (28, &["sethostname"], &["EPERM"], Skip),
    (28, &["vhangup"], &["EPERM"], Skip),
    (29, &["personality", "4294967295"], &["ok"], Is(&["ok"])),
    (29, &["personality", "0"], &["ok"], Is(&["ok"])),
    (29, &["personality", "262144"], &["EPERM"], Is(&["ok"])),
    (29, &["personality", "4194304"], &["EPERM"], Is(&["ok"])),
    (40, &["memfd-exec"], &["ok"], Is(&["ok"])),
    (49, &["listener"], &["EBUSY"], Skip),
    (54, &["mknod", "made"], &["EPERM", "EACCES"], Skip),
    (54, &["mknod-block", "made"], &["EPERM", "EACCES"], Skip),
    (55, &["device-ioctl", "/dev/random", "0x5206"], &["EPERM", "EACCES"], Skip), // RNDCLEARPOOL
    (55, &["device-ioctl", "/dev/urandom", "0x40045201"], &["EPERM", "EACCES"], Skip), // RNDADDTOENTCNT
    (55, &["device-ioctl", "/dev/zero", "0x5412"], &["EPERM"], Is(&["ENOTTY"])),
    // Keys of the file system: taken away, the user's other programs lose their files.
    (55, &["ioctl-file", "src/lib.rs", "3226494487"], &["EPERM"], Is(&["ENOTTY", "EOPNOTSUPP", "EINVAL"])),
    (55, &["ioctl-file", "src/lib.rs", "3225445912"], &["EPERM"], Is(&["ENOTTY", "EOPNOTSUPP", "EINVAL"])),
    (96, &["open-by-handle", "/"], &["EPERM"], Skip),
    (96, &["name-to-handle", "/"], &["EPERM"], Is(&["ok"])),
    (97, &["fanotify"], &["EPERM"], Skip),
    (121, &["socket", "40", "1", "0"], &["EAFNOSUPPORT"], Skip),
    (122, &["socket", "16", "3", "0"], &["ok"], Is(&["ok"])),
    (122, &["socket", "16", "3", "9"], &["EPERM"], Skip),
    (122, &["socket", "16", "3", "15"], &["EPERM"], Is(&["ok"])),
    (123, &["socket", "17", "3", "768"], &["EAFNOSUPPORT"], Skip),
    (123, &["socket", "38", "5", "0"], &["EAFNOSUPPORT"], Skip),
    (123, &["socket", "44", "3", "0"], &["EAFNOSUPPORT"], Skip),
    (123, &["socket", "2", "3", "1"], &["EPERM"], Skip),
    (123, &["socket", "2", "1", "132"], &["EPROTONOSUPPORT"], Skip),
    (123, &["socket", "2", "1", "0"], &["ok"], Is(&["ok"])),
];

fn calls(world: &World) {
    for (row, words, inside, outside) in CALLS {
        // Without a network of its own no socket can be made at all.
        let refused: &[&str] = match (world.tier, words[0]) {
            (Tier::Landlock, "socket") => &["EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"],
            _ => inside,
        };
        let found = world.inside(words).out;
        // A call that the container's filter does not know ends there: nobody else is asked.
        if is_contained() && found == "ENOSYS" {
            println!("row {row} inside, {words:?}: NOT TESTED: the container around this program refuses it");
        } else {
            check(&format!("row {row} inside, {words:?}"), &found, refused);
        }
        if let Is(expected) = outside {
            check_control(&format!("row {row} outside, {words:?}"), first(&world.outside(words)), expected);
        }
    }
    let seen = world.inside(&["ptrace", "1"]);
    check("row 1, init", &seen.out, &["EPERM"]);
    let is_told = seen.report.contains("\"what\": \"ptrace\"");
    assert!(is_told, "told: {}", seen.report);
}

fn first(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// Rows 11, 12.
fn closed(world: &World) {
    for path in ["/proc/kcore", "/proc/kallsyms", "/proc/keys", "/proc/timer_list", "/proc/sysrq-trigger"] {
        if std::path::Path::new(path).exists() {
            check(path, &world.inside(&["read", path]).out, &["EACCES"]);
        }
    }
    for path in ["/sys/firmware", "/sys/fs/cgroup", "/proc/bus", "/sys/class/net"] {
        if std::path::Path::new(path).exists() {
            check(path, &world.inside(&["list", path]).out, &["EACCES"]);
        }
    }
}

/// Rows 9, 10.
fn read_only(world: &World) {
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/self/oom_score_adj"] {
        check(path, &world.inside(&["write", path, "x"]).out, &["EROFS", "EACCES"]);
    }
    check("/sys", &world.inside(&["write", "/sys/kernel/mm/ksm/run", "0"]).out, &["EROFS", "EACCES", "ENOENT"]);
    check("/dev", &world.inside(&["write", "/dev/made", "x"]).out, &["EROFS", "EACCES"]);
    check("/proc is not made", &world.inside(&["mkdir", "/proc/made"]).out, &["EROFS", "EACCES", "ENOENT"]);
}

/// Rows 30, 31. 159 is 128 and `SIGSYS`.
fn foreign(world: &World) {
    if cfg!(target_arch = "x86_64") {
        assert_eq!(world.inside(&["int80-socket"]).code, 159);
        check("row 30 outside", &world.outside(&["int80-socket"]), &["ok", "ENOSYS"]);
        assert_eq!(world.inside(&["x32", "39"]).code, 159);
        check("row 31 outside", &world.outside(&["x32", "39"]), &["ok", "ENOSYS"]);
    }
}

/// Row 32.
fn unknown(world: &World) {
    for number in ["470", "471", "500", "1000", "-1"] {
        check(number, &world.inside(&["call", number]).out, &["ENOSYS"]);
    }
}

/// Row 53.
fn devices(world: &World) {
    let seen = world.run(&["ls", "/dev"]);
    let expected = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero";
    // Bubblewrap makes a link to `/proc/kcore`, which is closed.
    let names: Vec<&str> = seen.out.split_whitespace().filter(|name| *name != "core").collect();
    assert_eq!(names.join(" "), expected);
    for path in ["/dev/kvm", "/dev/fuse", "/dev/mem", "/dev/vda"] {
        check(path, &world.inside(&["read", path]).out, &["ENOENT"]);
    }
}

/// Rows 37, 38.
fn no_privileges(world: &World) {
    let none = "0000000000000000";
    let seen = world.inside(&["capabilities"]).out;
    let (before, after) = seen.split_once("CapBnd:").unwrap();
    assert_eq!(before, format!("ok CapInh:{none} CapPrm:{none} CapEff:{none} "));
    let (bounding, ambient) = after.split_once(' ').unwrap();
    assert_eq!(ambient, format!("CapAmb:{none}"));
    // An ordinary user has no right to lower the bounding set without a user namespace, and needs none: no
    // program can gain a privilege.
    let is_left = world.tier == Tier::Landlock && !rustix::process::geteuid().is_root();
    assert!(is_left || bounding == none, "{bounding}");
    assert_eq!(world.inside(&["no-new-privileges"]).out, "ok NoNewPrivs:1");
    check("setgroups", &world.inside(&["setgroups"]).out, &["EPERM"]);
    if !rustix::process::geteuid().is_root() {
        check("setuid", &world.inside(&["setuid"]).out, &["EPERM", "EINVAL"]);
    }
}

/// Rows 7, 106: memory of one's own, as a file.
fn own_memory(world: &World) {
    let canary = world.path("outside/canary");
    check("mem", &world.inside(&["own-memory", &canary]).out, &["EROFS", "EACCES"]);
    // Even where it works only the copy in memory changes.
    check("mem outside", &world.outside(&["own-memory", &canary]), &["ok d"]);
    assert_eq!(world.text("outside/canary"), "alive");
    check("clear_refs", &world.inside(&["write", "/proc/self/clear_refs", "1"]).out, &["EROFS", "EACCES"]);
    check("pagemap", &world.inside(&["page-frame"]).out, &["ok none", "EPERM", "EACCES"]);
    // A container's root lacks the right to be told.
    if rustix::process::geteuid().is_root() && !is_contained() {
        check("pagemap outside", &world.outside(&["page-frame"]), &["ok told"]);
    }
}

/// Row 92.
fn shared(world: &World) {
    let key = std::process::id().to_string();
    let name = format!("palisade-probe-{key}");
    for (kind, what) in [("shm", &key), ("queue", &name)] {
        let [make, find, remove] = ["make", "find", "remove"].map(|verb| format!("{kind}-{verb}"));
        check(&make, &world.outside(&[&make, what]), &["ok"]);
        let (inside, outside) = (world.inside(&[&find, what]).out, world.outside(&[&find, what]));
        let removed = world.outside(&[&remove, what]);
        check(&find, &inside, &["ENOENT"]);
        check(&find, &outside, &["ok"]);
        check(&remove, &removed, &["ok"]);
    }
}
