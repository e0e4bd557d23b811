//! Checks that the files of a crate do not import each other in a cycle.
//!
//! No file of a cycle can be read, tested or moved without the others. A module and the modules inside it are one unit,
//! as usual in Rust, so imports between them do not count. A file that only re-exports an item (`pub use child::Item;`)
//! does not use the item. A file that imports the re-exported name uses the file that defines the item.

mod graph;

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::root;

use graph::Graph;

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let mut found = BTreeMap::new();
    let mut files = 0;
    for package in packages() {
        for start in ["lib.rs", "main.rs"] {
            let start = root().join(&package).join("src").join(start);
            if !start.exists() {
                continue;
            }
            let graph = Graph::of_crate(&start);
            files += graph.files();
            for cycle in graph.cycles() {
                let names: Vec<&str> = cycle.iter().map(|arrow| arrow.from.as_str()).collect();
                let mut sorted = names.clone();
                sorted.sort_unstable();
                let key = format!("{package}: {}", sorted.join(", "));
                let arrows = cycle.iter().map(|a| format!("\n    {} uses {} of {}", a.from, a.name, a.to));
                found.insert(key, arrows.collect::<String>());
            }
        }
    }
    assert!(files > 200, "only {files} files found: the search is broken");
    let cycles: Vec<String> = found.iter().map(|(key, arrows)| format!("\n  {key}{arrows}")).collect();
    assert!(
        cycles.is_empty(),
        "import cycles; move the shared items into a file of their own:{}",
        cycles.concat()
    );
}

/// Folders of all packages with sources, relative to the repository.
fn packages() -> Vec<String> {
    let mut found = vec!["bench".to_owned()];
    for group in ["crates", "functions"] {
        for package in std::fs::read_dir(root().join(group)).unwrap() {
            found.push(format!("{group}/{}", package.unwrap().file_name().into_string().unwrap()));
        }
    }
    found.sort_unstable();
    found
}

/// The cycles in a crate of these files, as the names of their files.
fn cycles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let cycles = Graph::of_crate(&folder.path().join(Path::new(files[0].0))).cycles();
    cycles.into_iter().map(|cycle| cycle.into_iter().map(|arrow| arrow.from).collect()).collect()
}

fn check(files: &[(&str, &str)], expected: &[&[&str]]) {
    assert_eq!(cycles(files), expected, "{files:#?}");
}

#[test]
fn cycles_are_found_in_every_notation() {
    let main = ("main.rs", "mod a; mod b; fn main() {}");
    for (a, b) in [
        ("use crate::b::B; pub struct A;", "use crate::a::A; pub struct B;"),
        ("use super::b::{self, B}; pub struct A;", "pub struct B(crate::a::A);"),
        ("use crate::b; pub fn f() { b::g() }", "pub fn g() { super::a::f() }"),
        ("pub fn f() { println!(\"{}\", crate::b::g()) }", "use crate::a::f as h; pub fn g() { h() }"),
        ("pub const A: u8 = crate::b::B;", "use crate::a::*; pub const B: u8 = 1;"),
    ] {
        check(&[main, ("a.rs", a), ("b.rs", b)], &[&["a.rs", "b.rs"]]);
    }
}

#[test]
fn cycles_through_re_exports_and_children_are_found() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod c; pub use c::C;"),
            ("a/c.rs", "use crate::b::B; pub struct C(B);"),
            ("b.rs", "use crate::a::C; pub struct B(C);"),
        ],
        &[&["a/c.rs", "b.rs"]],
    );
    check(
        &[
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "use crate::A; pub struct C;"),
        ],
        &[&["a.rs", "b.rs", "c.rs"]],
    );
}

#[test]
fn nothing_else_counts_as_a_cycle() {
    for files in [
        // A parent and its child.
        &[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; use b::B; pub struct A(B);"),
            ("a/b.rs", "use super::A; pub struct B;"),
        ][..],
        // A parent that only re-exports.
        &[("lib.rs", "mod a; pub use a::A; pub struct B;"), ("a.rs", "pub struct A(crate::B);")],
        // Imports in tests do not count.
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ],
        // A sibling with the name of another crate, and fields.
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B { a: u8 } fn f(b: &B) -> u8 { b.a + other::a::A }"),
        ],
    ] {
        check(files, &[]);
    }
}
