use policy::AbsPath;
use policy::controls::Network;

use super::{with_hatches, with_network};
use crate::plan::{Hatch, Plan, Root, Shown};
use crate::tier::Tier;

fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap()
}

/// Returns what is left of a plan with an agent's socket, a file for it and other files, and what is told.
fn left(tier: Tier, brokered: bool, others: &[&str]) -> String {
    let shown = |name: &&str| Shown { path: path(name), content: Vec::new(), why: String::new() };
    let plan = Plan {
        steps: Vec::new(),
        cwd: path("/p"),
        home: path("/h"),
        project: path("/p"),
        bounds: Vec::new(),
        checks_reads: false,
        root: Root::Host,
        variables: vec![("SSH_AUTH_SOCK".to_owned(), "/run/palisade/ssh-agent".to_owned())],
        network: Network::Proxied { captured: Vec::new() },
        shown: others.iter().chain(&["/run/palisade/ssh_known_hosts"]).map(shown).collect(),
        for_hatches: 1,
        hatches: vec![Hatch::Path(path("/run/palisade/ssh-agent")), Hatch::Calls],
    };
    let (plan, first) = with_hatches(plan, tier, brokered);
    let (plan, second) = with_network(plan, tier);
    let told: Vec<String> = first.into_iter().chain(second).map(|missing| missing.what).collect();
    let network = if plan.network == Network::None { "nothing" } else { "the proxy" };
    format!(
        "{network}, {} files, {} hatches, {} variables; told: {}",
        plan.shown.len(),
        plan.hatches.len(),
        plan.variables.len(),
        told.join(" ")
    )
}

#[test]
fn a_tier_without_hatches_keeps_the_proxy_where_it_can() {
    assert_eq!(left(Tier::Full, true, &[]), "the proxy, 1 files, 2 hatches, 1 variables; told: ");
    assert_eq!(left(Tier::Full, false, &["/a"]), "the proxy, 1 files, 0 hatches, 0 variables; told: hatches");
    assert_eq!(
        left(Tier::Bubblewrap, true, &[]),
        "the proxy, 0 files, 0 hatches, 0 variables; told: hatches egress-capture"
    );
    assert_eq!(left(Tier::Bubblewrap, true, &["/a"]), "nothing, 0 files, 0 hatches, 0 variables; told: hatches egress");
    assert_eq!(left(Tier::Landlock, true, &[]), "nothing, 0 files, 0 hatches, 0 variables; told: hatches egress");
}
