//! The outcomes of calls that shared a statement.

use crate::database::Database;
use crate::error::Fault;

/// A call that can share a statement with others.
pub(crate) trait Member: Send + Sync + Sized {
    /// The outcome of one call.
    type Outcome: Send;

    /// Runs one statement for all calls, and returns one outcome for each, in order.
    fn statement(
        database: &Database,
        now: Option<i64>,
        calls: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, Fault>> + Send;
}

/// Runs a statement for all calls, and returns an outcome for each. If the server refuses it for what it contains, each
/// call has a statement of its own, so that one bad call does not fail the others.
pub(crate) async fn each<C: Member>(
    database: &Database,
    now: Option<i64>,
    calls: &[C],
) -> Vec<Result<C::Outcome, Fault>> {
    let fault = match C::statement(database, now, calls).await {
        Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
        Err(fault) => fault,
    };
    if !fault.is_of_data || calls.len() == 1 {
        return calls.iter().map(|_| Err(fault.clone())).collect();
    }
    let mut outcomes = Vec::with_capacity(calls.len());
    for call in calls {
        let outcome = C::statement(database, now, std::slice::from_ref(call)).await;
        let missing = || Fault::refused("the server gave no answer".to_owned());
        outcomes.push(outcome.and_then(|mut outcomes| outcomes.pop().ok_or_else(missing)));
    }
    outcomes
}
