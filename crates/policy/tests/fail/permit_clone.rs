fn copy(permit: &policy::Permit<policy::Exec>) -> policy::Permit<policy::Exec> {
    permit.clone()
}

fn main() {
    let _ = copy;
}
