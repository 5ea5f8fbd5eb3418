use policy::bounds::{Bound, BoundKind};
use policy::{AbsPath, Origin, Scope};

use super::{Input, Inside, Message, Order, Request, parse_message, render_message};
use crate::plan::{Hatch, Plan, Root, Shown, Step, Zone};
use crate::shape::{Found, Holds, Outside, Shape};

fn order() -> Order {
    let path = |text: &str| AbsPath::parse(text).unwrap();
    let why = "why \"this\"\n".to_owned();
    let plan = Plan {
        steps: vec![
            Step::Read { path: path("/usr"), why: why.clone() },
            Step::Link { path: path("/bin"), target: "usr/bin".to_owned() },
            Step::Private { zone: Zone::VarRun },
            Step::Cache { path: path("/c"), zone: None },
            Step::Seed { from: path("/h/s"), at: path("/c/s") },
            Step::Writable { path: path("/tmp/a b"), zone: Some(Zone::Tmp) },
            Step::Pin { path: path("/p/ü") },
            Step::ReadOnly { path: path("/p/new\nline"), why: why.clone() },
            Step::ByKey { path: path("/p/.git/config"), why: why.clone() },
            Step::Hide { path: path("/p/q"), why },
        ],
        cwd: path("/p"),
        home: path("/h"),
        project: path("/p"),
        checks_reads: true,
        bounds: vec![Bound {
            kind: BoundKind::Rule,
            text: "Edit(src/**)".to_owned(),
            anchor: path("/p"),
            origin: Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 3 },
        }],
        root: Root::Empty,
        variables: vec![("A".to_owned(), "/c/a".to_owned())],
        network: policy::controls::Network::Proxied { captured: vec![80, 8443] },
        shown: vec![Shown { path: path("/run/palisade/a"), content: vec![0, 10, 255], why: "w".to_owned() }],
        for_hatches: 1,
        hatches: vec![Hatch::Path(path("/run/a\n")), Hatch::Port(5432), Hatch::Calls],
    };
    let bytes = |bytes: &[u8]| std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec());
    Order {
        plan,
        argv: vec!["sh".into(), String::new().into(), bytes(b"\xff\n")],
        environment: vec![("A".into(), "=".into()), ("B".into(), String::new().into())],
        terminal: [true, false, true],
        shape: Shape::Bubblewrap(Outside {
            namespaces: vec!["user:[1]".to_owned()],
            found: vec![
                Found { path: "/p/q".to_owned(), device: (8, 1), inode: 7, holds: Holds::Closed },
                Found { path: "/p/in".to_owned(), device: (0, 40), inode: 8, holds: Holds::Input(0) },
            ],
        }),
        brokered: true,
        inside: Inside { data: Some(1), private_bytes: Some(2), ..Inside::default() },
        waits: crate::wire::Waits::Built,
        entrances: 2,
        inputs: vec![Input { number: 0, path: "/p/in".to_owned(), device: (0, 40), inode: 8 }],
        ignored: vec![1],
    }
}

#[test]
fn an_order_reads_back_as_it_was() {
    let bytes = order().render().unwrap();
    assert_eq!(Order::parse(&bytes), Some(order()));
    for shape in [Shape::Full, Shape::Landlock] {
        let other = Order { shape, ..order() };
        assert_eq!(Order::parse(&other.render().unwrap()), Some(other));
    }
    let empty = Order { environment: Vec::new(), ..order() };
    assert_eq!(Order::parse(&empty.render().unwrap()), Some(empty));
}

#[test]
fn an_order_that_is_not_whole_is_none() {
    let bytes = order().render().unwrap();
    for length in 0..bytes.len() {
        assert_eq!(Order::parse(&bytes[..length]), None, "of {length} bytes");
    }
    assert_eq!(Order::parse(&[bytes.as_slice(), b"x"].concat()), None);
    assert_eq!(Order::parse(&[bytes.as_slice(), b"x\0"].concat()), None);
    let nul = Order { argv: vec![std::os::unix::ffi::OsStringExt::from_vec(b"a\0b".to_vec())], ..order() };
    assert_eq!(nul.render(), Err("an argument or a variable holds a NUL".to_owned()));
}

#[test]
fn messages_read_back_as_they_were() {
    let message = Message::Failed { step: "hide a path".to_owned(), path: Some("/x".to_owned()), errno: 2 };
    let bytes = render_message(&message).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), r#"{"failed":{"step":"hide a path","path":"/x","errno":2}}"#);
    assert_eq!(parse_message(&bytes), Some(message));
    assert_eq!(parse_message(br#"{"signal":{"signal":15}}"#), Some(Request::Signal { signal: 15 }));
    assert_eq!(parse_message::<Request>(br#"{"signal":{"signal":15,"more":1}}"#), None);
}
