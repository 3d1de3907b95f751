//! Findings: what a job claims, in the form in which it is kept, and what becomes of it when the job claims it again or a person says
//! something of it. Reads what is kept; never writes it.

use serde::Serialize;
use slowlake_sql::Session;
use slowlake_store::FindingRow;

use crate::error::AnalyzeError;
use crate::rows::{each_row, time};

/// Claims of the same thing this near (µs) are the same claim: an onset is told more exactly the longer it is ago.
const SAME_CLAIM_US: i64 = 60 * 3_600_000_000;

/// A claim of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The job.
    pub job: &'static str,
    /// What is claimed, such as `slower`.
    pub kind: &'static str,
    /// The server it is about.
    pub server: Option<String>,
    /// The query it is about.
    pub fingerprint: Option<i64>,
    /// What it is about, in words.
    pub subject: String,
    /// When what is claimed began, µs since 1970 UTC.
    pub from_us: i64,
    /// The job knew the hours before this, µs since 1970 UTC.
    pub as_of_us: i64,
    /// The claim, in words.
    pub claim: String,
    /// How large it is: 0.2 is 20 % more.
    pub effect: Option<f64>,
    /// How sure it is, from 0 to 1.
    pub confidence: Option<f64>,
    /// What speaks for it, as JSON.
    pub evidence: String,
    /// Whether it is over.
    pub is_resolved: bool,
}

/// What a person says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Somebody takes care of it.
    Acknowledge,
    /// It is not to be spoken of until then, µs since 1970 UTC.
    MuteUntil(i64),
    /// It is over.
    Resolve,
}

/// The newest revision of every finding of a lake, by id.
///
/// # Errors
/// [`AnalyzeError::Sql`] if the lake cannot be queried.
pub async fn known_findings(session: &Session) -> Result<Vec<FindingRow>, AnalyzeError> {
    let mut known = Vec::new();
    let statement = "SELECT id, revision, job, kind, server, fingerprint, subject, from_ts, to_ts, as_of, claim, \
                     CAST(round(effect * 1e6) AS BIGINT), CAST(round(confidence * 1e6) AS BIGINT), evidence, state, \
                     changed_by, note, muted_until FROM findings ORDER BY id";
    each_row(session.query(statement).await?, |rows, row| {
        let text = |column| rows.text(row, column).map(str::to_owned);
        known.push(FindingRow {
            id: text(0).unwrap_or_default(),
            revision: rows.integer(row, 1).unwrap_or_default(),
            job: text(2).unwrap_or_default(),
            kind: text(3).unwrap_or_default(),
            server: text(4),
            fingerprint: rows.integer(row, 5),
            subject: text(6).unwrap_or_default(),
            from_us: time(rows, row, 7),
            to_us: time(rows, row, 8),
            as_of_us: time(rows, row, 9).unwrap_or_default(),
            claim: text(10).unwrap_or_default(),
            effect_ppm: rows.integer(row, 11),
            confidence_ppm: rows.integer(row, 12),
            evidence: text(13).unwrap_or_default(),
            state: text(14).unwrap_or_default(),
            changed_by: text(15),
            note: text(16),
            muted_until_us: time(rows, row, 17),
        });
    })
    .await?;
    Ok(known)
}

/// The finding that is kept of a claim, if one is.
pub fn kept<'k>(known: &'k [FindingRow], found: &Finding) -> Option<&'k FindingRow> {
    let same = known.iter().filter(|row| {
        (row.job.as_str(), row.kind.as_str()) == (found.job, found.kind)
            && (&row.server, row.fingerprint) == (&found.server, found.fingerprint)
            && (found.fingerprint.is_some() || row.subject == found.subject)
    });
    let distance = |row: &FindingRow| (row.from_us.unwrap_or(i64::MIN / 2) - found.from_us).abs();
    same.filter(|row| distance(row) <= SAME_CLAIM_US)
        .min_by_key(|row| (distance(row), row.id.as_str()))
}

/// The revisions that make what is kept say what a job claims. None for what it says already, or what a later run of the job has said.
pub fn revisions(known: &[FindingRow], found: &[Finding]) -> Vec<FindingRow> {
    found
        .iter()
        .filter_map(|found| match kept(known, found) {
            None => Some(row(found)),
            Some(old) => revision(old, found),
        })
        .collect()
}

/// The revision that a reply makes of a finding.
pub fn replied(known: &FindingRow, reply: Reply, by: Option<&str>, note: Option<&str>) -> FindingRow {
    let (state, muted_until_us) = match reply {
        Reply::Acknowledge => ("acknowledged", None),
        Reply::MuteUntil(us) => ("muted", Some(us)),
        Reply::Resolve => ("resolved", None),
    };
    FindingRow {
        revision: known.revision + 1,
        state: state.to_owned(),
        changed_by: by.map(str::to_owned),
        note: note.map(str::to_owned),
        muted_until_us,
        ..known.clone()
    }
}

/// The state of a finding at a moment: one that was muted until before is open again.
pub fn state_at(row: &FindingRow, us: i64) -> &str {
    match row.muted_until_us {
        Some(until_us) if row.state == "muted" && until_us <= us => "open",
        _ => &row.state,
    }
}

fn row(found: &Finding) -> FindingRow {
    let ppm = |value: f64| (value * 1e6).round() as i64;
    FindingRow {
        id: id(found),
        revision: 0,
        job: found.job.to_owned(),
        kind: found.kind.to_owned(),
        server: found.server.clone(),
        fingerprint: found.fingerprint,
        subject: found.subject.clone(),
        from_us: Some(found.from_us),
        to_us: found.is_resolved.then_some(found.as_of_us),
        as_of_us: found.as_of_us,
        claim: found.claim.clone(),
        effect_ppm: found.effect.map(ppm),
        confidence_ppm: found.confidence.map(ppm),
        evidence: found.evidence.clone(),
        state: if found.is_resolved { "resolved" } else { "open" }.to_owned(),
        ..FindingRow::default()
    }
}

fn revision(old: &FindingRow, found: &Finding) -> Option<FindingRow> {
    if found.as_of_us < old.as_of_us {
        return None;
    }
    let was_resolved = old.state == "resolved";
    let mut new = FindingRow {
        id: old.id.clone(),
        revision: old.revision,
        from_us: old.from_us,
        as_of_us: old.as_of_us,
        changed_by: old.changed_by.clone(),
        note: old.note.clone(),
        muted_until_us: old.muted_until_us,
        ..row(found)
    };
    // What a person said of it holds until it is over, and that it is over where a person said that.
    let keeps_state = found.is_resolved == was_resolved || was_resolved && old.changed_by.is_some();
    if keeps_state {
        (new.state, new.to_us) = (old.state.clone(), old.to_us);
    }
    if new == *old {
        return None;
    }
    new.revision += 1;
    new.as_of_us = found.as_of_us;
    Some(new)
}

/// 16 hex digits of what a claim is about (FNV-1a).
fn id(found: &Finding) -> String {
    let fingerprint = found.fingerprint.map(|fingerprint| format!("{fingerprint:016x}"));
    let parts = [
        found.job,
        found.kind,
        found.server.as_deref().unwrap_or("\0"),
        fingerprint.as_deref().unwrap_or(&found.subject),
        &found.from_us.to_string(),
    ];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn found(from_hour: i64, as_of_hour: i64, claim: &str, is_resolved: bool) -> Finding {
        Finding {
            job: "regressions",
            kind: "slower",
            server: Some("db1".to_owned()),
            fingerprint: Some(7),
            subject: "SELECT ?".to_owned(),
            from_us: from_hour * HOUR_US,
            as_of_us: as_of_hour * HOUR_US,
            claim: claim.to_owned(),
            effect: Some(0.2),
            confidence: None,
            evidence: "{}".to_owned(),
            is_resolved,
        }
    }

    /// Revision, claim and state of what a run wrote; none where it wrote nothing.
    type Written = Option<(i64, &'static str, &'static str)>;

    fn check(runs: &[(Finding, Written)]) {
        let mut known: Vec<FindingRow> = Vec::new();
        for (found, expect) in runs {
            let written = revisions(&known, std::slice::from_ref(found));
            let told = written
                .first()
                .map(|row| (row.revision, row.claim.as_str(), row.state.as_str()));
            assert_eq!(told, *expect, "{found:?}");
            if let Some(new) = written.into_iter().next() {
                known = vec![new];
            }
            assert!(revisions(&known, std::slice::from_ref(found)).is_empty());
        }
    }

    #[test]
    fn saying_the_same_again_changes_nothing() {
        check(&[
            (found(100, 130, "+20 %", false), Some((0, "+20 %", "open"))),
            // The onset is told more exactly, later.
            (found(102, 154, "+20 %", false), None),
            (found(102, 178, "+22 %", false), Some((1, "+22 %", "open"))),
            // A run as of an earlier time knows less.
            (found(100, 130, "+20 %", false), None),
            (found(102, 202, "+22 %", true), Some((2, "+22 %", "resolved"))),
            (found(102, 226, "+22 %", true), None),
        ]);
    }

    #[test]
    fn another_time_is_another_finding() {
        let known = revisions(&[], &[found(100, 130, "+20 %", false)]);
        let other = revisions(&known, &[found(300, 330, "+20 %", false)]);
        assert_eq!((other.len(), other[0].revision), (1, 0));
        assert_ne!(other[0].id, known[0].id);
    }

    #[test]
    fn what_a_person_said_holds() {
        let known = revisions(&[], &[found(100, 130, "+20 %", false)]);
        let muted = replied(
            &known[0],
            Reply::MuteUntil(500 * HOUR_US),
            Some("ann"),
            Some("known"),
        );
        assert_eq!((muted.revision, muted.state.as_str()), (1, "muted"));
        let later = revisions(std::slice::from_ref(&muted), &[found(100, 154, "+25 %", false)]);
        assert_eq!((later[0].revision, later[0].state.as_str()), (2, "muted"));
        assert_eq!(later[0].changed_by.as_deref(), Some("ann"));
        assert_eq!(
            (state_at(&muted, 499 * HOUR_US), state_at(&muted, 500 * HOUR_US)),
            ("muted", "open")
        );
    }
}
