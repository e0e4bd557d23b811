//! No file of a crate uses an item of another file that, over any number of files, uses one of the first.
//!
//! A circle means that none of its files can be read, tested or moved without the others. A module and the modules
//! inside it are one unit, as usual in Rust: what they use of each other does not count. A file that only passes an
//! item on (`pub use child::Item;`) does not use it; whoever imports the name from there uses the file that defines it.

mod graph;

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::root;

use graph::Graph;

#[test]
fn no_file_uses_itself_over_others() {
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
            for circle in graph.circles() {
                let names: Vec<&str> = circle.iter().map(|arrow| arrow.from.as_str()).collect();
                let mut sorted = names.clone();
                sorted.sort_unstable();
                let key = format!("{package}: {}", sorted.join(", "));
                let arrows = circle.iter().map(|a| format!("\n    {} uses {} of {}", a.from, a.name, a.to));
                found.insert(key, arrows.collect::<String>());
            }
        }
    }
    assert!(files > 200, "only {files} files: is the test blind?");
    let circles: Vec<String> = found.iter().map(|(key, arrows)| format!("\n  {key}{arrows}")).collect();
    assert!(
        circles.is_empty(),
        "import circles; move what both need into a file of its own:{}",
        circles.concat()
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

/// Circles of a crate of these files, as the names of their files.
fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let circles = Graph::of_crate(&folder.path().join(Path::new(files[0].0))).circles();
    circles.into_iter().map(|circle| circle.into_iter().map(|arrow| arrow.from).collect()).collect()
}

fn check(files: &[(&str, &str)], expected: &[&[&str]]) {
    assert_eq!(circles(files), expected, "{files:#?}");
}

#[test]
fn circles_are_found_however_an_item_is_named() {
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
fn circles_over_re_exports_and_children_are_found() {
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
fn what_is_no_circle_is_not_taken_for_one() {
    for files in [
        // A parent and its child.
        &[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; use b::B; pub struct A(B);"),
            ("a/b.rs", "use super::A; pub struct B;"),
        ][..],
        // A parent that passes on.
        &[("lib.rs", "mod a; pub use a::A; pub struct B;"), ("a.rs", "pub struct A(crate::B);")],
        // Tests use what they like.
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ],
        // Siblings of another crate's name, and fields.
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B { a: u8 } fn f(b: &B) -> u8 { b.a + other::a::A }"),
        ],
    ] {
        check(files, &[]);
    }
}
