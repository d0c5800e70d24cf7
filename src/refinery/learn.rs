//! What the queue learns of itself from what became of requests and runs.

/// Prior of the culprit rate, Beta(1, 19): as if one of twenty requests had been ejected.
const PRIOR_EJECTED: f64 = 1.0;
const PRIOR_LANDED: f64 = 19.0;

/// Returns the expected rate of culprits after so many requests landed and were ejected: the posterior mean of
/// Beta(1, 19), which is 5 % without history.
#[expect(clippy::cast_precision_loss, reason = "no queue lands 2^53 requests")]
pub(super) fn culprit_rate(landed: u64, ejected: u64) -> f64 {
    let ejected = PRIOR_EJECTED + ejected as f64;
    ejected / (ejected + PRIOR_LANDED + landed as f64)
}
