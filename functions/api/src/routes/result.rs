//! `/v1/jobs/{id}/result`: the result of a job in any format.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use pssp_predict::Method;
use pssp_predict::format::Format;
use pssp_predict::structure::{Structure, StructureError, Structures};

use super::path::{JobPath, extension};
use crate::app::Ctx;
use crate::auth::Caller;
use crate::headers::METHOD;
use crate::immutable::Tag;
use crate::input::{self, Fields};
use crate::negotiate;
use crate::problem::{Kind, Problem};
use crate::render::Finished;

pub(super) async fn read(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = input::query(&parts)?;
    let asked = negotiate::named(&query, extension(&parts.uri))?;
    let format = negotiate::format(&parts.headers, asked, Format::Json)?;
    let structures = structures(&query, &parts.uri, 1)?;
    let tag = Tag::new(id, &form(format, structures.of(0)));
    if let Some((status, mut headers)) = tag.known(&ctx, &caller, id, &parts.headers).await? {
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        return Ok((status, headers).into_response());
    }
    let finished = Finished::read(&ctx, &caller, id).await?;
    let length = finished.prediction.len();
    let mut headers = file_headers(format, &id.to_string());
    headers.extend(tag.headers(&ctx, &finished.job));
    headers.extend(method_header(finished.prediction.method()));
    // A format writes about a hundred bytes for each residue.
    let body =
        ctx.cpu.run_if_large(&caller.client, length * 100, move || finished.write(format, structures.of(0)));
    let body = body.await??;
    Ok((headers, body).into_response())
}

/// Where the sequences of an answer are in structures. A path with the extension of a format that has no use for it
/// takes no such fields.
pub(super) fn structures(query: &Fields, uri: &Uri, sequences: usize) -> Result<Structures, Problem> {
    if extension(uri).and_then(Format::from_extension).is_some_and(|format| !format.uses_structure()) {
        return Ok(Structures::default());
    }
    let wrong = |error: StructureError| Problem::new(Kind::Unparsable, error.to_string());
    let (chains, first) = (query.text("chain")?, query.text("first_residue")?);
    let structures = Structures::parse(chains.as_deref(), first.as_deref()).map_err(wrong)?;
    structures.check(sequences).map_err(wrong)?;
    Ok(structures)
}

/// The name of what is written: the format, and what it is told.
fn form(format: Format, structure: Structure<'_>) -> String {
    let chain = structure.chain.map(|chain| format!("-chain-{chain}")).unwrap_or_default();
    let first = structure.first_residue.map(|first| format!("-from-{first}")).unwrap_or_default();
    format!("{}{chain}{first}", format.extension())
}

/// A header with method, version and weights, because not every format contains them.
fn method_header(method: &Method) -> Option<(HeaderName, HeaderValue)> {
    let text = format!("{} {} sha256:{}", method.name, method.version, method.sha256);
    Some((METHOD, HeaderValue::try_from(text).ok()?))
}

/// Headers with which a browser shows the file, and saves it under the name `stem` with the extension.
pub(super) fn file_headers(format: Format, stem: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let disposition = format!("inline; filename=\"{stem}.{}\"", format.extension());
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{JobResult, TrackResult};
    use pssp_predict::format::{FORMATS, Format};
    use utoipa::ToSchema;
    use utoipa::openapi::Ref;

    use crate::operation::{Answer, Operation, media, text};

    /// A response with one result in `format`.
    fn with(answer: Answer, format: Format) -> Answer {
        match format {
            Format::Json => answer.content("application/json", Ref::from_schema_name(JobResult::name())),
            other => answer.content(media(other), text()),
        }
    }

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        let answer = Answer::new("the result")
            .with_schema::<JobResult>()
            .with_schema::<TrackResult>()
            .headers(["Content-Disposition", "ETag", "X-Pssp-Method"]);
        let problems = [(404, "NotFound"), (409, "NoResult"), (410, "Expired")];
        match o.format() {
            None => o
                .id("readResult", "results", "A result, in the format that Accept asks for; JSON by default")
                .details("Each format also has a path of its own.")
                .answer(200, FORMATS.iter().copied().fold(answer, with))
                .problem(406, "NotAcceptable"),
            Some(format) => {
                let (id, summary) = named("readResultAs", "A result as", format);
                o.id(&id, "results", &summary).answer(200, with(answer, format))
            }
        }
        .structure(false)
        .header("If-None-Match", "the ETag of the result that the caller has")
        .answer(304, Answer::new("as the caller has it").headers(["ETag"]))
        .problems(problems)
    }

    /// Operation id and summary of the route for one format.
    pub(in crate::routes) fn named(id: &str, summary: &str, format: Format) -> (String, String) {
        let mut name = format.extension().to_owned();
        name[..1].make_ascii_uppercase();
        (format!("{id}{name}"), format!("{summary} {}", format.name()))
    }
}
