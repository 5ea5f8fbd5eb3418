use super::{Ability, Fact, Fault, Finding, Machine, TierFinding, Version};
use crate::tier::Tier;

fn machine(possible: &[Tier]) -> Machine {
    let fault = Fault {
        errno: Some(1),
        name: "EPERM".to_owned(),
        why: "a filter that was there before refuses it, as in a container".to_owned(),
        fix: Some("docker run --security-opt seccomp=unconfined ...".to_owned()),
    };
    let tier = |tier| TierFinding {
        tier,
        is_possible: possible.contains(&tier),
        lacks: if possible.contains(&tier) { Vec::new() } else { vec![Ability::UserNamespace, Ability::Loopback] },
    };
    Machine {
        findings: vec![
            Finding { ability: Ability::UserNamespace, detail: String::new(), fault: Some(fault) },
            Finding { ability: Ability::Landlock, detail: "version 7".to_owned(), fault: None },
            Finding { ability: Ability::Seccomp, detail: String::new(), fault: None },
        ],
        facts: vec![Fact { name: "kernel", value: "6.1.0".to_owned() }],
        tiers: Tier::ALL.into_iter().map(tier).collect(),
    }
}

#[test]
fn text_says_the_tier_the_reason_and_the_fix() {
    let expected = "\
tier bubblewrap: namespaces and mounts by bubblewrap, Landlock and seccomp

tiers, the best first
  full                  lacks user-namespace, loopback
  bubblewrap            possible
  landlock              possible

tried
  user-namespace        EPERM: a filter that was there before refuses it, as in a container
                        what helps: docker run --security-opt seccomp=unconfined ...
  landlock              works version 7
  seccomp               works

seen
  kernel                6.1.0

missing in this tier
  mount-propagation     what the host mounts later appears inside, where Landlock keeps it from being written
";
    assert_eq!(machine(&[Tier::Bubblewrap, Tier::Landlock]).render(), expected);
    let none = machine(&[]).render();
    assert!(none.starts_with("no tier: `palisade run` refuses every command on this machine\n"), "{none}");
}

#[test]
fn the_best_possible_tier_is_the_one() {
    assert_eq!(machine(&Tier::ALL).tier(), Some(Tier::Full));
    assert_eq!(machine(&[Tier::Landlock]).tier(), Some(Tier::Landlock));
    assert_eq!(machine(&[]).tier(), None);
}

#[test]
fn names_and_versions_read_back() {
    for ability in Ability::ALL {
        assert_eq!(Ability::parse(ability.name()), Some(*ability));
    }
    for (line, expected) in [
        ("bubblewrap 0.8.0\n", Some(Version(0, 8, 0))),
        ("bubblewrap 0.11", Some(Version(0, 11, 0))),
        ("bubblewrap 0.12.1-rc2", Some(Version(0, 12, 1))),
        ("bubblewrap 1", None),
        ("bubblewrap", None),
        ("", None),
    ] {
        assert_eq!(Version::parse(line), expected, "{line}");
    }
}
