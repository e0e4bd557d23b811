//! The depth of the queue, read at most once in a while.

use std::time::Duration;

use pssp_jobs::Depth;

use crate::app::Ctx;

/// A store that needs more time counts as unavailable.
pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// The depth of the queue as of a moment ago, if the store answers in time.
pub(crate) async fn depth(ctx: &Ctx) -> Option<Depth> {
    let read = async { tokio::time::timeout(STORE_TIMEOUT, ctx.jobs().depth()).await.ok()?.ok() };
    ctx.depth.get(read).await
}
