//! The pages in a real browser. `tests/it/pages/` has more of it, on one platform.

use pssp_e2e::{Browser, Platform, client::REUSE};

/// A student opens the service, presses an example, and asks what a residue is; then a file of three records, one of
/// them bad.
pub(crate) fn a_browser_predicts_and_reads(platform: &mut dyn Platform) {
    let url = platform.client().url().to_owned();
    let browser = Browser::start();
    browser.open(&url);
    browser.click("button[value=ubiquitin]");
    browser.until_text(".facts .state", "Finished");
    assert_eq!(browser.text("h1").as_deref(), Some("ubiquitin"));
    browser.open(&format!("{}#r48", browser.url()));
    browser.until_text("#r-name", "Lys 48");
    assert_eq!(browser.text("#r-ss3").unwrap().split(' ').next(), Some("strand"));
    // The pages say the same as the interface.
    let id = browser.eval("document.querySelector('main').dataset.id");
    let id = id.as_str().unwrap();
    let result = platform.client().get(&format!("/v1/jobs/{id}/result.json")).expect(200).json();
    assert_eq!(
        browser.eval("document.getElementById('tracks').dataset.ss3"),
        result["properties"]["ss3"]["labels"]
    );

    browser.open(&url);
    let fasta =
        ">one\nMQIFVKTLTGKTITLEVEPSDTIENVKAKIQD\n>bad\nMK?LT\n>two\nTTCCPSIVARSNFNVCRLPGTPEAICATYTG\n";
    browser.type_into("#seq", fasta);
    browser.click("button.main");
    browser.until_text(".facts .state", "Done");
    browser.until_text("#progress-text", "2 of 3 with a result");
    assert!(browser.text("tr.rejected").unwrap().contains("Refused"));
    browser.click("tbody tr:first-child a");
    browser.until_text("h1", "one");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let page = platform.client().send("POST", "/v1/jobs", &[REUSE], b"MQIFVKTLTGKTITLEVEPSDTIENVKAKIQD");
    assert!(page.json()["links"]["page"].is_string(), "{}", page.text());
}
