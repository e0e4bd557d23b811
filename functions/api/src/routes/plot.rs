//! `/v1/jobs/{id}/plot.svg` and `.png`: pictures of a result.

use std::str::FromStr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use pssp_predict::plot::{self, PlotError};

use super::path::{JobPath, extension};
use crate::app::Ctx;
use crate::auth::Caller;
use crate::immutable::Tag;
use crate::input;
use crate::problem::Problem;
use crate::render::Finished;

/// The kind of plot.
#[derive(Debug, Clone, Copy, Default)]
enum Kind {
    /// Every property along the chain.
    #[default]
    Tracks,
    /// How often each amino acid occurs.
    Composition,
}

impl Kind {
    /// The names of all kinds, the default first.
    #[cfg(feature = "openapi")]
    const NAMES: [&str; 2] = [Self::Tracks.name(), Self::Composition.name()];

    const fn name(self) -> &'static str {
        match self {
            Self::Tracks => "tracks",
            Self::Composition => "composition",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "tracks" => Ok(Self::Tracks),
            "composition" => Ok(Self::Composition),
            _ => Err(()),
        }
    }
}

pub(super) async fn read(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let kind: Kind = input::query(&parts)?.parsed("kind", "tracks or composition")?.unwrap_or_default();
    let is_png = extension(&parts.uri) == Some("png");
    let (media, suffix) = if is_png { ("image/png", "png") } else { ("image/svg+xml", "svg") };
    let tag = Tag::new(id, &format!("{}.{suffix}", kind.name()));
    if let Some(known) = tag.known(&ctx, &caller, id, &parts.headers).await? {
        return Ok(known.into_response());
    }
    let finished = Finished::read(&ctx, &caller, id).await?;
    let caching = tag.headers(&ctx, &finished.job);
    let picture = ctx
        .cpu
        .run(&caller.client, move || draw(&finished, kind, is_png))
        .await?
        .map_err(|e| Problem::internal(&e))?;
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{id}.{suffix}\"")),
        // A browser opens an SVG as a document. This one must not run scripts or load anything.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; font-src data:".to_owned(),
        ),
    ];
    Ok((caching, headers, picture).into_response())
}

fn draw(finished: &Finished, kind: Kind, is_png: bool) -> Result<Vec<u8>, PlotError> {
    let sequence = &finished.request.sequence;
    let id = finished.job.id().to_string();
    let svg = match kind {
        Kind::Tracks => {
            let name = finished.job.head.name.as_deref().unwrap_or(&id);
            plot::tracks_svg(&finished.prediction, sequence, name)
        }
        Kind::Composition => plot::composition_svg(sequence),
    };
    if is_png { plot::png(&svg) } else { Ok(svg.into_bytes()) }
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use super::Kind;
    use crate::operation::{Answer, Operation};

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        let (id, summary, media) = match o.extension() {
            "png" => ("readPlotPng", "A picture of a result as PNG", "image/png"),
            _ => ("readPlotSvg", "A picture of a result as SVG", "image/svg+xml"),
        };
        let kinds = pssp_api_types::schema::one_of(Kind::NAMES).default(Some(Kind::NAMES[0].into()));
        o.id(id, "results", summary)
            .header("If-None-Match", "the ETag of the picture that the caller has")
            .query("kind", "every property along the chain, or how often each amino acid occurs", kinds)
            .answer(200, Answer::bytes("the picture", media).headers(["Content-Disposition", "ETag"]))
            .answer(304, Answer::new("as the caller has it").headers(["ETag"]))
            .problems([(400, "Unparsable"), (404, "NotFound"), (409, "NoResult"), (410, "Expired")])
    }
}
