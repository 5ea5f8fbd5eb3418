//! The sockets of a proxy: made inside, served outside. What a proxy does with them is told by its own tests.

use std::fs;
use std::path::Path;

use crate::runner::Case;
use crate::world::{World, check};

pub(crate) const CASES: &[Case] = &[
    ("doors_lead_out", lead_out),
    ("doors_take_what_knows_no_proxy", captured),
    ("doors_are_all_there_is", alone),
    ("shown_in_the_place_of_files", in_place),
    ("shown_in_hidden_directories", in_hidden),
];

/// Runs a script of bash inside, where there is a proxy.
fn inside(world: &World, script: &str) -> (i32, String) {
    let mut proxied = world.another();
    proxied.spec.proxied = vec!["yes".to_owned()];
    let seen = proxied.run(&["bash", "-c", script]);
    (seen.code, seen.out)
}

fn lead_out(world: &World) {
    let script = "exec 3<>/dev/tcp/127.0.0.1/3128; cat <&3; echo $HTTPS_PROXY $no_proxy";
    let said = "clients 127.0.0.1:3128\nhttp://127.0.0.1:3128 localhost,127.0.0.1,::1";
    assert_eq!(inside(world, script), (0, said.to_owned()));
    // Each connection is somebody's.
    let script = "for i in 1 2 3; do { exec 3<>/dev/tcp/127.0.0.1/3128; cat <&3; } & done; wait";
    assert_eq!(inside(world, script), (0, ["clients 127.0.0.1:3128"; 3].join("\n")));
}

fn captured(world: &World) {
    let script = "for at in 198.18.0.1/80 198.19.255.254/443; do exec 3<>/dev/tcp/$at; cat <&3; done;
        exec 3<>/dev/udp/127.0.0.1/53; echo >&3; head -c 6 <&3; cat /etc/resolv.conf";
    let said = "captured 198.18.0.1:80\ncaptured 198.19.255.254:443\nnames\nnameserver 127.0.0.1";
    assert_eq!(inside(world, script), (0, said.to_owned()));
}

fn alone(world: &World) {
    // Nothing inside has the sockets, or can have them; other ports are the command's own.
    let script = "ls -l /proc/1/fd /proc/self/fd 2>/dev/null | grep -c socket;
        for at in 198.18.0.1/81 93.184.216.34/80 10.0.0.1/443; do (exec 3<>/dev/tcp/$at) 2>/dev/null && echo reached $at; done;
        (exec 3<>/dev/udp/8.8.8.8/53) 2>/dev/null && echo sent; exit 0";
    assert_eq!(inside(world, script), (0, "0".to_owned()));
    // The control: it is the plan that opens them.
    let seen = world.run(&["bash", "-c", "(exec 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null || echo none"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "none"));
}

/// A file of our own is seen where the host has one, and still is when the host's is another.
fn in_place(world: &World) {
    let mut shown = world.another();
    shown.spec.proxied = vec!["yes".to_owned()];
    let place = shown.path("outside/list");
    shown.spec.shown = vec![format!("{place}=ours"), format!("{}=ours", shown.path("outside/none"))];
    for host in ["first", "second", "third"] {
        fs::write(shown.path("outside/new"), host).unwrap();
        fs::rename(shown.path("outside/new"), &place).unwrap();
        check(host, &shown.inside(&["read", &place]).out, &["ok ours"]);
        check(host, &shown.inside(&["write", &place, "evil"]).out, &["EROFS", "EACCES"]);
        assert_eq!(shown.text("outside/list"), host);
    }
    check("where the host has none", &shown.inside(&["read", &shown.path("outside/none")]).out, &["ENOENT"]);
}

/// In a hidden directory nothing is seen but what is shown, whatever the host has there.
fn in_hidden(world: &World) {
    let mut shown = world.another();
    shown.spec.proxied = vec!["yes".to_owned()];
    let (place, deep, other) = ("outside/store/list", "outside/store/deep/down/list", "outside/store/deep/other");
    for file in [place, deep, other] {
        fs::create_dir_all(Path::new(&shown.path(file)).parent().unwrap()).unwrap();
        fs::write(shown.path(file), "secret").unwrap();
        check("control", &shown.outside(&["read", &shown.path(file)]), &["ok secret"]);
    }
    shown.spec.hidden.push(shown.path("outside/store"));
    shown.spec.shown = [place, deep].map(|file| format!("{}=ours", shown.path(file))).to_vec();
    for file in [place, deep] {
        check(file, &shown.inside(&["read", &shown.path(file)]).out, &["ok ours"]);
        for words in [&["write", file, "evil"] as &[&str], &["unlink", file], &["chmod", file]] {
            let words: Vec<String> =
                words.iter().map(|word| if *word == file { shown.path(file) } else { (*word).to_owned() }).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            check(&format!("{words:?}"), &shown.inside(&words).out, &["EROFS", "EACCES", "EBUSY", "EPERM"]);
        }
    }
    check("another", &shown.inside(&["read", &shown.path(other)]).out, &["ENOENT"]);
    let listed = shown.run(&["sh", "-c", "cd ../outside/store && find . -type f | sort && cat deep/down/list"]);
    assert_eq!(listed.out, "./deep/down/list\n./list\nours", "{}", listed.error);
    for file in [place, deep, other] {
        assert_eq!(shown.text(file), "secret");
    }
}
