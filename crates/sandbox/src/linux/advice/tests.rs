use super::{Failure, Host, cannot_hold, fix};
use crate::error::Step;

/// Renders the advice for a step, an error number and what the host is like.
fn check(step: Step, errno: i32, host: &str, expected: &str) {
    let host = Host {
        apparmor_restricts: host.contains("apparmor"),
        clone_forbidden: host.contains("clone"),
        none_allowed: host.contains("none"),
        is_filtered: host.contains("filter"),
        is_inside: host.contains("inside"),
        program: "/usr/bin/palisade".to_owned(),
        release: "5.4.0".to_owned(),
    };
    assert_eq!(fix(step, errno, &host).unwrap_or_default(), expected);
}

#[test]
fn each_refusal_has_its_one_command() {
    let refused = libc::EPERM;
    let inside = "run the command as it is: this is the inside of a boundary already";
    check(Step::UserNamespace, refused, "inside filter", inside);
    check(Step::UserNamespace, refused, "none", "sudo sysctl -w user.max_user_namespaces=15000");
    check(Step::UserNamespace, libc::ENOSPC, "", "sudo sysctl -w user.max_user_namespaces=15000");
    check(Step::UserNamespace, refused, "clone", "sudo sysctl -w kernel.unprivileged_userns_clone=1");
    check(
        Step::UserNamespace,
        refused,
        "filter",
        "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
         --security-opt systempaths=unconfined ...",
    );
    check(
        Step::UserMap,
        libc::EACCES,
        "apparmor",
        "printf 'abi <abi/4.0>,\\nprofile palisade \"/usr/bin/palisade\" flags=(unconfined) {\\n  userns,\\n}\\n' | \
         sudo tee /etc/apparmor.d/palisade && sudo apparmor_parser -r /etc/apparmor.d/palisade",
    );
    check(Step::Proc, refused, "", "docker run --security-opt systempaths=unconfined ...");
    check(Step::ReadOnlyRoot, libc::ENOSYS, "", "upgrade the kernel to Linux 5.13 or newer (this is 5.4.0)");
    check(
        Step::LandlockRules,
        libc::EOPNOTSUPP,
        "",
        "boot with `landlock` in the kernel's `lsm=` list, for example `lsm=landlock,lockdown,yama,integrity,apparmor`",
    );
    check(Step::Hide, libc::ELOOP, "apparmor", "");
    check(Step::UserNamespace, refused, "", "");
}

#[test]
fn step_names_read_back() {
    for step in Step::ALL {
        assert_eq!(Step::parse(step.name()), Some(*step));
    }
}

#[test]
fn why_nothing_is_held_ready() {
    let said = |errno| cannot_hold(&Failure { step: Step::Template, path: None, errno }).to_string();
    let filtered = "no boundaries can be held ready: a filter of system calls is in force here, as in a container, and \
                    nobody can see whether it is that of a command that asks; commands run without a holder as well, and \
                    one can be started outside of the filter for commands outside of it";
    assert_eq!(said(libc::EOPNOTSUPP), filtered);
    assert_eq!(said(libc::ESRCH), "no boundaries can be held ready: there is no process of the owner's number");
    assert_eq!(said(libc::EMFILE), "no boundaries can be held ready: Too many open files (os error 24)");
}
