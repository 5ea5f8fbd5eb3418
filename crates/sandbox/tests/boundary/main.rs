//! scratch
use policy::*;
fn main() {
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|a| a == sandbox::ROLE) {
        sandbox::boundary_main()
    }
    let w = args[1].to_str().unwrap();
    let cwd = AbsPath::parse(w).unwrap();
    let permit = permit(
        &cwd,
        &args[2].to_str().unwrap().split(',').filter(|x| !x.is_empty()).collect::<Vec<_>>(),
        &args[3].to_str().unwrap().split(',').filter(|x| !x.is_empty()).collect::<Vec<_>>(),
    );
    let inv = sandbox::Invocation {
        argv: args[4..].to_vec(),
        environment: sandbox::environment(std::env::vars_os()),
        init: "/proc/self/exe".into(),
        protect: vec![],
        terminal: sandbox::Terminal::Own,
    };
    match sandbox::run(&permit, &inv) {
        Ok(r) => {
            if std::env::var_os("REPORT").is_some() {
                eprintln!("{}", r.render_json());
            }
            std::process::exit(r.exit.code().into())
        }
        Err(e) => {
            eprintln!("{e}: {:?} fix {:?}", std::error::Error::source(&e), e.fix());
            std::process::exit(4)
        }
    }
}
fn permit(w: &AbsPath, hidden: &[&str], closed: &[&str]) -> Permit<Exec> {
    let held = |p: &&str| facts::Held {
        path: AbsPath::parse(p).unwrap(),
        entry: facts::Entry::File,
        why: "test".into(),
        origin: Origin { scope: Scope::User, file: "test".into(), line: 1 },
    };
    let facts = Facts {
        home: AbsPath::parse("/nonexistent").unwrap(),
        project: w.clone(),
        working_directories: vec![w.clone()],
        resolved: Default::default(),
        person: facts::Person::Present,
        mode: None,
        boundary: Some(facts::BoundaryFacts {
            writable: vec![w.clone()],
            unreadable: hidden.iter().map(held).collect(),
            unwritable: closed.iter().map(held).collect(),
            incomplete: None,
        }),
    };
    let (policy, _) = Policy::compile(&[], &AbsPath::parse("/nonexistent").unwrap());
    let cmd = action::Command::parse("true", action::Runner::Boundary);
    let home = AbsPath::parse("/nonexistent").unwrap();
    let action = Action { tool: "Bash".into(), kind: Kind::Command(cmd), params: vec![], cwd: w.clone() };
    let effects = Effects::of(&action, &home);

    match decide(&policy, &action, &effects, &facts) {
        Decision::Allow(p) => p.into_exec().unwrap(),
        Decision::Ask(p) => p.approve(Approval::Terminal).unwrap().into_exec().unwrap(),
        Decision::Deny(d) => panic!("{:?}", d.proof()),
    }
}
