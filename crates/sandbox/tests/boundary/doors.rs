//! The sockets of a proxy: made inside, served outside. What a proxy does with them is told by its own tests.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::runner::Case;
use crate::world::{World, check};

pub(crate) const CASES: &[Case] = &[
    ("doors_lead_out", lead_out),
    ("doors_take_what_knows_no_proxy", captured),
    ("doors_are_all_there_is", alone),
    ("doors_with_a_path", with_a_path),
    ("doors_with_a_path_and_no_other", no_other_path),
    ("doors_to_one_port", to_one_port),
    ("doors_to_servers_inside", to_servers_inside),
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

/// Returns the same world with a socket of the host at each of these paths, and these doors.
fn with_sockets(world: &World, hatches: &[&str], sockets: &[&str]) -> (World, Vec<UnixListener>) {
    let mut named = world.another();
    named.spec.proxied = vec!["yes".to_owned()];
    let listeners = sockets.iter().map(|name| UnixListener::bind(named.path(name)).unwrap()).collect();
    named.spec.hatches = hatches.iter().map(|name| named.path(name)).collect();
    (named, listeners)
}

/// Row 109 for sockets that a person named: what is behind their path is ours, and leads where its server wants.
fn with_a_path(world: &World) {
    let sockets = ["outside/named", "project/own"];
    let (mut named, listeners) = with_sockets(world, &sockets, &sockets);
    named.spec.hatches.push("/run/palisade/agent".to_owned());
    named.spec.hatches.push("/run/deep/er/socket".to_owned());
    let (outside, own) = (named.path("outside/named"), named.path("project/own"));
    let paths = [
        &outside,
        &own,
        "/run/palisade/agent",
        "/run/deep/er/socket",
        "/var/run/deep/er/socket",
        "own",
        "./src/../own",
    ];
    for (path, number) in paths.into_iter().zip([0, 1, 2, 3, 3, 1, 1]) {
        check(path, &named.inside(&["unix-hear", path]).out, &[&format!("ok hatch {number}")]);
    }
    // The host's own heard nothing.
    for listener in &listeners {
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
    }
    // The control: they can be reached.
    check("control", &named.outside(&["unix-connect", &outside]), &["ok"]);
    assert!(listeners[0].accept().is_ok());
    // Neither of them can be put elsewhere or replaced.
    let script = format!("mv {own} other; rm -f {own}; ln {own} other; ls other; exit 0");
    assert_eq!(named.run(&["bash", "-c", &script]).out, "");
}

fn no_other_path(world: &World) {
    let all = ["outside/named", "outside/other", "project/other"];
    let (named, listeners) = with_sockets(world, &["outside/named"], &all);
    let (outside, other, own) = (named.path("outside/named"), named.path("outside/other"), named.path("project/other"));
    let script = format!("ln -s {other} link; ln {own} hard; cp -a {other} copy; mv other moved; exit 0");
    named.run(&["bash", "-c", &script]);
    for path in
        [other.as_str(), "link", "hard", "moved", "project/other", "@palisade-probe", "/proc/self/root/dev/null"]
    {
        let refused = ["EACCES", "ENOENT", "ECONNREFUSED"];
        check(path, &named.inside(&["unix-connect", path]).out, &refused);
    }
    let heard = named.inside(&["unix-race", &outside, &other]).out;
    assert_eq!(heard, "ok hatch 0");
    check("datagrams", &named.inside(&["pair-sendto", &other, "evil"]).out, &["EPERM"]);
    check("a server", &named.inside(&["unix-bind", "server"]).out, &["EACCES"]);
    for listener in &listeners {
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
    }
    // The control: all of them can be reached.
    check("control", &named.outside(&["unix-connect", &other]), &["ok"]);
    assert!(listeners[1].accept().is_ok());
    // Without a door with a path there is no Unix socket at all.
    let mut none = world.another();
    none.spec.proxied = vec!["yes".to_owned()];
    check("none", &none.inside(&["unix-connect", &outside]).out, &["EPERM"]);
}

fn to_one_port(world: &World) {
    let mut named = world.another();
    named.spec.proxied = vec!["yes".to_owned()];
    named.spec.hatches = vec!["5432".to_owned(), "6000".to_owned()];
    let script = "for port in 5432 6000; do exec 3<>/dev/tcp/127.0.0.1/$port; cat <&3; done;
        (exec 3<>/dev/tcp/198.18.0.1/5432) 2>/dev/null && echo reached; (exec 3<>/dev/tcp/127.0.0.1/5433) 2>/dev/null && echo reached; exit 0";
    let seen = named.run(&["bash", "-c", script]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "hatch 0\nhatch 1"));
}

fn to_servers_inside(world: &World) {
    let mut named = world.another();
    named.spec.proxied = vec!["yes".to_owned()];
    named.spec.hatches = vec!["calls".to_owned()];
    let seen = named.inside(&["tcp-serve-once", "127.0.0.1:7000"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "ok called"));
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
