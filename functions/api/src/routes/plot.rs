//! `/v1/jobs/{id}/plot.svg` and `.png`: pictures of a result.

use std::str::FromStr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use pssp_predict::plot::{self, PlotError};

use super::{JobPath, extension};
use crate::app::Ctx;
use crate::auth::Caller;
use crate::input;
use crate::problem::Problem;
use crate::render::Finished;

/// What is drawn.
#[derive(Debug, Clone, Copy, Default)]
enum Kind {
    /// Every property along the chain.
    #[default]
    Tracks,
    /// How often each amino acid occurs.
    Composition,
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
    Caller(owner): Caller,
    JobPath(id): JobPath,
    parts: Parts,
) -> Result<Response, Problem> {
    let kind: Kind = input::query(&parts)?.parsed("kind", "tracks or composition")?.unwrap_or_default();
    let is_png = extension(&parts.uri) == Some("png");
    let finished = Finished::find(&ctx, &owner, id).await?;
    let picture =
        ctx.cpu.run(move || draw(&finished, kind, is_png)).await?.map_err(|e| Problem::internal(&e))?;
    let (media, suffix) = if is_png { ("image/png", "png") } else { ("image/svg+xml", "svg") };
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{id}.{suffix}\"")),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        // An SVG opened on its own is a document: it may run nothing and load nothing.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; font-src data:".to_owned(),
        ),
    ];
    Ok((headers, picture).into_response())
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
