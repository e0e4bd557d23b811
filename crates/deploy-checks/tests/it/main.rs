//! Tests of the files and scripts that deploy pssp.

mod addons;
mod aws_scripts;
mod aws_stages;
mod aws_template;
mod clouds;
mod composition;
mod diagnosis;
mod environments;
mod images;
mod manifests;
mod monitoring;
mod network;
mod pods;
mod redis_users;
mod release;
mod rollout;
mod settings;
mod supply_chain;
mod workflows;

/// The two environments, each a folder of `kubernetes/`.
const ENVIRONMENTS: [&str; 2] = ["test", "prod"];

/// The objects of an environment.
fn environment(name: &str) -> Vec<pssp_deploy_checks::Object> {
    pssp_deploy_checks::objects(&format!("kubernetes/{name}"))
}

/// One object of an environment, by kind and by its name without the prefix.
fn object(env: &str, kind: &str, name: &str) -> pssp_deploy_checks::Object {
    let full = format!("{env}-{name}");
    let found = environment(env).into_iter().find(|o| o.kind() == kind && o.name() == full);
    found.unwrap_or_else(|| panic!("no {kind} {full}"))
}
