#![expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]

use std::os::unix::fs::symlink;

use policy::AbsPath;
use policy::facts::Entry;

use super::{Followed, Unresolved, canonical, existing, follow, git_root, resolve};

fn scene() -> (tempfile::TempDir, AbsPath) {
    let directory = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(directory.path()).unwrap();
    let path = AbsPath::parse(real.to_str().unwrap()).unwrap();
    (directory, path)
}

#[test]
fn links_are_followed_and_named() {
    let (_keep, root) = scene();
    std::fs::create_dir(root.join("real").as_str()).unwrap();
    std::fs::write(root.join("real/file").as_str(), "x").unwrap();
    symlink("real", root.join("relative").as_str()).unwrap();
    symlink(root.join("relative").as_str(), root.join("absolute").as_str()).unwrap();
    let found = resolve(&root.join("absolute/file")).unwrap();
    assert_eq!(found.real, root.join("real/file"));
    assert_eq!(found.entry, Entry::File);
    assert_eq!(found.hops, [root.join("relative/file"), root.join("real/file")]);
    let links = vec![root.join("absolute"), root.join("relative")];
    assert_eq!(follow(&root.join("absolute/file")).unwrap(), Followed { real: root.join("real/file"), links });
}

#[test]
fn a_link_upwards_goes_where_the_kernel_goes() {
    let (_keep, root) = scene();
    std::fs::create_dir_all(root.join("a/b").as_str()).unwrap();
    std::fs::create_dir_all(root.join("c").as_str()).unwrap();
    symlink("../../c/..", root.join("a/b/up").as_str()).unwrap();
    let found = resolve(&root.join("a/b/up/c")).unwrap();
    let kernel = std::fs::canonicalize(root.join("a/b/up/c").as_str()).unwrap();
    assert_eq!(found.real.as_str(), kernel.to_str().unwrap());
}

#[test]
fn what_does_not_exist_resolves_to_where_it_would_be_made() {
    let (_keep, root) = scene();
    std::fs::create_dir(root.join("real").as_str()).unwrap();
    symlink("real", root.join("link").as_str()).unwrap();
    let found = resolve(&root.join("link/new/file")).unwrap();
    assert_eq!((found.real, found.entry), (root.join("real/new/file"), Entry::Missing));
    symlink("nowhere", root.join("dangling").as_str()).unwrap();
    let found = resolve(&root.join("dangling")).unwrap();
    assert_eq!((found.real, found.entry), (root.join("nowhere"), Entry::Missing));
}

#[test]
fn a_circle_of_links_is_an_error() {
    let (_keep, root) = scene();
    symlink("b", root.join("a").as_str()).unwrap();
    symlink("a", root.join("b").as_str()).unwrap();
    assert!(matches!(resolve(&root.join("a/x")), Err(Unresolved::Links(_))));
    assert!(matches!(canonical(&root.join("none")), Err(Unresolved::Missing(_))));
    assert_eq!(existing(&root.join("none")).unwrap(), None);
}

#[test]
fn the_nearest_repository_is_found() {
    let (_keep, root) = scene();
    std::fs::create_dir_all(root.join("repo/.git").as_str()).unwrap();
    std::fs::create_dir_all(root.join("repo/src/deep").as_str()).unwrap();
    assert_eq!(git_root(&root.join("repo/src/deep")), Some(root.join("repo")));
}
