//! A development container: nothing is reached but what the rules allow by name, nobody in it is root, and Palisade is inside.

use std::net::IpAddr;

use policy::AbsPath;
use policy::network::address::{Reach, Surroundings, closed_blocks};
use policy::network::host::{Host, HostPattern};
use serde_json::json;

use super::docker::{limits, mounts, of_containers};
use super::loss::{comments, of_all, stricter, weaker};
use super::quote::{Inexpressible, mount};
use super::view::View;
use super::{Export, File, Loss};

const FORM: &str = "devcontainer";
/// Where the project is inside.
const WORKSPACE: &str = "/workspace";
/// The folder that is opened.
const FOLDER: &str = "${localWorkspaceFolder}";

const DOCKERFILE: &str = r#"# Written by `palisade sandbox export devcontainer`: add what your builds need; the user and the entry point stay.
ARG BASE=debian:stable-slim
FROM ${BASE}
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bash ca-certificates git mawk nftables util-linux \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 --shell /bin/bash dev
COPY palisade /usr/local/bin/palisade
COPY firewall.sh start.sh /usr/local/sbin/
RUN chmod 0755 /usr/local/bin/palisade /usr/local/sbin/firewall.sh /usr/local/sbin/start.sh
ENTRYPOINT ["/usr/local/sbin/start.sh"]
"#;

const START: &str = r#"#!/bin/sh
# Written by `palisade sandbox export devcontainer`. Without the firewall nothing starts.
set -eu
/usr/local/sbin/firewall.sh
exec setpriv --reuid=dev --regid=dev --init-groups --no-new-privs sleep infinity
"#;

const RULES: &str = r#"nft -f - <<'RULES'
table inet palisade
delete table inet palisade
table inet palisade {
  set named4 { type ipv4_addr . inet_service; }
  set named6 { type ipv6_addr . inet_service; }
  set closed4 { type ipv4_addr; flags interval; }
  set closed6 { type ipv6_addr; flags interval; }
  set allowed4 { type ipv4_addr . inet_service; }
  set allowed6 { type ipv6_addr . inet_service; }
  set resolvers4 { type ipv4_addr; }
  set resolvers6 { type ipv6_addr; }
  chain input {
    type filter hook input priority 0; policy drop;
    iif "lo" accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
  }
  chain denied {
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
  }
  chain output {
    type filter hook output priority 0; policy drop;
    ip daddr @resolvers4 meta l4proto { tcp, udp } accept
    ip6 daddr @resolvers6 meta l4proto { tcp, udp } accept
    ip daddr 127.0.0.11 drop
    oif "lo" accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
    jump denied
    ip daddr . tcp dport @named4 accept
    ip6 daddr . tcp dport @named6 accept
    ip daddr @closed4 reject
    ip6 daddr @closed6 reject
    ip6 daddr & ::fdff:ffff:0:0 == ::5efe:0:0 reject
    ip daddr . tcp dport @allowed4 accept
    ip6 daddr . tcp dport @allowed6 accept
    reject
  }
}
RULES

# Names are looked up now, once: nobody inside can ask a server for names, nor by that tell one anything.
awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf | while read -r address; do
  case $address in
    *:*) nft add element inet palisade resolvers6 "{ $address }" ;;
    *) nft add element inet palisade resolvers4 "{ $address }" ;;
  esac
done

# allow NAME PORT...
allow() {
  name=$1
  shift
  addresses=$(getent ahosts "$name" | awk '$2 == "STREAM" { print $1 }' | sort -u)
  if [ -z "$addresses" ]; then
    echo "firewall: $name has no address and stays closed" >&2
    return 0
  fi
  for address in $addresses; do
    case $address in
      127.* | 169.254.* | 0.* | ::1 | fe80:* | *%*) continue ;;
      *:*) family=6 ;;
      *) family=4 ;;
    esac
    for port in "$@"; do
      nft add element inet palisade "allowed$family" "{ $address . $port }"
    done
    printf '%s %s\n' "$address" "$name" >> /etc/hosts
  done
}
"#;

pub(super) fn export(view: &View<'_>) -> Result<Export, Inexpressible> {
    let mut losses = of_all(view);
    losses.extend(of_containers(view));
    losses.extend([
        weaker("tier", "Palisade inside has Landlock and seccomp, and no namespaces where the container refuses them"),
        weaker(
            "editor",
            "an editor that opens it may bring the machine's sockets and credentials in, such as those of ssh and git",
        ),
        weaker("user-settings", "settings of the user's own and an administrator's are not inside: the project's are"),
    ]);
    let closed = closed(view)?;
    let hosts = hosts(view, &mut losses);
    if !hosts.is_empty() {
        losses.extend([
            weaker(
                "hosts-by-address",
                "another host behind the address of an allowed one is reached as well, and no name is checked; a public address may be \
                 this machine's",
            ),
            stricter(
                "addresses",
                "names are looked up when the container starts: an address that changes is closed until then",
            ),
        ]);
    }
    let lost = comments("#", &losses);
    let firewall = format!(
        "#!/bin/sh\n# Written by `palisade sandbox export devcontainer`: do not edit, export again.\n# Closes everything, then opens the \
         hosts that the rules allow.\n#\n# What is lost:\n{lost}set -eu\n\n{RULES}\n{closed}{hosts}\nnft flush set inet palisade resolvers4\nnft \
         flush set inet palisade resolvers6\n"
    );
    let value = json!({
        "name": "palisade",
        "build": {"dockerfile": "Dockerfile"},
        "workspaceMount": format!("type=bind,source={FOLDER},target={WORKSPACE}"),
        "workspaceFolder": WORKSPACE,
        "mounts": workspace_mounts(view)?,
        "overrideCommand": false,
        "containerUser": "root",
        "remoteUser": "dev",
        "capAdd": ["NET_ADMIN", "SETUID", "SETGID"],
        "securityOpt": ["no-new-privileges"],
        "runArgs": run_arguments(view),
    });
    let lost = comments("//", &losses);
    let text = format!(
        "// Written by `palisade sandbox export devcontainer`: do not edit, export again.\n// The program `palisade` lies beside this file \
         and is copied into the image.\n//\n// What is lost:\n{lost}{value:#}\n"
    );
    let files = vec![
        File::plain(".devcontainer/devcontainer.json", text),
        File::plain(".devcontainer/Dockerfile", DOCKERFILE.to_owned()),
        File::program(".devcontainer/firewall.sh", firewall),
        File::program(".devcontainer/start.sh", START.to_owned()),
        File::plain(".devcontainer/.gitignore", "/palisade\n".to_owned()),
    ];
    Ok(Export { files, losses })
}

fn run_arguments(view: &View<'_>) -> Vec<String> {
    let limits = limits(view).into_iter().map(|(name, value)| format!("{name}={value}"));
    std::iter::once("--cap-drop=ALL".to_owned()).chain(limits).collect()
}

/// Returns the mounts in and beside the project, which is mounted by itself.
fn workspace_mounts(view: &View<'_>) -> Result<Vec<String>, Inexpressible> {
    let paths = view.writable().chain(view.read_only().map(|(path, _)| path));
    let paths = paths.chain(view.hidden().flat_map(|(path, parts, _)| std::iter::once(path).chain(parts)));
    if let Some(path) = paths.into_iter().find(|path| path.as_str().contains("${")) {
        return Err(Inexpressible::new(FORM, path.as_str(), "`${` begins a variable in this file"));
    }
    // The variable's value is put in afterwards, and nothing quotes it.
    if view.project.as_str().contains(|letter: char| matches!(letter, ',' | '"') || letter.is_control()) {
        let why = "the name of the folder is put into a mount as it is, and would begin another field";
        return Err(Inexpressible::new(FORM, view.project.as_str(), why));
    }
    let place = |path: &AbsPath| match path.below(view.project) {
        Some("") => (FOLDER.to_owned(), WORKSPACE.to_owned()),
        Some(below) => (format!("{FOLDER}/{below}"), format!("{WORKSPACE}/{below}")),
        None => (path.to_string(), path.to_string()),
    };
    let project = mount(FORM, &[("type", "bind"), ("source", FOLDER), ("target", WORKSPACE)])?;
    Ok(mounts(FORM, view, &place)?.into_iter().filter(|mount| *mount != project).collect())
}

/// Returns the lines that close what the policy refuses by its address, whatever name leads there.
fn closed(view: &View<'_>) -> Result<String, Inexpressible> {
    let blocks = closed_blocks();
    let elements = |is_four: bool| {
        let own = blocks.iter().filter(|(block, _)| block.is_ipv4() == is_four);
        own.map(|(block, bits)| format!("{block}/{bits}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "# Private networks, metadata services and this machine, whatever name leads there.\nnft add element inet palisade closed4 '{{ {} \
         }}'\nnft add element inet palisade closed6 '{{ {} }}'\n",
        elements(true),
        elements(false)
    );
    for place in view.denied() {
        match &place.pattern {
            HostPattern::Address(address) => {
                let port = place.port.map_or(String::new(), |port| format!(" tcp dport {port}"));
                text.push_str(&format!(
                    "nft add rule inet palisade denied {} daddr {address}{port} reject\n",
                    version(*address)
                ));
            }
            HostPattern::Any => {}
            HostPattern::Below(_) | HostPattern::Labels(_) if may_be_address(&place.pattern) => {
                let why = "the firewall has no pattern of addresses";
                return Err(Inexpressible::new(FORM, place.pattern.to_string(), why));
            }
            HostPattern::Below(_) | HostPattern::Labels(_) => {}
        }
    }
    Ok(text + "\n")
}

/// Returns the word of a firewall's rule for an address' version.
fn version(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}

/// Returns true for a pattern of names that an address could match.
fn may_be_address(pattern: &HostPattern) -> bool {
    let text = pattern.to_string();
    text.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '*' | '.'))
}

/// Returns the lines that open an address that rules name, though it be no public one.
fn named(address: IpAddr, ports: &[u16]) -> String {
    let family = if address.is_ipv4() { 4 } else { 6 };
    let line = |port: &u16| format!("nft add element inet palisade named{family} '{{ {address} . {port} }}'\n");
    match Surroundings::default().reach(address) {
        Reach::Public | Reach::Private | Reach::Link | Reach::Metadata => ports.iter().map(line).collect(),
        // The policy lets nobody there either.
        Reach::Nowhere | Reach::Machine => String::new(),
    }
}

/// Returns the lines that open hosts.
fn hosts(view: &View<'_>, losses: &mut Vec<Loss>) -> String {
    let mut names: Vec<(String, Vec<u16>)> = Vec::new();
    for (pattern, port) in view.allowed() {
        let name = match pattern {
            HostPattern::Address(address) => address.to_string(),
            HostPattern::Labels(labels) if !labels.iter().any(|label| label.contains('*')) => labels.join("."),
            HostPattern::Any | HostPattern::Below(_) | HostPattern::Labels(_) => {
                losses.push(stricter(
                    "hosts",
                    format!("`{pattern}:{port}` is left out: the firewall knows addresses, not patterns"),
                ));
                continue;
            }
        };
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, ports)) => ports.push(port),
            None => names.push((name, vec![port])),
        }
    }
    let mut text = String::new();
    for (name, ports) in names {
        let host = Host::parse_bare(&name);
        let is_denied =
            view.denied().iter().any(|place| host.as_ref().map_or(true, |host| place.pattern.tightens(host)));
        if is_denied {
            losses.push(stricter(
                "hosts",
                format!("`{name}` is left out: another rule denies it, at some port at least"),
            ));
            continue;
        }
        if let Some(address) = host.ok().and_then(|host| host.as_address()) {
            text.push_str(&named(address, &ports));
            continue;
        }
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        text.push_str(&format!("allow {name} {}\n", ports.join(" ")));
    }
    text
}
