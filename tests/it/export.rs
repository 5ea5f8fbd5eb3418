//! `palisade sandbox export`: files, refusals, and forms that can be tried without their tool.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{Scene, User, each_user, is_root};

#[test]
fn files_are_written_once_and_losses_are_told() {
    each_user(|scene| {
        let out = scene.directory("out");
        let call = || scene.palisade(["sandbox", "export", "devcontainer", "--output", &scene.text("out")]).run();
        let written = call();
        assert_eq!((written.code, written.stdout.as_str()), (0, ""), "{written:#?}");
        assert!(written.stderr.contains("weaker: tier: "), "{written:#?}");
        for (name, mode) in
            [("devcontainer.json", 0o644), ("firewall.sh", 0o755), ("start.sh", 0o755), ("palisade", 0o755)]
        {
            let found = out.join(".devcontainer").join(name).metadata().unwrap().permissions().mode();
            assert_eq!(found & 0o555, mode & 0o555, "{name}");
        }
        let version = scene.call(vec![out.join(".devcontainer/palisade").into(), "--version".into()]).run();
        assert_eq!(version.code, 0, "{version:#?}");
        let before = scene.read("out/.devcontainer/firewall.sh");
        let again = call();
        assert_eq!(again.code, 6, "{again:#?}");
        assert!(again.stderr.contains("is there already: nothing is written"), "{again:#?}");
        assert_eq!(scene.read("out/.devcontainer/firewall.sh"), before);
        assert!(!scene.exists("home/.local/state/palisade/journal"), "nothing is recorded");
    });
}

#[test]
fn no_link_is_written_through_and_nothing_half_is_left() {
    each_user(|scene| {
        scene.directory("out");
        scene.directory("elsewhere");
        let link = scene.path("out/.devcontainer");
        std::os::unix::fs::symlink(scene.path("elsewhere"), &link).unwrap();
        let call = || scene.palisade(["sandbox", "export", "devcontainer", "--output", &scene.text("out")]).run();
        let refused = call();
        assert_eq!(refused.code, 6, "{refused:#?}");
        assert!(refused.stderr.contains("is below a link, which is not followed"), "{refused:#?}");
        assert!(!scene.exists("elsewhere/devcontainer.json"));
        std::fs::remove_file(link).unwrap();

        // A write ends where a file may have no more than a few bytes: the program is the last of them, and too long.
        let line = format!(
            "ulimit -f 64; trap '' XFSZ; exec {} sandbox export devcontainer --output {}",
            scene.program(),
            scene.text("out")
        );
        let failed = scene.bash(&line).run();
        assert_eq!(failed.code, 6, "{failed:#?}");
        assert!(!scene.exists("out/.devcontainer"), "{failed:#?}");
        assert_eq!(call().code, 0);
    });
}

#[test]
fn what_a_form_cannot_say_is_refused() {
    each_user(|scene| {
        scene.write("project/odd[1]*", "secret\n");
        scene.settings(&json!({"permissions": {"deny": ["Read(odd*)"]}}));
        for (tool, code) in [("srt", 0), ("dockerfile", 0), ("seatbelt", 0), ("codex", 6), ("firejail", 6)] {
            let found = scene.palisade(["sandbox", "export", tool]).run();
            assert_eq!((found.code, found.stdout.is_empty()), (code, code != 0), "{found:#?}");
            assert!(code == 0 || found.stderr.contains("cannot say `"), "{found:#?}");
        }
        let closed = scene.palisade(["sandbox", "export", "firejail", "--profile", "closed"]).run();
        assert_eq!((closed.code, closed.stdout.as_str()), (6, ""), "{closed:#?}");
        scene.settings(&json!({"permissions": {"deny": ["Bash"]}}));
        assert_eq!(scene.palisade(["sandbox", "export", "srt"]).run().code, 3);
    });
}

/// A stand-in for `docker` says which words it got: a name cannot be more than one, nor another.
#[test]
fn every_word_reaches_docker_as_it_is_meant() {
    each_user(|scene| {
        let odd = "odd 'name' \"quoted\", $(touch made) `touch made`";
        scene.write(&format!("project/{odd}"), "secret\n");
        scene.settings(&json!({"permissions": {"deny": ["Read(odd*)"]}}));
        let exported = scene.palisade(["sandbox", "export", "dockerfile", "--output", &scene.text("")]).run();
        assert_eq!(exported.code, 0, "{exported:#?}");
        scene.script("bin/docker", "printf '%s\\n' \"$@\"");
        let path = format!("{}:/usr/bin:/bin", scene.text("bin"));
        let run = vec![scene.path("run.sh").into(), "image".into(), "a b".into(), "$x".into()];
        let said = scene.call(run).env("PATH", path).run();
        assert_eq!(said.code, 0, "{said:#?}");
        let project = scene.text("project");
        let target = format!("target={project}/{odd}").replace('"', "\"\"");
        let words: Vec<&str> = said.stdout.lines().collect();
        for wanted in [
            format!("type=bind,source=/dev/null,\"{target}\",readonly"),
            format!("type=bind,source={project},target={project}"),
            format!("{}:{}", scene.uid(), scene.uid()),
        ] {
            assert!(words.contains(&wanted.as_str()), "{wanted}\n{said:#?}");
        }
        assert_eq!(words[words.len() - 3..], ["image", "a b", "$x"], "{said:#?}");
        assert!(!scene.exists("project/made") && !scene.exists("made"));
    });
}

/// Two namespaces with a cable between them: hosts on the one side, the container's firewall on the other.
const WIRE: &str = r#"
set -e
trap 'kill $(jobs -p) 2> /dev/null' EXIT
ip link set lo up
unshare --net sleep 60 & hosts=$!
until [ "$(readlink /proc/$hosts/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
ip link add inner type veth peer name outer netns $hosts
ip address add 45.0.2.1/24 dev inner && ip link set inner up && ip route add default via 45.0.2.2
far() { nsenter --net=/proc/$hosts/ns/net "$@"; }
far ip link set lo up; far ip link set outer up
for address in 45.0.2.2/24 45.0.2.3/24 45.0.2.53/24 10.9.8.7/32; do far ip address add $address dev outer; done
far python3 serve.py &
until [ -e ready ]; do sleep 0.02; done
printf '127.0.0.1 localhost\n45.0.2.2 allowed.example\n45.0.2.3 other.example\n10.9.8.7 inner.example\n' > hosts
printf 'nameserver 45.0.2.53\n' > resolv
mount --bind hosts /etc/hosts; mount --bind resolv /etc/resolv.conf
python3 reach.py before
sh out/.devcontainer/firewall.sh
python3 reach.py after
"#;

const SERVE: &str = "
import socket, select
wanted = [('45.0.2.2', 443), ('45.0.2.2', 22), ('45.0.2.3', 443), ('10.9.8.7', 443), ('10.9.8.7', 8443)]
servers = [socket.create_server(where) for where in wanted]
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(('45.0.2.53', 53))
open('ready', 'w').close()
while True:
    for ready in select.select(servers + [names], [], [])[0]:
        if ready is names:
            data, who = names.recvfrom(512)
            names.sendto(data, who)
        else:
            ready.accept()[0].close()
";

const REACH: &str = "
import socket, sys
def tcp(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return 'yes'
    except OSError:
        return 'no'
def name():
    try:
        asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asked.settimeout(1)
        asked.sendto(b'x', ('45.0.2.53', 53))
        asked.recv(512)
        return 'yes'
    except OSError:
        return 'no'
own = socket.create_server(('127.0.0.1', 0))
print(sys.argv[1], 'allowed', tcp('allowed.example', 443), 'port', tcp('allowed.example', 22), 'other', tcp('45.0.2.3', 443),
      'inner', tcp('inner.example', 443), 'named', tcp('10.9.8.7', 8443), 'names', name(), 'own', tcp(*own.getsockname()))
";

#[test]
fn the_container_reaches_what_rules_allow_and_nothing_else() {
    let scene = Scene::new(User::Own);
    let needs = scene
        .bash("command -v nft && command -v ip && command -v python3")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    if needs.run().code != 0 {
        println!("SKIPPED: nft, ip or python3 is not installed");
        return;
    }
    scene.settings(&json!({"sandbox": {"network": {"allowedDomains": ["allowed.example:443", "gone.example", "inner.example", "10.9.8.7:8443"]}}}));
    let exported = scene.palisade(["sandbox", "export", "devcontainer", "--output", &scene.text("project/out")]).run();
    assert_eq!(exported.code, 0, "{exported:#?}");
    scene.write("project/serve.py", SERVE);
    scene.write("project/reach.py", REACH);
    scene.write("project/wire.sh", WIRE);
    let user = if is_root() { "" } else { "--user --map-root-user " };
    let line = format!("exec unshare {user}--net --mount --propagation private bash wire.sh");
    let found = scene.bash(&line).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").run();
    if found.stderr.contains("Operation not supported") || found.stderr.contains("unshare failed") {
        println!("SKIPPED: no such namespace or table can be made here: {}", found.stderr);
        return;
    }
    let expected = "before allowed yes port yes other yes inner yes named yes names yes own yes\nafter allowed yes port no other no inner no named yes names no own yes\n";
    assert_eq!(found.stdout, expected, "{found:#?}");
    assert!(found.stderr.contains("firewall: gone.example has no address and stays closed"), "{found:#?}");
}
