fn turn(refusal: policy::Refusal) -> policy::Permit<policy::Tool> {
    refusal.into()
}

fn main() {
    let _ = turn;
}
