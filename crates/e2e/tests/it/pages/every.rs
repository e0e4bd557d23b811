//! What every page must be: accessible, narrow enough, quiet in the console, without requests to others.

use pssp_e2e::Look;

use super::*;

/// The first view may have so many requests, and the first view and the result so many bytes as sent.
const MOST_REQUESTS: u64 = 4;
const MOST_BYTES: u64 = 40_000;

/// How much of the page may move while it loads (cumulative layout shift; up to 0.1 counts as good): times in the reader's
/// own form are a little longer or shorter.
const MOST_MOVED: f64 = 0.01;

const LOOKS: [(&str, Look); 6] = [
    ("light", Look { width: 1280, dark: false, script: true, touch: false }),
    ("dark", Look { width: 1280, dark: true, script: true, touch: false }),
    ("phone", Look { width: 320, dark: false, script: true, touch: true }),
    ("phone-dark", Look { width: 320, dark: true, script: true, touch: true }),
    ("without-script", Look { width: 1280, dark: false, script: false, touch: false }),
    ("phone-without-script", Look { width: 320, dark: false, script: false, touch: true }),
];

/// A job that was made in March 2026, and has expired since: its id tells.
const EXPIRED: &str = "019ca776-6c00-7000-8000-000000000001";

/// The pages with their names, of a service with a job in every state.
fn pages(service: &mut Embedded) -> Vec<(&'static str, String)> {
    let client = service.client();
    let result =
        finished(&client, ">bacteriorhodopsin\nQAQITGRPEWIWLALGTALMGLGTLYFLVKGMGVSDPDAKKFYAITTLVPAIAFTMYLSM");
    let batch = ">a\nMQIFVKTLTGKTITLEVEPS\n>bad\nMK?LT\n>b\nKTITLEVEPSDTIENVKAKI\n";
    let batch = client.send("POST", "/v1/batches", &[("content-type", "text/plain")], batch.as_bytes());
    let batch = batch.expect(202).json()["id"].as_str().unwrap().to_owned();
    pssp_e2e::until("the batch to end", || {
        let seen = client.get(&format!("/v1/batches/{batch}")).expect(200).json();
        (seen["status"] == "finished").then_some(())
    });
    service.kill_workers();
    let waiting = client.submit("MQIFVKTLTGKTITLEVEP");
    let cancelled = client.submit("MQIFVKTLTGKTITLEV");
    let _ = client.send("POST", &format!("/v1/jobs/{cancelled}/cancel"), &[], b"").expect(202);
    vec![
        ("home", String::new()),
        ("result", format!("results/{result}")),
        // After some looks a page without script loads itself anew after half a minute only.
        ("waiting", format!("results/{waiting}?look=9")),
        ("cancelled", format!("results/{cancelled}")),
        ("delete", format!("results/{result}/delete")),
        ("batch", format!("batches/{batch}")),
        ("history", "history".to_owned()),
        ("status", "status".to_owned()),
        ("methods", "methods".to_owned()),
        ("docs", "docs".to_owned()),
        ("key", "key".to_owned()),
        ("missing", "results/0190f3c4-7d1e-7c3b-9c55-6f1f2ab3c0de".to_owned()),
        ("expired", format!("results/{EXPIRED}")),
    ]
}

#[test]
fn every_page_in_every_look() {
    let mut service = Embedded::start();
    let pages = pages(&mut service);
    look_at(&service, &pages);
}

/// Jobs and batches that run, and jobs that failed: predicted by a program that is slow, or broken.
#[test]
fn pages_of_what_runs_and_what_failed() {
    let slow =
        Embedded::start_with(&[("PSSP_ENGINE", "command"), ("PSSP_COMMAND", "/usr/bin/tail -f {input}")]);
    let client = slow.client();
    let running = client.submit("MQIFVKTLTGKTITLEVEP");
    let batch = b">a\nMKVLTAYG\n>b\nAYGKLMKV\n";
    let batch = client.send("POST", "/v1/batches", &[("content-type", "text/plain")], batch);
    let batch = batch.expect(202).json()["id"].as_str().unwrap().to_owned();
    pssp_e2e::until("the job to run", || {
        let job = client.get(&format!("/v1/jobs/{running}")).expect(200).json();
        (job["status"] == "running").then_some(())
    });
    let pages = [
        ("running", format!("results/{running}?look=9")),
        ("batch-running", format!("batches/{batch}?look=9")),
    ];
    look_at(&slow, &pages);
    let broken = Embedded::start_with(&[
        ("PSSP_ENGINE", "command"),
        ("PSSP_COMMAND", "/bin/false {input}"),
        ("PSSP_MAX_ATTEMPTS", "1"),
    ]);
    let failed = finished(&broken.client(), "MQIFVKTLTGKTITLEVEP");
    let job = broken.client().get(&format!("/v1/jobs/{failed}")).expect(200).json();
    assert_eq!(job["status"], "failed");
    look_at(&broken, &[("failed", format!("results/{failed}"))]);
}

/// The form that was refused, with what is wrong and where.
#[test]
fn a_refused_form_in_every_look() {
    let service = Embedded::start();
    for (look_name, look) in LOOKS {
        let browser = Browser::start(); // without the text of the last look
        browser.look(look);
        browser.open(&page_of(&service, ""));
        browser.type_into("#seq", ">one\nMK?LT\n");
        browser.click("button.main");
        browser.until_text("#problem", "cannot stand in a protein sequence");
        assert_eq!(browser.accessibility_faults(), Vec::<String>::new(), "{look_name}");
        browser.picture(&pictures(), &format!("refused-{look_name}"));
    }
}

/// Checks these pages, given by name and path, in every look.
fn look_at(service: &Embedded, pages: &[(&'static str, String)]) {
    let url = service.client().url().to_owned();
    let browser = Browser::start();
    let mut faults = Vec::new();
    for (look_name, look) in LOOKS {
        for (name, path) in pages {
            browser.look(look);
            browser.open(&page_of(service, path));
            browser.until_true("document.readyState === 'complete' && document.fonts.status === 'loaded'");
            let can_stop = browser.text("a[href$='look=stop']").is_some();
            let mut found = browser.accessibility_faults();
            if can_stop {
                // Without a script a page must load itself anew to be live. The reader can stop that (WCAG 2.2.1).
                found.retain(|fault| !fault.starts_with("meta-refresh"));
            }
            let wide =
                browser.eval("document.scrollingElement.scrollWidth - document.documentElement.clientWidth");
            if wide.as_i64() > Some(0) {
                found.push(format!("{wide} pixels too wide"));
            }
            if look.touch {
                let small = browser.eval(SMALL_TARGETS);
                found.extend(
                    small.as_array().unwrap().iter().map(|target| format!("too small to touch: {target}")),
                );
            }
            // That a page is missing is told to the console, too.
            let expected = [("missing", "404"), ("expired", "410")];
            let is_expected =
                |text: &str| expected.iter().any(|(page, status)| name == page && text.contains(status));
            found.extend(browser.complaints().into_iter().filter(|text| !is_expected(text)));
            let foreign = browser.requests().into_iter().filter(|asked| !asked.starts_with(&url));
            found.extend(
                foreign.filter(|asked| !asked.starts_with("data:")).map(|asked| format!("asks for {asked}")),
            );
            browser.picture(&pictures(), &format!("{name}-{look_name}"));
            faults.extend(found.into_iter().map(|fault| format!("{name}, {look_name}: {fault}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new(), "\n{}", faults.join("\n"));
}

/// Buttons, fields and links outside of running text that a finger can hardly hit: less than 44 pixels high.
const SMALL_TARGETS: &str =
    "[...document.querySelectorAll('a, button, input, summary, textarea')].filter((target) => {
    const box = target.getBoundingClientRect();
    const isShown = box.width > 1 && box.height > 1 && !target.closest('.skip') && !target.closest('svg');
    const isInText = target.matches('p a, li a, dd a') && !target.closest('.inline, .jobs, .bottom');
    const isBox = target.matches('[type=checkbox], [type=radio]');
    return isShown && !isInText && !isBox && box.height < 43.5;
}).map((target) => `${target.outerHTML.slice(0, 90)} ${target.getBoundingClientRect().height}`)";

/// Text of twice the size needs no sideways scrolling.
#[test]
fn large_text_stays_on_the_page() {
    let mut service = Embedded::start();
    let pages = pages(&mut service);
    let browser = Browser::start();
    for (name, path) in &pages {
        browser.open(&page_of(&service, path));
        let _ = browser.eval("document.documentElement.style.setProperty('font-size', '200%')");
        let wide =
            browser.eval("document.scrollingElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(wide, 0, "{name}");
    }
}

/// The bytes as sent and the requests of the first view and of a result of 300 residues. Nothing moves while it loads.
#[test]
fn pages_are_small() {
    let service = Embedded::start();
    let chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYN".repeat(5);
    let id = finished(&service.client(), &chain);
    for path in [String::new(), format!("results/{id}")] {
        let browser = Browser::start(); // nothing is cached
        browser.open(&page_of(&service, &path));
        browser.until_true("document.readyState === 'complete'");
        let sizes = browser.eval(
            "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')
                .filter((entry) => !entry.name.includes('/v1/'))).map((entry) => entry.transferSize)",
        );
        let sizes: Vec<u64> = sizes.as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
        let bytes: u64 = sizes.iter().sum();
        assert!(bytes <= MOST_BYTES && sizes.len() as u64 <= MOST_REQUESTS, "{path}: {sizes:?}");
        // Entries of the past come with the first task after `observe`, if there are any; two frames later all have come.
        let moved = browser.eval_later(
            "const done = arguments[arguments.length - 1]; let moved = 0;
             new PerformanceObserver((list) => list.getEntries().forEach((entry) => (moved += entry.value)))
                .observe({ type: 'layout-shift', buffered: true });
             requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(moved))));",
        );
        assert!(moved.as_f64().unwrap() < MOST_MOVED, "{path}: {moved}");
    }
}
