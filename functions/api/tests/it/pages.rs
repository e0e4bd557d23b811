//! The pages for people: HTML for browsers, without JavaScript.

use pssp_api::{Anonymous, ApiKey, App, Config, Gateway, PAGES};
use pssp_jobs::{Notice, Owner};
use pssp_predict::Method;
use tower::ServiceExt;

use crate::support::{Answer, ApiRequest, Service, UNKNOWN_ID, service, service_with};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn browse<'a>(service: &'a Service, verb: &str, path: &str) -> ApiRequest<'a> {
    service.ask(verb, path).header("accept", BROWSER).header("sec-fetch-site", "same-origin")
}

async fn look(service: &Service, path: &str) -> Answer {
    let answer = browse(service, "GET", path).send().await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{path}");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
    assert!(!answer.text().contains("style=\"") && !answer.text().contains("<script>"), "{path}");
    answer
}

async fn send_form(service: &Service, fields: &[(&str, &str)]) -> Answer {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    browse(service, "POST", "/predict").body("application/x-www-form-urlencoded", body.join("&")).send().await
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The id of the job or batch that the browser is sent to.
#[track_caller]
fn sent_to(answer: Answer, folder: &str) -> String {
    let answer = answer.is(303);
    let location = answer.header("location").unwrap();
    let id = location.strip_prefix(&format!("{folder}/")).and_then(|rest| rest.strip_suffix("?sent"));
    id.unwrap_or_else(|| panic!("{location}")).to_owned()
}

#[tokio::test]
async fn only_browsers_get_the_form_at_the_root() {
    let service = service();
    let page = look(&service, "/").await.is(200);
    assert!(page.text().contains("<form") && page.text().contains("name=\"seq\""));
    for accept in [None, Some("*/*"), Some("text/plain"), Some("text/plain, text/html;q=0.5")] {
        let mut ask = service.ask("GET", "/");
        if let Some(accept) = accept {
            ask = ask.header("accept", accept);
        }
        let answer = ask.send().await.is(200);
        assert!(answer.text().contains("Try these routes"), "{accept:?}");
        assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "accept"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sequence_becomes_a_job_with_one_page_in_every_state() {
    let service = service();
    let id = sent_to(send_form(&service, &[("seq", "MKVLT AYGKL"), ("name", "mine")]).await, "results");
    let path = format!("/results/{id}");
    let waiting = look(&service, &path).await.is(200);
    for text in ["Waiting", "10 residues", "No other job waits", "you can close this page", "1 space removed"]
    {
        assert!(waiting.text().contains(text), "{text}");
    }
    let job = service.claim(&id).await;
    assert!(look(&service, &path).await.is(200).text().contains("Predicting"));
    service.finish(&job).await;
    let page = look(&service, &path).await.is(200);
    for text in
        ["✓ Finished", "Little regular structure", "mine", "pssp-test 1", "nobody, 2026", "result.ss2"]
    {
        assert!(page.text().contains(text), "{text}");
    }
    assert!(!page.text().contains("http-equiv"), "nothing more will happen");
    assert!(page.text().contains(&format!("href=\"../v1/jobs/{id}/result.json\"")));
}

#[tokio::test(start_paused = true)]
async fn pages_of_failed_and_cancelled_jobs_say_what_to_do() {
    let service = service();
    let failed = service.submit("MKVLT").await;
    service.fail(&failed).await;
    let page = look(&service, &format!("/results/{failed}")).await.is(200);
    assert!(page.text().contains("the method gave up") && page.text().contains("report it to the operator"));
    let waiting = service.submit("AYGKL").await;
    let cancel = browse(&service, "POST", &format!("/results/{waiting}/cancel")).send().await.is(303);
    assert_eq!(cancel.header("location"), Some(format!("../../results/{waiting}").as_str()));
    let page = look(&service, &format!("/results/{waiting}")).await.is(200);
    assert!(page.text().contains("It was cancelled") && page.text().contains("Predict again"));
    let again = look(&service, &format!("/?from={waiting}")).await.is(200);
    assert!(again.text().contains("AYGKL</textarea>"));
    assert!(again.text().contains("name=\"fresh\" checked"));
}

#[tokio::test(start_paused = true)]
async fn a_page_without_script_looks_again_ever_more_rarely() {
    let service = service();
    let id = service.submit("MKVLT").await;
    for (query, expected) in [
        ("", Some("content=\"1;url=../results/{id}?look=1\"")),
        ("?look=3", Some("content=\"8;url=../results/{id}?look=4\"")),
        ("?look=99", Some("content=\"30;url=../results/{id}?look=100\"")),
        ("?look=stop", None),
    ] {
        let page = look(&service, &format!("/results/{id}{query}")).await.is(200);
        match expected {
            Some(text) => assert!(page.text().contains(&text.replace("{id}", &id)), "{query}"),
            None => assert!(!page.text().contains("http-equiv"), "{query}"),
        }
    }
}

#[tokio::test]
async fn a_refused_form_keeps_the_text_and_shows_the_place() {
    let service = service();
    let text = ">mine\r\nMKVLT\r\nMK?LT";
    let page = send_form(&service, &[("seq", text), ("name", "my <name>")]).await.is(422);
    let html = page.text();
    assert!(html.contains("<title>Error: Not a protein sequence"), "{html}");
    assert!(html.contains("data-line=\"3\" data-column=\"3\""), "{html}");
    assert!(html.contains("MK?LT</textarea>") && html.contains("role=\"alert\""));
    assert!(html.contains("my &#60;name&#62;") && !html.contains("my <name>"));
    // Nucleotides: the option that takes them is in sight.
    let page = send_form(&service, &[("seq", "ATGGCATGCATGCATCGATCGATCGACTAGCTAGCTAGC")]).await.is(422);
    assert!(page.text().contains("<details open>"), "{}", page.text());
    let forced = [("seq", "ATGGCATGCATGCATCGATCGATCGACTAGCTAGCTAGC"), ("force", "on")];
    sent_to(send_form(&service, &forced).await, "results");
    send_form(&service, &[("seq", " ")]).await.is(422);
    // What is too long is not shown again: a `<` would become five bytes.
    let long = send_form(&service, &[("seq", "MKVLT"), ("name", &"<".repeat(100_000))]).await.is(413);
    assert!(long.body.len() < 10_000, "{}", long.body.len());
    send_form(&service, &[("example", "other")]).await.is(400);
    let wrong_form = browse(&service, "POST", "/predict").body("text/plain", "MKVLT").send().await;
    assert!(wrong_form.is(415).text().contains("<form"));
}

#[tokio::test(start_paused = true)]
async fn many_records_become_a_batch_with_a_table() {
    let service = service();
    let text = ">a\nMKVLT\n>long\nAYGKLAYGKL\n>bad\nMK?LT\n>c\nGGGGG\n";
    let id = sent_to(send_form(&service, &[("seq", text)]).await, "batches");
    let path = format!("/batches/{id}");
    let page = look(&service, &path).await.is(200);
    for text in ["Batch of 4", "3 on their way", "Refused", "1 without a result"] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    service.work_all().await;
    let page = look(&service, &path).await.is(200);
    assert!(page.text().contains("3 of 4 with a result"));
    assert_eq!(page.text().matches("class=\"strip\"").count(), 3);
    assert!(!page.text().contains("http-equiv"));
    let order = |page: &Answer| -> Vec<String> {
        let cells = page.text().split("<th scope=\"row\">").skip(1);
        let text = |cell: &str| cell.split("</th>").next().unwrap().replace("</a>", "");
        cells.map(|cell| text(cell).rsplit('>').next().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("", vec!["a", "long", "bad", "c"]),
        ("?sort=length", vec!["long", "a", "c", "bad"]),
        ("?sort=name", vec!["a", "bad", "c", "long"]),
        ("?show=finished", vec!["a", "long", "c"]),
        ("?show=without", vec!["bad"]),
        ("?show=open", vec![]),
        ("?from=3", vec!["bad", "c"]),
        ("?from=99", vec!["a", "long", "bad", "c"]),
        ("?look=4294967295", vec!["a", "long", "bad", "c"]),
    ] {
        assert_eq!(order(&look(&service, &format!("{path}{query}")).await.is(200)), expected, "{query}");
    }
    look(&service, &format!("{path}?sort=colour")).await.is(400);
    // Both the text field and the file.
    let body = "--x\r\nContent-Disposition: form-data; name=\"seq\"\r\n\r\nMKVLT\r\n--x\r\nContent-Disposition: form-data; \
                name=\"seq\"; filename=\"a.fasta\"\r\n\r\n>b\nAYGKL\n\r\n--x--\r\n";
    let both =
        browse(&service, "POST", "/predict").body("multipart/form-data; boundary=x", body).send().await;
    sent_to(both, "batches");
}

#[tokio::test(start_paused = true)]
async fn a_double_click_makes_one_job() {
    let service = service();
    let form = [("seq", "MKVLT"), ("once", "a-value-of-the-page")];
    let id = sent_to(send_form(&service, &form).await, "results");
    assert_eq!(sent_to(send_form(&service, &form).await, "results"), id);
    // The browser went back, and the text was changed: another request.
    let changed = [("seq", "MKVLTA"), ("once", "a-value-of-the-page")];
    assert_ne!(sent_to(send_form(&service, &changed).await, "results"), id);
    // The first job is deleted: the same form makes a new one.
    browse(&service, "POST", &format!("/results/{id}/delete")).send().await.is(303);
    assert_ne!(sent_to(send_form(&service, &form).await, "results"), id);
}

#[tokio::test(start_paused = true)]
async fn deletion_is_asked_for_on_a_page_of_its_own() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let page = look(&service, &format!("/results/{id}/delete")).await.is(200);
    assert!(page.text().contains("cannot be undone"));
    look(&service, &format!("/results/{id}")).await.is(200);
    let deleted = browse(&service, "POST", &format!("/results/{id}/delete")).send().await.is(303);
    assert_eq!(deleted.header("location"), Some("../../history"));
    assert!(look(&service, &format!("/results/{id}")).await.is(404).text().contains("Check the link"));
    let batch = sent_to(send_form(&service, &[("seq", ">a\nMKVLT\n>b\nAYGKL\n")]).await, "batches");
    assert!(
        look(&service, &format!("/batches/{batch}/delete")).await.is(200).text().contains("the batch of 2")
    );
    browse(&service, "POST", &format!("/batches/{batch}/cancel")).send().await.is(303);
    browse(&service, "POST", &format!("/batches/{batch}/delete")).send().await.is(303);
    // The form of a batch that was deleted is shown anew, and then works.
    let again = [("seq", ">a\nMKVLT\n>b\nAYGKL\n"), ("once", "again")];
    let batch_again = sent_to(send_form(&service, &again).await, "batches");
    browse(&service, "POST", &format!("/batches/{batch_again}/delete")).send().await.is(303);
    assert!(send_form(&service, &again).await.is(410).text().contains("AYGKL\n</textarea>"));
    look(&service, &format!("/batches/{batch}")).await.is(404);
}

#[tokio::test]
async fn other_sites_cause_nothing() {
    let service = service();
    let posts = PAGES.iter().filter(|page| page.verb == pssp_api::route::Verb::Post);
    let mut count = 0;
    for page in posts {
        let path = page.path.replace("{id}", UNKNOWN_ID);
        let ask = service.ask("POST", &path).header("sec-fetch-site", "cross-site");
        let form = ask.body("application/x-www-form-urlencoded", "seq=MKVLT");
        let hidden = service.ask("POST", &path).header("origin", "null").header("host", "a.example");
        hidden.body("application/x-www-form-urlencoded", "seq=MKVLT").send().await.is(403);
        assert!(form.send().await.is(403).text().contains("another site"), "{path}");
        count += 1;
    }
    assert_eq!(count, 8);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_has_the_page_does_not_get_it_again() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/results/{id}");
    let tag = look(&service, &path).await.is(200).header("etag").unwrap().to_owned();
    let again = || browse(&service, "GET", &path).header("if-none-match", &tag);
    assert!(again().send().await.is(304).body.is_empty());
    service.work(&id).await;
    again().send().await.is(200);
}

#[tokio::test]
async fn files_of_pages_are_kept_for_good_by_their_digest() {
    let service = service();
    let home = look(&service, "/").await;
    let (_, rest) = home.text().split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    let path = format!("/{}", rest.split('"').next().unwrap());
    let style = service.get(&path).await.is(200);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let old = service.get("/assets/000000000000-page.css").await.is(200);
    assert_eq!((old.header("cache-control"), &old.body), (Some("no-store"), &style.body));
    service.get("/assets/none").await.is(404);
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_text_for_others() {
    let service = service();
    for path in [format!("/results/{UNKNOWN_ID}"), "/results/x".to_owned(), "/nowhere/at/all".to_owned()] {
        let page = look(&service, &path).await.is(404);
        assert!(page.text().contains("request "), "{path}");
    }
    assert_eq!(
        service.get("/nowhere").await.is(404).header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    browse(&service, "GET", "/v1/nowhere").send().await.problem(404, "not-found");
}

/// Also what is refused before a handler runs.
#[tokio::test]
async fn every_page_answers_errors_with_a_page() {
    let service = service();
    for page in PAGES.iter().filter(|page| !page.path.starts_with("/assets/")) {
        let path = page.path.replace("{id}", UNKNOWN_ID);
        let answer = service.ask("PUT", &path).send().await.is(405);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    }
}

/// The scores on the page are those of the model card, and are shown for the method that it is about.
#[tokio::test]
async fn the_scores_are_those_of_the_model_card() {
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model");
    let card = std::fs::read_to_string(model.join("MODEL_CARD.md")).unwrap();
    let method: Method =
        serde_json::from_str(&std::fs::read_to_string(model.join("method.json")).unwrap()).unwrap();
    let page = |method| {
        let service = service();
        let app = App { methods: vec![method].into(), ..App::new(service.jobs.clone()) };
        Service { router: pssp_api::router(app), ..service }
    };
    let shown = look(&page(method.clone()), "/methods").await.is(200);
    for (score, in_card) in [
        ("TS115, 115 chains</td><td>73.8 % right", "| TS115 | 115 | 73.8 "),
        ("TS115, 115 chains</td><td>60.9 % right", "| 60.9 "),
        (
            "549 held-out chains</td><td>57.3 % right",
            "(549 chains of held-out 30 % clusters): three classes 57.3 ",
        ),
        ("CAID1, 652 proteins</td><td>AUC 0.875", "all proteins | 652 | 30.8 | .875 "),
    ] {
        assert!(shown.text().contains(score) && card.contains(in_card), "{score}");
    }
    assert!(shown.text().contains(&format!("Scores of {} {}", method.name, method.version)));
    let other = look(&page(Method { version: "other".to_owned(), ..method }), "/methods").await.is(200);
    assert!(!other.text().contains("73.8"));
}

#[tokio::test]
async fn links_work_behind_any_prefix() {
    let service = service();
    let id = service.submit("MKVLT").await;
    // A proxy that does not tell its prefix: links climb from the path that the browser wrote.
    for (path, root) in [
        ("/", ""),
        ("/docs", ""),
        ("/results/{id}", "../"),
        ("/results/{id}/", "../../"),
        ("/results/{id}/delete", "../../"),
    ] {
        let page = look(&service, &path.replace("{id}", &id)).await.is(200);
        assert!(page.text().contains(&format!("href=\"{root}history\"")), "{path}");
    }
    // A gateway that tells it: also a path without the slash at the end works.
    let gateway = Gateway { prefix: "/prod".to_owned(), ..Gateway::default() };
    let mut request =
        http::Request::get("/").header("accept", BROWSER).body(axum::body::Body::empty()).unwrap();
    request.extensions_mut().insert(gateway);
    let answer = service.router.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let html = std::str::from_utf8(&body).unwrap();
    assert!(html.contains("href=\"/prod/history\"") && html.contains("action=\"/prod/predict\""), "{html}");
}

#[tokio::test]
async fn a_notice_is_on_every_page_and_a_pause_closes_the_form() {
    let key = ApiKey { owner: Owner::new("admin"), key: "operator-key".to_owned() };
    let service = service_with(Config { admin_key: Some(key), ..Config::default() });
    let until = service.jobs.now().plus(std::time::Duration::from_secs(90));
    let notice = Notice {
        text: "moving <house>".into(),
        level: pssp_jobs::notice::Level::Critical,
        from: None,
        until: Some(until),
        pause_intake: true,
    };
    let post = service.ask("PUT", "/v1/admin/notice").header("x-api-key", "operator-key");
    post.body("application/json", serde_json::to_string(&notice).unwrap()).send().await.is(200);
    for path in ["/", "/history", "/status", "/methods", "/docs", "/key"] {
        let page = look(&service, path).await.is(200);
        assert!(
            page.text().contains("moving &#60;house&#62;") && page.text().contains("No new jobs now"),
            "{path}"
        );
    }
    let home = look(&service, "/").await;
    assert!(home.text().contains("type=\"submit\" disabled>Predict"));
    let refused = send_form(&service, &[("seq", "MKVLT")]).await.is(503);
    assert!(refused.text().contains("MKVLT</textarea>") && refused.text().contains("data-retry=\"90\""));
    assert_eq!(refused.header("retry-after"), Some("90"));
}

fn with_keys() -> Service {
    let key = ApiKey { owner: Owner::new("ann"), key: "a-key-of-ann".to_owned() };
    service_with(Config { api_keys: vec![key], anonymous: Anonymous::Refused, ..Config::default() })
}

#[tokio::test(start_paused = true)]
async fn a_key_is_entered_once_and_kept_in_a_cookie() {
    let service = with_keys();
    assert!(look(&service, "/").await.is(200).text().contains("asks for a key"));
    let asked = look(&service, &format!("/results/{UNKNOWN_ID}")).await.is(401);
    assert!(asked.text().contains(&format!("name=\"then\" value=\"results/{UNKNOWN_ID}\"")));
    let enter = async |key: &str| {
        let form = format!("key={key}&then=history");
        browse(&service, "POST", "/key").body("application/x-www-form-urlencoded", form).send().await
    };
    assert!(enter("wrong").await.is(401).text().contains("This is no key"));
    let entered = enter("a-key-of-ann").await.is(303);
    assert_eq!(entered.header("location"), Some("history"));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && cookie.contains("Path=/;"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let form = browse(&service, "POST", "/predict").header("cookie", cookie);
    let id = sent_to(form.body("application/x-www-form-urlencoded", "seq=MKVLT").send().await, "results");
    assert_eq!(service.job(&id).await.unwrap().head.owner, Owner::new("ann"));
    // What the script asks for is reached with the cookie, too; but nothing that another site causes is changed.
    browse(&service, "GET", &format!("/v1/jobs/{id}")).header("cookie", cookie).send().await.is(200);
    let foreign = service.ask("DELETE", &format!("/v1/jobs/{id}")).header("sec-fetch-site", "same-site");
    foreign.header("cookie", cookie).send().await.problem(403, "forbidden");
    // A link on another site: the browser keeps the cookie from the first request, so the page asks once more.
    let linked =
        service.ask("GET", &format!("/results/{id}")).header("sec-fetch-site", "cross-site").send().await;
    assert!(linked.is(401).text().contains("http-equiv=\"refresh\" content=\"0\""));
    assert!(!asked.text().contains("http-equiv"));
    let forget = browse(&service, "POST", "/key").header("cookie", cookie);
    let forgotten = forget.body("application/x-www-form-urlencoded", "").send().await.is(303);
    assert!(forgotten.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[tokio::test(start_paused = true)]
async fn a_link_lends_one_result_until_it_is_withdrawn() {
    let service = with_keys();
    let as_ann = |verb, path: &str| browse(&service, verb, path).header("x-api-key", "a-key-of-ann");
    let submit = as_ann("POST", "/v1/jobs").body("text/plain", "MKVLT").send().await.is(202).json();
    let id = submit["id"].as_str().unwrap().to_owned();
    let path = format!("/results/{id}");
    service.work(&id).await;
    assert!(as_ann("GET", &path).send().await.is(200).text().contains(&format!("{id}/share")));
    assert!(as_ann("GET", &format!("{path}/share")).send().await.is(200).text().contains("Make a link"));
    let make = async || {
        let made = as_ann("POST", &format!("{path}/share")).send().await.is(201);
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let (_, rest) = made.text().split_once("?link=").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let secret = make().await;
    // Whoever has the link reads the page, and what the page asks for; nothing else, and changes nothing.
    let read = browse(&service, "GET", &format!("{path}?link={secret}")).send().await.is(200);
    assert!(read.text().contains("you read it by a link of its owner") && !read.text().contains("/share"));
    let cookie = read.header("set-cookie").unwrap();
    assert!(cookie.starts_with("pssp_link_") && cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let by_link = |verb, path: &str| browse(&service, verb, path).header("cookie", &cookie);
    for read in [
        path.clone(),
        format!("/v1/jobs/{id}"),
        format!("/v1/jobs/{id}/result.json"),
        format!("/v1/jobs/{id}/plot.svg"),
    ] {
        by_link("GET", &read).send().await.is(200);
    }
    let other = as_ann("POST", "/v1/jobs").body("text/plain", "AYGKL").send().await.is(202).json();
    let other = other["id"].as_str().unwrap().to_owned();
    by_link("GET", &format!("/results/{other}")).send().await.is(401);
    browse(&service, "GET", &format!("/results/{other}?link={secret}")).send().await.is(410);
    // The owner needs no link to her own job, and one that has ended is no harm to her.
    for query in [format!("link={secret}"), "link=ended".to_owned()] {
        let own = as_ann("GET", &format!("{path}/share?{query}")).header("cookie", &cookie).send().await;
        assert!(own.is(200).text().contains("There is a link"), "{query}");
    }
    by_link("GET", "/v1/jobs").send().await.is(401);
    by_link("DELETE", &format!("/v1/jobs/{id}")).send().await.is(401);
    by_link("POST", &format!("{path}/delete")).send().await.is(401);
    by_link("GET", &format!("{path}/share")).send().await.is(404);
    let as_key = browse(&service, "GET", "/v1/jobs").header("x-api-key", &secret);
    as_key.send().await.is(403);
    // A new link ends the old one, and a withdrawn one is none.
    let second = make().await;
    browse(&service, "GET", &format!("{path}?link={secret}")).send().await.is(410);
    browse(&service, "GET", &format!("{path}?link={second}")).send().await.is(200);
    assert!(as_ann("GET", &format!("{path}/share")).send().await.is(200).text().contains("There is a link"));
    as_ann("POST", &format!("{path}/withdraw")).send().await.is(303);
    let ended = browse(&service, "GET", &format!("{path}?link={second}")).send().await.is(410);
    assert!(ended.text().contains("this link was withdrawn"));
    by_link("GET", &path).send().await.is(401);
}

#[tokio::test(start_paused = true)]
async fn strangers_read_by_link_and_change_nothing() {
    let service = service_with(Config { anonymous: Anonymous::Unlisted, ..Config::default() });
    let sent = send_form(&service, &[("seq", "MKVLT")]).await;
    let cookie = sent.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let id = sent_to(sent, "results");
    let page = look(&service, &format!("/results/{id}")).await.is(200);
    assert!(page.text().contains("anyone with the link can read it") && !page.text().contains("/delete"));
    browse(&service, "GET", &format!("/results/{id}/delete")).send().await.is(404);
    browse(&service, "POST", &format!("/results/{id}/share")).send().await.is(404);
    // Where everybody reads by id, a link is a part of the query that says nothing.
    browse(&service, "GET", &format!("/results/{id}?link=x")).send().await.is(200);
    browse(&service, "POST", &format!("/results/{id}/cancel")).send().await.is(404);
    browse(&service, "POST", &format!("/results/{id}/delete")).send().await.is(404);
    let own = browse(&service, "POST", &format!("/results/{id}/delete")).header("cookie", &cookie);
    own.send().await.is(303);
}

#[tokio::test(start_paused = true)]
async fn windows_of_a_long_chain() {
    let service = service();
    let id = service.submit(&"MKVLTAYGKL".repeat(200)).await;
    service.work(&id).await;
    let path = format!("/results/{id}");
    for (query, first, pieces) in
        [("", "r1", 30), ("?from=601", "r601", 30), ("?from=1801", "r1801", 10), ("?all", "r1", 100)]
    {
        let page = look(&service, &format!("{path}{query}")).await.is(200);
        assert_eq!(page.text().matches("class=\"piece\"").count(), pieces, "{query}");
        assert!(page.text().contains(&format!("id=\"{first}\"")), "{query}");
    }
    look(&service, &format!("{path}?from=x")).await.is(400);
}

#[tokio::test]
async fn jobs_and_batches_name_their_pages() {
    let service = service();
    let job = service.post("/v1/jobs", "text/plain", "MKVLT").await.is(202).json();
    look(&service, job["links"]["page"].as_str().unwrap()).await.is(200);
    let batch = service.post("/v1/batches", "text/plain", ">a\nMKVLT\n>b\nAYGKL\n").await.is(202).json();
    look(&service, batch["links"]["page"].as_str().unwrap()).await.is(200);
}

#[tokio::test]
async fn the_interface_is_described_for_people() {
    let service = service();
    let page = look(&service, "/docs").await.is(200);
    let paths = pssp_api::ROUTES.iter().flat_map(pssp_api::route::Route::paths);
    for path in paths {
        assert!(page.text().contains(&format!("</strong> {path}</code>")), "{path}");
    }
}
