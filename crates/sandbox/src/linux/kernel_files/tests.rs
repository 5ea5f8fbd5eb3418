use policy::mounts;

use super::mounted_elsewhere;

/// Reads a line of the list of mounts and renders what is to be hidden.
fn check(line: &str, expected: &str) {
    let found = mounts::mounts(line.as_bytes()).find_map(mounted_elsewhere);
    let found = found.map(|place| place.to_string_lossy().into_owned());
    assert_eq!(found.unwrap_or_default(), expected, "for `{line}`");
}

#[test]
fn telling_file_systems_elsewhere_are_found() {
    check("22 27 0:21 / /proc rw,relatime - proc proc rw", "");
    check("22 27 0:21 / /proc/fs/nfsd rw - nfsd nfsd rw", "");
    check("22 27 0:21 / /srv/box/proc rw,relatime shared:5 master:1 - proc proc rw", "/srv/box/proc");
    check("22 27 0:21 / /processes rw,relatime - proc proc rw", "/processes");
    check("22 27 0:21 / /srv/a\\040b\\134c rw - cgroup2 cgroup2 rw", "/srv/a b\\c");
    check("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw", "");
    check("27 1 254:0 / /home/proc rw - ext4 proc rw", "");
    check("", "");
    check("22 27 0:21 / /x rw", "");
}
