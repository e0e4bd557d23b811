//! Turns signals into a [`CancellationToken`].

use std::io;

use tokio_util::sync::CancellationToken;

/// A token that the first SIGTERM or SIGINT cancels. The second signal ends the process at once,
/// with the exit status that the signal would have given.
///
/// # Errors
/// If the signal handlers cannot be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut signals = Signals::new()?;
    let token = CancellationToken::new();
    let shutdown = token.clone();
    tokio::spawn(async move {
        let (name, _) = signals.next().await;
        tracing::info!(signal = name, "{name}: shutting down; a second signal ends at once");
        shutdown.cancel();
        let (name, status) = signals.next().await;
        tracing::warn!(signal = name, "{name} again: ending at once");
        std::process::exit(status);
    });
    Ok(token)
}

#[cfg(unix)]
struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal. Returns its name, and 128 plus its number.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.term.recv() => ("SIGTERM", 143),
            _ = self.int.recv() => ("SIGINT", 130),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as on unix")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> (&'static str, i32) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        ("Ctrl-C", 130)
    }
}
