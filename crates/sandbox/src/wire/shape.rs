//! The form in which the launcher hands over what it found outside.

use serde::{Deserialize, Serialize};

use crate::shape::{Found, Holds, Outside, Shape};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum ShapeWire {
    Full,
    Bubblewrap { namespaces: Vec<String>, found: Vec<FoundWire> },
    Landlock,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FoundWire {
    path: String,
    device: (u32, u32),
    inode: u64,
    holds: HoldsWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HoldsWire {
    Writable,
    Pinned,
    ReadOnly,
    Shown,
    Replaced,
    Absent,
    Closed,
    Input(i32),
}

pub(super) fn shape_to_wire(shape: &Shape) -> ShapeWire {
    match shape {
        Shape::Full => ShapeWire::Full,
        Shape::Landlock => ShapeWire::Landlock,
        Shape::Bubblewrap(Outside { namespaces, found }) => {
            ShapeWire::Bubblewrap { namespaces: namespaces.clone(), found: found.iter().map(found_to_wire).collect() }
        }
    }
}

pub(super) fn shape_from_wire(shape: ShapeWire) -> Shape {
    match shape {
        ShapeWire::Full => Shape::Full,
        ShapeWire::Landlock => Shape::Landlock,
        ShapeWire::Bubblewrap { namespaces, found } => {
            Shape::Bubblewrap(Outside { namespaces, found: found.into_iter().map(found_from_wire).collect() })
        }
    }
}

fn found_to_wire(found: &Found) -> FoundWire {
    let Found { path, device, inode, holds } = found;
    let holds = match holds {
        Holds::Writable => HoldsWire::Writable,
        Holds::Pinned => HoldsWire::Pinned,
        Holds::ReadOnly => HoldsWire::ReadOnly,
        Holds::Shown => HoldsWire::Shown,
        Holds::Replaced => HoldsWire::Replaced,
        Holds::Absent => HoldsWire::Absent,
        Holds::Closed => HoldsWire::Closed,
        Holds::Input(number) => HoldsWire::Input(*number),
    };
    FoundWire { path: path.clone(), device: *device, inode: *inode, holds }
}

fn found_from_wire(found: FoundWire) -> Found {
    let FoundWire { path, device, inode, holds } = found;
    let holds = match holds {
        HoldsWire::Writable => Holds::Writable,
        HoldsWire::Pinned => Holds::Pinned,
        HoldsWire::ReadOnly => Holds::ReadOnly,
        HoldsWire::Shown => Holds::Shown,
        HoldsWire::Replaced => Holds::Replaced,
        HoldsWire::Absent => Holds::Absent,
        HoldsWire::Closed => Holds::Closed,
        HoldsWire::Input(number) => Holds::Input(number),
    };
    Found { path, device, inode, holds }
}
