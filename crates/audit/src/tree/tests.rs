use super::{Digest, Frontier, leaf, node, root};

/// The leaves of the Certificate Transparency test suite.
const LEAVES: [&[u8]; 8] = [
    b"",
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];

/// Their roots for the sizes 0 to 8.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// RFC 6962, section 2.1, as it is written there.
fn naive(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [one] => *one,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node(naive(&leaves[..split]), naive(&leaves[split..]))
        }
    }
}

#[test]
fn roots_are_those_of_the_transparency_test_suite() {
    let leaves: Vec<Digest> = LEAVES.iter().map(|bytes| leaf(bytes)).collect();
    let roots: Vec<String> = (0..=8).map(|size| root(leaves[..size].iter().copied()).hex()).collect();
    assert_eq!(roots, ROOTS);
}

#[test]
fn every_size_has_the_root_of_the_definition() {
    let leaves: Vec<Digest> = (0..300u32).map(|number| leaf(&number.to_be_bytes())).collect();
    let mut frontier = Frontier::default();
    for size in 0..leaves.len() {
        assert_eq!(frontier.root(), naive(&leaves[..size]), "size {size}");
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(Frontier::from_parts(size as u64, frontier.peaks().to_vec()), Some(frontier.clone()));
        assert_eq!(Frontier::from_parts(size as u64 + 1, frontier.peaks().to_vec()).is_some(), {
            (size + 1).count_ones() == size.count_ones()
        });
        frontier = frontier.with(leaves[size]);
    }
}

#[test]
fn a_digest_has_one_text() {
    let digest = leaf(b"x");
    assert_eq!(Digest::from_hex(digest.hex().as_bytes()), Some(digest));
    assert_eq!(Digest::from_base64(digest.base64().as_bytes()), Some(digest));
    assert_eq!(Digest::from_hex(digest.hex().to_uppercase().as_bytes()), None);
    assert_eq!(Digest::from_hex(&digest.hex().as_bytes()[1..]), None);
    let text = digest.base64();
    assert_eq!(Digest::from_base64(text.trim_end_matches('=').as_bytes()), None);
    let loose: String = text.chars().take(42).chain("B=".chars()).collect();
    assert_eq!(Digest::from_base64(loose.as_bytes()), None, "bits after the last byte must be zero");
}
