//! Rules of memory: queries whose sorts and hashes go to files.

use std::collections::HashMap;

use slowlake_sql::Session;

use super::{AdviceCard, Claim, Subject, among};
use crate::error::AnalyzeError;
use crate::filter::Filters;
use crate::rows::each_row;
use crate::window::TimeWindow;

/// Temporary files of a week that are worth telling.
const FILES_MIN: i64 = 20;

/// The temporary files of one query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spill {
    files: i64,
    bytes: i64,
    largest_bytes: i64,
}

/// Temporary files by query.
pub(super) async fn temporary_files(
    session: &Session,
    week: TimeWindow,
    fingerprints: &[i64],
) -> Result<HashMap<i64, Spill>, AnalyzeError> {
    let statement = format!(
        "SELECT fingerprint, count(*), sum(size_bytes), max(size_bytes) FROM server_events \
         WHERE event = 'temporary_file' AND {} AND {} GROUP BY fingerprint HAVING count(*) >= {FILES_MIN}",
        among(fingerprints),
        Filters::default().condition_on(Some(week), "ts")
    );
    let mut spills = HashMap::new();
    each_row(session.query(&statement).await?, |rows, row| {
        let number = |column| rows.integer(row, column).unwrap_or_default();
        let spill = Spill {
            files: number(1),
            bytes: number(2),
            largest_bytes: number(3),
        };
        spills.insert(number(0), spill);
    })
    .await?;
    Ok(spills)
}

pub(super) fn card(subject: &Subject<'_>, spill: &Spill) -> AdviceCard {
    let megabytes = |bytes: i64| bytes as f64 / 1e6;
    subject.card(Claim {
        rule: "temporary_files",
        claim: format!("sorts or hashes on disk: {} temporary files", spill.files),
        confidence: 'B',
        evidence: vec![
            ("temporary files", spill.files.to_string()),
            ("together, MB", format!("{:.0}", megabytes(spill.bytes))),
            (
                "the largest, MB",
                format!("{:.1}", megabytes(spill.largest_bytes)),
            ),
        ],
        gain: [0.3, 0.05, 0.7],
        statements: Some((
            format!(
                "SET work_mem = '{:.0}MB'  -- for this query's role or transaction, not for all",
                (2.0 * megabytes(spill.largest_bytes)).max(8.0)
            ),
            "RESET work_mem".to_owned(),
        )),
        risk: "each sort and hash of each session may take so much memory",
        verify: "sum(calls) AS calls, sum(total_us) / sum(calls) AS mean_us",
    })
}
