//! Finds which file of a crate uses items of which other file. It follows names only, and so does not see method calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// File `from` uses the item `name`, which file `to` defines. Paths are relative to the folder of the crate's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: String,
    pub(super) name: String,
    pub(super) to: String,
}

/// Path of a module from the root of the crate.
type ModulePath = Vec<String>;

/// What a module defines and imports.
#[derive(Default)]
struct Module {
    file: String,
    /// Names of its items (functions, types and so on).
    items: BTreeSet<String>,
    /// Imported names with the paths that they stand for.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths whose names are all imported (`use path::*`).
    globs: Vec<Vec<String>>,
    /// Paths in its code and its private imports.
    uses: Vec<Vec<String>>,
}

pub(super) struct Graph {
    modules: BTreeMap<ModulePath, Module>,
    /// For each file: the files that it uses, each with the name of the used item.
    arrows: BTreeMap<String, BTreeMap<String, String>>,
}

impl Graph {
    /// Reads the crate that has this root file.
    pub(super) fn of_crate(root: &Path) -> Self {
        let mut graph = Self { modules: BTreeMap::new(), arrows: BTreeMap::new() };
        let folder = root.parent().unwrap();
        graph.read_file(folder, root, folder, Vec::new());
        graph.resolve_all();
        graph
    }

    pub(super) fn files(&self) -> usize {
        self.modules.values().map(|module| &module.file).collect::<BTreeSet<_>>().len()
    }

    /// One shortest cycle for each group of files that reach each other.
    pub(super) fn cycles(&self) -> Vec<Vec<Arrow>> {
        let mut cycles: Vec<Vec<Arrow>> = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for file in self.arrows.keys().map(String::as_str) {
            if seen.contains(file) {
                continue;
            }
            if let Some(cycle) = self.shortest_way_back(file) {
                // A group has all files that `file` reaches and that reach `file`.
                let reached = self.reached(file);
                seen.extend(reached.iter().filter(|other| self.reached(other).contains(file)));
                cycles.push(cycle);
            }
        }
        cycles
    }

    fn reached<'a>(&'a self, from: &str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = vec![from];
        while let Some(file) = next.pop() {
            for to in self.arrows.get(file).into_iter().flatten().map(|(to, _)| to.as_str()) {
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
        reached
    }

    fn shortest_way_back(&self, start: &str) -> Option<Vec<Arrow>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(file) = next.pop_front() {
            for to in self.arrows.get(file).into_iter().flatten().map(|(to, _)| to.as_str()) {
                if to == start {
                    let mut files = vec![start, file];
                    while let Some(before) = came_from.get(files[files.len() - 1]) {
                        files.push(before);
                    }
                    files.reverse();
                    if file == start {
                        files.remove(0);
                    }
                    return Some(files.windows(2).map(|pair| self.arrow(pair[0], pair[1])).collect());
                }
                if to != start && !came_from.contains_key(to) {
                    came_from.insert(to, file);
                    next.push_back(to);
                }
            }
        }
        None
    }

    fn arrow(&self, from: &str, to: &str) -> Arrow {
        Arrow { from: from.to_owned(), name: self.arrows[from][to].clone(), to: to.to_owned() }
    }

    /// Reads a file as the module `path`; `children` is the folder of the files of its child modules.
    fn read_file(&mut self, root: &Path, file: &Path, children: &Path, path: ModulePath) {
        let text = std::fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        self.read_items(root, &name, children, path, &parsed.items);
    }

    fn read_items(&mut self, root: &Path, file: &str, children: &Path, path: ModulePath, items: &[Item]) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            match item {
                Item::Mod(ItemMod { ident, content, .. }) => {
                    let name = ident.to_string();
                    let path = [path.clone(), vec![name.clone()]].concat();
                    let folder = children.join(&name);
                    match content {
                        Some((_, items)) => self.read_items(root, file, &folder, path, items),
                        None => self.read_file(root, &module_file(children, &name), &folder, path),
                    }
                }
                Item::Use(import) => read_use(import, &mut module),
                other => {
                    module.items.extend(name_of(other));
                    Paths(&mut module.uses).visit_item(other);
                }
            }
        }
        self.modules.insert(path, module);
    }

    fn resolve_all(&mut self) {
        let mut arrows: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (path, module) in &self.modules {
            for used in &module.uses {
                let found = self.resolve(path, used, 0).or_else(|| self.glob(path, used));
                let Some((target, name)) = found else { continue };
                let file = self.modules[&target].file.clone();
                let is_one_unit = target.starts_with(path) || path.starts_with(&target);
                if file != module.file && !is_one_unit {
                    arrows.entry(module.file.clone()).or_default().entry(file).or_insert(name);
                }
            }
        }
        self.arrows = arrows;
    }

    /// The module whose names are all imported.
    fn glob(&self, from: &[String], used: &[String]) -> Option<(ModulePath, String)> {
        let (star, path) = used.split_last()?;
        let module = (star == "*").then(|| self.module(from, path)).flatten()?;
        Some((module, "*".to_owned()))
    }

    /// The module that `path` names in the module `from`.
    fn module(&self, from: &[String], path: &[String]) -> Option<ModulePath> {
        let mut at = from.to_vec();
        for (i, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" if i == 0 => at.clear(),
                "self" => {}
                "super" => drop(at.pop()?),
                name => at.push(name.to_owned()),
            }
        }
        self.modules.contains_key(&at).then_some(at)
    }

    /// The item that `path` names: the module that defines it, and its name. `None` for items of other crates, and for
    /// modules.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<(ModulePath, String)> {
        if depth > 16 {
            return None; // two imports that refer to each other
        }
        let (first, rest) = path.split_first()?;
        let down = |name: &str| self.module(from, std::slice::from_ref(&name.to_owned()));
        match first.as_str() {
            "crate" => return self.resolve(&[], rest, depth + 1),
            "self" => return self.resolve(from, rest, depth + 1),
            "super" => return self.resolve(from.split_last()?.1, rest, depth + 1),
            _ => {}
        }
        let module = self.modules.get(from)?;
        if module.items.contains(first) {
            return Some((from.to_vec(), first.clone()));
        }
        if let Some(child) = down(first) {
            return self.resolve(&child, rest, depth + 1);
        }
        if let Some(import) = module.imports.get(first) {
            // `use a::b as a` would refer to itself.
            if import.as_slice() != std::slice::from_ref(first) {
                return self.resolve(from, &[import.as_slice(), rest].concat(), depth + 1);
            }
        }
        module.globs.iter().find_map(|glob| {
            let target = self.module(from, glob)?;
            if target == from { None } else { self.resolve(&target, path, depth + 1) }
        })
    }
}

fn module_file(children: &Path, name: &str) -> PathBuf {
    let beside = children.join(format!("{name}.rs"));
    if beside.exists() { beside } else { children.join(name).join("mod.rs") }
}

fn read_use(import: &ItemUse, module: &mut Module) {
    let is_private = matches!(import.vis, Visibility::Inherited);
    for (name, path) in leaves(&import.tree, &[]) {
        // A re-exported name counts as used only if the code of this module names it too.
        if is_private {
            module.uses.push(path.clone());
        }
        if name == "*" {
            module.globs.push(path[..path.len() - 1].to_vec());
        } else {
            module.imports.insert(name, path);
        }
    }
}

/// The names that an import defines, each with its path.
fn leaves(tree: &UseTree, before: &[String]) -> Vec<(String, Vec<String>)> {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string())),
        UseTree::Name(name) if name.ident == "self" => {
            vec![(before.last().cloned().unwrap_or_default(), before.to_vec())]
        }
        UseTree::Name(name) => vec![(name.ident.to_string(), with(name.ident.to_string()))],
        UseTree::Rename(rename) => vec![(rename.rename.to_string(), with(rename.ident.to_string()))],
        UseTree::Glob(_) => vec![("*".to_owned(), with("*".to_owned()))],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
    }
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether the item is part of test builds only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.path().is_ident("cfg").then(|| attribute.meta.require_list().ok()).flatten();
        list.is_some_and(|list| list.tokens.to_string() == "test")
    })
}

/// Collects paths, also those inside macro calls and attributes.
struct Paths<'a>(&'a mut Vec<Vec<String>>);

impl Visit<'_> for Paths<'_> {
    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &syn::MetaList) {
        self.tokens(list.tokens.clone());
    }

    /// An import inside a function.
    fn visit_item_use(&mut self, import: &ItemUse) {
        self.0.extend(leaves(&import.tree, &[]).into_iter().map(|(_, path)| path));
    }

    fn visit_item_mod(&mut self, _: &ItemMod) {}
}

impl Paths<'_> {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut after_dot) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.end(&mut path);
                    if !after_dot {
                        path.push(ident.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    self.end(&mut path);
                    after_dot = punct.as_char() == '.';
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => self.end(&mut path),
            }
            (colons, after_dot) = (0, false);
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.0.push(std::mem::take(path));
        }
    }
}
