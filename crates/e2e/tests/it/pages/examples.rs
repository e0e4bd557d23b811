//! The examples on the page of the interface are programs that run.

use std::process::Command;

use super::*;

#[test]
fn the_examples_of_the_interface_run() {
    let service = Embedded::start();
    let browser = Browser::start();
    browser.open(&page_of(&service, "docs"));
    browser.until_text("[data-example=curl]", service.client().url());
    for (example, program, expected) in [
        ("curl", ["bash", "-euc"], "TTCCPSIVARSNFNVCRLPGTPEAICATYTGCIIIPGATCPGDYAN"),
        ("python", ["python3", "-c"], "TTCCPSIVARSNFNVCRLPGTPEAICATYTGCIIIPGATCPGDYAN"),
    ] {
        let text = browser.eval(&format!("document.querySelector('[data-example={example}]').textContent"));
        let [command, option] = program;
        let done = Command::new(command).args([option, text.as_str().unwrap()]).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success() && out.contains(expected), "{example}: {out}\n{err}");
    }
}
