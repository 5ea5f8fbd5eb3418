//! Gathers the packs into one text, and refuses what is not understood.

#![expect(
    clippy::disallowed_methods,
    reason = "it runs when the program is built, and reads and writes what it is built from"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/parse.rs"]
#[expect(unreachable_pub, reason = "public in the crate that these files belong to")]
mod parse;
#[path = "src/table.rs"]
#[expect(dead_code, unreachable_pub, reason = "public in the crate that these files belong to, which uses the rest")]
mod table;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let packs = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../packs/programs");
    println!("cargo::rerun-if-changed={}", packs.display());
    println!("cargo::rerun-if-changed=src");
    let mut files = Vec::new();
    gather(&packs, &mut files)?;
    files.sort();
    let texts: Vec<(PathBuf, String)> =
        files.into_iter().map(|file| Ok((file.clone(), fs::read_to_string(&file)?))).collect::<Result<_, Failure>>()?;
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    let mut shared: Vec<(String, String, String)> = Vec::new();
    for (file, text) in &texts {
        let blocks = parse::blocks(text).map_err(|fault| place(file, fault.line + 1, &fault.message))?;
        for block in blocks {
            check(&block).map_err(|message| place(file, block.line, &message))?;
            for name in &block.names {
                let known = bodies.contains_key(*name) || shared.iter().any(|(shared, ..)| shared == name);
                if known {
                    return Err(place(file, block.line, &format!("`{name}` has a table already")));
                }
                match block.like {
                    Some(like) => shared.push(((*name).to_owned(), like.to_owned(), block.body.clone())),
                    None => {
                        bodies.insert((*name).to_owned(), block.body.clone());
                    }
                }
            }
        }
    }
    for (name, like, own) in shared {
        let body = bodies.get(&like).ok_or_else(|| format!("`{name}` is like `{like}`, which has no table"))?;
        // Its own lines come first: the first option of a name counts.
        bodies.insert(name, format!("{own}{body}"));
    }
    write(&bodies)
}

fn place(file: &Path, line: usize, message: &str) -> Failure {
    format!("{}:{line}: {message}", file.display()).into()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "pack") {
            files.push(path);
        }
    }
    Ok(())
}

fn check(block: &parse::Block<'_>) -> Result<(), String> {
    if block.source.is_empty() && block.like.is_none() {
        return Err("a program says with `from` where its options are documented".to_owned());
    }
    if block.tries.is_empty() && block.like.is_none() {
        return Err("a program has an example: `try COMMAND => EFFECTS`".to_owned());
    }
    let words = |fault: parse::Fault| fault.message;
    let table = parse::table(&block.body).map_err(words)?;
    for table::Sub { names, body, .. } in &table.commands {
        parse::command(body).map_err(|fault| format!("sub {}: {}", names.join(", "), fault.message))?;
    }
    Ok(())
}

/// Writes one text of all tables, and an index of places in it, without a pointer to be moved when the
/// program is loaded.
fn write(bodies: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut text = String::new();
    let mut index = String::from("[\n");
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, body) in bodies {
        let name_start = text.len();
        text.push_str(name);
        text.push('\n');
        let start = *places.entry(body).or_insert_with(|| {
            let start = text.len();
            text.push_str(body);
            start
        });
        index.push_str(&format!("    ({name_start}, {}, {start}, {}),\n", name.len(), body.len()));
    }
    index.push(']');
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("tables.txt"), text)?;
    fs::write(out.join("index.rs"), index)?;
    Ok(())
}
