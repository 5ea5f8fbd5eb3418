//! Runs the cases of `spec/shell`. `outline` defines how a tree is written there.

mod outline;

#[test]
fn spec() {
    testkit::check("shell", |case| outline::of(&shell::parse(case.block("sh"))));
}
