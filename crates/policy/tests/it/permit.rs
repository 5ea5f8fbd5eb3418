//! What must not compile: permits cannot be made, copied or defaulted outside the crate.

#[test]
fn permits_are_only_handed_out() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
