//! Everything works without JavaScript.

use pssp_e2e::Look;

use super::*;

#[test]
fn a_page_without_script_shows_the_result_by_itself() {
    let mut service = Embedded::start();
    service.kill_workers();
    let browser = Browser::start();
    browser.look(Look { script: false, ..Look::default() });
    browser.open(service.client().url());
    browser.type_into("#seq", "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQD");
    browser.click("button.main");
    browser.until_text(".facts .state", "Waiting");
    service.start_workers();
    browser.until_text(".facts .state", "Finished");
    assert!(browser.text("main").unwrap().contains("The same in words"));
    assert_eq!(browser.text("#readout").as_deref(), Some(""), "what needs a script is hidden");
    browser.click(".buttons a[href*='from=']");
    assert_eq!(browser.text("#seq").as_deref().map(str::trim), Some("MQIFVKTLTGKTITLEVEPSDTIENVKAKIQD"));
}

#[test]
fn a_batch_without_script() {
    let service = Embedded::start();
    let browser = Browser::start();
    browser.look(Look { script: false, ..Look::default() });
    browser.open(service.client().url());
    browser.type_into("#seq", ">a\nMQIFVKTLTG\n>bad\nMK?LT\n>b\nKTITLEVEPS\n");
    browser.click("button.main");
    browser.until_text("#progress-text", "2 of 3 with a result");
    browser.click("a[href*='/delete']");
    browser.click("button.danger");
    browser.until_text("h1", "Your jobs");
}

#[test]
fn a_refused_form_without_script() {
    let service = Embedded::start();
    let browser = Browser::start();
    browser.look(Look { script: false, ..Look::default() });
    browser.open(service.client().url());
    browser.type_into("#seq", "MK?LT");
    browser.click("button.main");
    browser.until_text("#problem", "Show line 1");
    assert_eq!(browser.text("#seq").as_deref().map(str::trim), Some("MK?LT"));
}
