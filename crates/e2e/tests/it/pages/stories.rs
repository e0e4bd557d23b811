//! The stories of those who come to the pages.

use super::*;

const UBIQUITIN: &str = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG";

/// Text as it is copied from a GenBank page.
const GENBANK: &str = "        1 mqifvktltg ktitlevepu dtienvkaki\n       31 qdkegippdq qrlifagkql\n";

/// A biologist with one sequence, without a mouse: pastes, sees what was changed, reads a region, and comes back later.
#[test]
fn one_sequence_by_keyboard_alone() {
    let service = Embedded::start();
    let browser = Browser::start();
    browser.open(service.client().url());
    tab_to(&browser, "#seq");
    browser.press(GENBANK);
    browser.until_text("#seq-count", "50 residues");
    assert!(browser.text("#seq-count").unwrap().contains("replaced by X"));
    tab_to(&browser, "button.main");
    browser.press(key::ENTER);
    browser.until_text(".facts .state", "Finished");
    assert!(!browser.url().contains("sent"), "the address is the one to keep");
    assert!(browser.text("main .notice.warning").unwrap().contains("X"));
    tab_to(&browser, "#slider");
    browser.press(key::RIGHT);
    browser.until_text("#r-name", "Gln 2");
    browser.press(key::PAGE_UP);
    browser.until_text("#r-name", "Thr 12");
    browser.press(key::END);
    browser.until_text("#r-name", "Leu 50");
    browser.press(key::HOME);
    browser.until_text("#r-name", "Met 1");
    let spoken = browser.eval("document.getElementById('slider').getAttribute('aria-valuetext')");
    assert!(spoken.as_str().unwrap().starts_with("residue 1, methionine, "), "{spoken}");
    tab_to(&browser, "details summary");
    // After lunch: the form page knows the job, also after the browser was closed and opened.
    let kept = browser.url();
    browser.open(service.client().url());
    browser.until_true("document.querySelector('#recent a') !== null");
    assert!(browser.text("#recent .jobs").unwrap().contains("Finished"));
    browser.click("#recent .jobs a");
    browser.until_text(".facts .state", "Finished");
    assert_eq!(browser.url(), kept);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A biologist with many sequences: a file with bad records, one table, one download; the page is live.
#[test]
fn a_file_of_many_sequences() {
    let mut service = Embedded::start();
    service.kill_workers();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.fasta");
    let mut text: String = (0..60).map(|i| format!(">record{i}\nMKV{}LT\n", "AYGKL".repeat(i + 1))).collect();
    text.push_str(">bad\nMK?LT\n");
    std::fs::write(&file, text).unwrap();
    let browser = Browser::start();
    browser.open(service.client().url());
    // What is typed is checked as it stands: several records, too.
    browser.type_into("#seq", ">one\nMKVLT\n>two\nMK?LT\n");
    browser.until_text("#seq-count", "1 of 2 records can be taken, 5 residues. Line 4: '?'");
    let _ = browser.eval("document.getElementById('seq').value = ''");
    browser.type_into("#file", file.to_str().unwrap());
    browser.click("button.main");
    browser.until_text("#progress-text", "60 on their way");
    service.start_workers();
    browser.until_text("#progress-text", "60 of 61 with a result");
    browser.until_text(".facts .state", "Done");
    assert_eq!(browser.eval("document.querySelectorAll('.rows tbody tr').length"), 50);
    browser.click("a[rel=next]");
    browser.until_true("document.querySelectorAll('.rows tbody tr').length === 11");
    browser.click("a[href*='show=without']");
    browser.until_true("document.querySelectorAll('.rows tbody tr').length === 1");
    assert!(browser.text("tr.rejected").unwrap().contains("bad"));
    browser.click("a[href*='sort=length']");
    browser.click("a[href$='?sort=length']");
    browser.until_text(".rows tbody tr:first-child th", "record59");
    let link = browser.eval("document.querySelector('a[download$=\".tsv\"]').href");
    let path = link.as_str().unwrap().strip_prefix(service.client().url()).unwrap().to_owned();
    assert!(service.client().get(&path).expect(200).text().contains("record59"));
    // The address without a query is the one to share.
    browser.open(&page_of(&service, "history"));
    browser.until_text("#recent .jobs", "Batch of 61");
}

/// A page that waits is live: it sees the result, also when the service is killed and started meanwhile.
#[test]
fn a_waiting_page_outlives_the_service() {
    let mut service = Embedded::start();
    service.kill_workers();
    let browser = Browser::start();
    browser.open(service.client().url());
    browser.type_into("#seq", UBIQUITIN);
    browser.click("button.main");
    browser.until_text(".facts .state", "Waiting");
    assert!(browser.text("main").unwrap().contains("you can close this page"));
    service.kill();
    browser.until_true("!document.getElementById('offline').hidden");
    service.start_workers();
    browser.until_text(".facts .state", "Finished");
    browser.until_true("document.getElementById('offline').hidden");
    browser.until_text("#status", "Finished");
}

/// A reader of a shared link: the result without an account, and an answer when it is gone.
#[test]
fn a_shared_link() {
    let service = Embedded::start_with(&[("PSSP_ACCESS", "unlisted")]);
    let sender = Browser::start();
    sender.open(service.client().url());
    sender.click("button[value=lysozyme]");
    sender.until_text(".facts .state", "Finished");
    let link = sender.url();
    let reader = Browser::start();
    reader.open(&link);
    reader.until_text(".facts .state", "Finished");
    assert!(reader.text(".facts").unwrap().contains("anyone with the link can read it"));
    assert!(reader.text("#cite").unwrap().contains("pssp-conv"));
    assert!(!reader.text("main").unwrap().contains("Delete"));
    // It is not among the jobs of the reader's browser, and the reader cannot delete it.
    reader.open(&page_of(&service, "history"));
    reader.until_true("!document.getElementById('no-jobs').hidden");
    reader.open(&format!("{link}/delete"));
    reader.until_text("h1", "No such thing");
    sender.open(&format!("{link}/delete"));
    sender.click("button.danger");
    sender.until_text("h1", "Your jobs");
    reader.open(&link);
    reader.until_text("main", "Check the link");
}

#[test]
fn a_double_click_is_one_job() {
    let service = Embedded::start();
    let browser = Browser::start();
    browser.open(service.client().url());
    browser.type_into("#seq", UBIQUITIN);
    let _ =
        browser.eval("(() => { const b = document.querySelector('button.main'); b.click(); b.click(); })()");
    browser.until_text(".facts .state", "Finished");
    let jobs = service.client().get("/v1/jobs").expect(200).json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
}

/// Names are text, whatever they look like.
#[test]
fn hostile_names_do_nothing() {
    let service = Embedded::start();
    let browser = Browser::start();
    let name = "\"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'";
    browser.open(service.client().url());
    browser.type_into("#seq", UBIQUITIN);
    browser.click("details summary");
    browser.type_into("#name", name);
    browser.click("button.main");
    browser.until_text(".facts .state", "Finished");
    assert_eq!(browser.text("h1").as_deref(), Some(name));
    for path in ["", "history"] {
        browser.open(&page_of(&service, path));
        browser.until_text("#recent .jobs", name);
    }
    browser.open(service.client().url());
    browser.type_into("#seq", &format!(">{name}\nMK?LT"));
    browser.click("button.main");
    browser.until_text("#problem", "Not a protein sequence");
    assert_eq!(browser.eval("document.querySelectorAll('img, main script').length"), 0);
    assert!(browser.title().starts_with("Error: "));
    assert_eq!(browser.eval("document.activeElement.id"), "problem");
    browser.click("#problem a");
    assert_eq!(
        browser.eval(
            "document.getElementById('seq').value.slice(document.getElementById('seq').selectionStart)[0]"
        ),
        "?"
    );
}

/// A service below a prefix that no one tells it.
#[test]
fn behind_a_prefix() {
    let service = Embedded::start();
    let url = pssp_e2e::serve_below("/tools/pssp", service.address());
    let browser = Browser::start();
    browser.open(&url);
    browser.click("button[value=ubiquitin]");
    browser.until_text(".facts .state", "Finished");
    assert!(browser.url().starts_with(&format!("{url}results/")));
    browser.until_text("#r-name", "Met 1");
    browser.click("nav a:nth-child(2)");
    browser.until_text("#recent .jobs", "ubiquitin");
    browser.click("#recent .jobs a");
    browser.until_text(".facts .state", "Finished");
    browser.click(".buttons a[href*='from=']");
    browser.until_true("document.getElementById('seq')?.value.startsWith('>ubiquitin')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let foreign: Vec<String> =
        browser.requests().into_iter().filter(|asked| !asked.starts_with(&url)).collect();
    assert_eq!(foreign, Vec::<String>::new());
}

/// The longest chain is readable as windows, and as a whole.
#[test]
fn the_longest_chain() {
    let service = Embedded::start();
    let id = finished(&service.client(), &UBIQUITIN.repeat(132)[..10_000]);
    let browser = Browser::start();
    browser.open(&page_of(&service, &format!("results/{id}")));
    browser.until_text("#r-name", "Met 1");
    assert_eq!(browser.eval("document.querySelectorAll('.piece').length"), 30);
    browser.click(".parts a:nth-child(17)");
    browser.until_true("document.querySelector('.piece')?.id === 'r9601'");
    assert_eq!(browser.eval("document.querySelectorAll('.piece').length"), 20);
    browser.click(".parts a:last-child");
    browser.until_true("document.querySelectorAll('.piece').length === 500");
    // One line, larger and smaller.
    browser.click("[data-flow=line]");
    browser.until_true("document.getElementById('tracks').scrollWidth > 100000");
    browser.click("[data-zoom='-1']");
    browser.until_true("document.getElementById('tracks').scrollWidth < 100000");
}
