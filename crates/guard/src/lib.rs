//! Decide and record: every call goes through [`Guard::admit`], and nothing happens before its record
//! is in the journal.
//!
//! Three verbs are the door: [`Guard::admit`] decides a call, [`Guard::answer`] takes a person's
//! answer to a question, [`Guard::settle`] writes down what came of it. [`consider`] shows what would
//! be decided, [`controls`] what a boundary would hold; both hand out nothing.
//!
//! The spine is synchronous: it waits for nobody and starts no runtime. It is also the only place
//! that looks at the file system to see where a path leads (`facts`).
//!
//! Read first: [`admit`](Guard::admit), then `facts`.

mod admit;
mod answer;
mod facts;
mod limits;
mod place;
mod settle;

pub use admit::{Guard, Outcome, Request, Stamp, consider, controls, explain};
pub use answer::Answered;
pub use facts::{Followed, Unresolved, canonical, follow, git_root, protected_names};
pub use place::{CachePlace, Kept, Named, Place, Profile};
pub use settle::{Settled, connected};
