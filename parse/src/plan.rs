//! Placeholder of the plan reader.

/// The shape of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanFingerprint(pub u64);

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The statement.
    pub query: Vec<u8>,
    /// Shape.
    pub fingerprint: PlanFingerprint,
    /// The server's identifier.
    pub server_query_id: Option<i64>,
}

/// Reads plans.
#[derive(Debug, Default)]
pub(crate) struct PlanReader {}

impl PlanReader {
    pub(crate) fn read(&mut self, _payload: &[u8]) -> Option<Plan> {
        None
    }
}
