use policy::AbsPath;

use super::{File, Writable, apart};

/// What a command can have written, or can lead elsewhere, is not believed, and that is told.
#[test]
fn what_commands_can_write_is_not_believed() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    // Of what kind it is does not matter here.
    for name in ["project", "project/ca.pem", "own.pem"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    for (target, link) in [("project/ca.pem", "link.pem"), ("own.pem", "project/link.pem")] {
        std::os::unix::fs::symlink(root.join(target), root.join(link)).unwrap();
    }
    let path = |name: &str| AbsPath::parse(root.join(name).to_str().unwrap()).unwrap();
    let writable = Writable(vec![path("project")]);
    for (name, is_believed) in
        [("own.pem", true), ("project/ca.pem", false), ("link.pem", false), ("project/link.pem", false)]
    {
        let (file, mut told) = (File { name: "SSL_CERT_FILE", path: path(name), text: Vec::new() }, Vec::new());
        assert_eq!(apart(vec![file], &writable, &mut told).len(), usize::from(is_believed), "{name}");
        let why = format!("{}, which `SSL_CERT_FILE` names, is not believed: commands can write it", path(name));
        assert_eq!(told, if is_believed { vec![] } else { vec![why] }, "{name}");
    }
}
