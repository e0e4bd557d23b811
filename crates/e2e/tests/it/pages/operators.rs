//! What an operator does, and what the pages show of it.

use pssp_e2e::operate;

use super::*;

/// An operator in an outage: one command, every page shows it; results stay readable; the form says until when.
#[test]
fn a_notice_and_a_pause() {
    let service = Embedded::start();
    let id = finished(&service.client(), "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQD");
    let browser = Browser::start();
    let _ = operate(
        &service,
        &[
            "notice",
            "set",
            "moving to the new machine",
            "--level",
            "critical",
            "--pause-intake",
            "--until",
            "1h",
        ],
    );
    browser.open(service.client().url());
    // The API reads the notice at most every two seconds.
    pssp_e2e::until("the notice to show", || {
        browser.open(service.client().url());
        browser.text("aside.notice")
    });
    assert!(browser.text("aside.notice").unwrap().contains("moving to the new machine"));
    assert_eq!(browser.eval("document.querySelector('button.main').disabled"), true);
    browser.open(&page_of(&service, &format!("results/{id}")));
    assert!(browser.text("aside.notice").unwrap().contains("Results stay readable"));
    browser.until_text("#r-name", "Met 1");
    browser.picture(&pictures(), "notice");
}

/// A service that asks for keys: the key is entered once.
#[test]
fn a_key() {
    let service =
        Embedded::start_with(&[("PSSP_ACCESS", "keys"), ("PSSP_API_KEYS", "ann:a-key-of-ann-0123456789")]);
    let browser = Browser::start();
    browser.open(service.client().url());
    browser.click("main a[href$=key]");
    browser.type_into("#key", "a wrong key");
    browser.click("button.main");
    browser.until_text("main", "This is no key");
    browser.picture(&pictures(), "key");
    browser.type_into("#key", "a-key-of-ann-0123456789");
    browser.click("button.main");
    browser.until_text("h1", "Protein properties");
    browser.click("button[value=ubiquitin]");
    browser.until_text(".facts .state", "Finished");
    assert!(browser.text(".facts").unwrap().contains("only its owner can read it"));
    // The owner lends the result by a link, and withdraws it.
    let page = browser.url();
    browser.click("a[href$=share]");
    browser.click("button.main");
    browser.until_text("h2", "This link reads it");
    browser.picture(&pictures(), "share");
    let link = browser.eval("document.querySelector('[data-link]').dataset.link");
    let guest = Browser::start();
    guest.open(link.as_str().unwrap());
    guest.until_text("#r-name", "Met 1");
    assert!(guest.text(".facts").unwrap().contains("by a link of its owner"));
    assert_eq!(guest.complaints(), Vec::<String>::new());
    browser.click("button.danger");
    browser.until_text("main", "Make a link");
    guest.open(link.as_str().unwrap());
    guest.until_text("main", "this link was withdrawn");
    browser.open(&page);
    let stranger = Browser::start();
    stranger.open(&browser.url());
    stranger.until_text("h1", "Your key");
    stranger.type_into("#key", "a-key-of-ann-0123456789");
    stranger.click("button.main");
    stranger.until_text(".facts .state", "Finished");
}

/// Too much for one caller: the text is kept, and the page counts down.
#[test]
fn a_rate() {
    let service = Embedded::start_with(&[("PSSP_OWNER_JOBS", "1")]);
    let browser = Browser::start();
    browser.open(service.client().url());
    browser.click("button[value=ubiquitin]");
    browser.until_text(".facts .state", "Finished");
    pssp_e2e::until("the limit to hold", || {
        browser.open(service.client().url());
        let _ = browser.eval("document.getElementById('seq').value = 'MKVLTAYGKL'");
        browser.click("button.main");
        browser.text("#problem")
    });
    browser.until_text("#problem", "You can try again in");
    assert_eq!(browser.eval("document.getElementById('seq').value"), "MKVLTAYGKL");
    assert_eq!(browser.eval("document.querySelector('button.main').disabled"), true);
    browser.picture(&pictures(), "too-many");
}
