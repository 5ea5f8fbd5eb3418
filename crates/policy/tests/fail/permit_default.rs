fn main() {
    let _: policy::Permit<policy::Tool> = Default::default();
}
