//! The report `advice` as a document.

use slowlake_analyze::{AdviceCard, AdviceReport};

use super::days;
use crate::render::document::{Block, Card, Document, Section};
use crate::render::markdown::shorten;
use crate::render::quantity::{decimals, duration, plural};

const TITLE_MAX: usize = 80;

/// A document of the whole report.
pub(crate) fn document(report: &AdviceReport, lake: &str) -> Document {
    let mut document = Document {
        title: "slowlake advice".to_owned(),
        about: vec![format!("lake {lake}")],
        ..Document::default()
    };
    if let Some(week) = report.week {
        document.about.push(days(week));
        let mut section = Section::new("advice", "Advice");
        cards(&mut section, report);
        document.sections.push(section);
    }
    document
}

/// The cards of a report, and how many queries were looked at.
pub(crate) fn cards(section: &mut Section, report: &AdviceReport) {
    section.text(format!(
        "{} of 0.01 average active sessions or more were looked at. Gains are promises: the statement of each card shows a week later what \
         became of it.",
        plural(report.queries as i64, "query").replace("querys", "queries")
    ));
    if report.cards.is_empty() {
        section.text("Nothing that the lake has evidence for.");
    }
    section
        .blocks
        .extend(report.cards.iter().map(|advice| Block::Card(card(advice))));
}

fn card(advice: &AdviceCard) -> Card {
    let text = advice
        .normalized
        .as_deref()
        .or(advice.fingerprint.as_deref())
        .unwrap_or_default();
    let evidence: Vec<String> = advice
        .evidence
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let mut statements = Vec::new();
    if let Some((to_do, to_undo)) = &advice.statements {
        statements.push(("Do it", to_do.clone()));
        statements.push(("Take it back", to_undo.clone()));
    }
    statements.push(("Evidence, and a week later the outcome", advice.verify.clone()));
    Card {
        anchor: format!("advice-{}", advice.id),
        title: format!("{} {}", shorten(text, TITLE_MAX), advice.claim),
        severity: match advice.confidence {
            'A' => "shown",
            'B' => "likely",
            _ => "possible",
        },
        facts: vec![
            (
                "promises",
                format!(
                    "{} average active sessions (between {} and {}), {} an execution",
                    decimals(advice.gain_sessions),
                    decimals(advice.gain_bounds.0),
                    decimals(advice.gain_bounds.1),
                    duration(advice.gain_us_per_call)
                ),
            ),
            ("evidence", evidence.join(", ")),
            ("risk", advice.risk.to_owned()),
        ],
        charts: Vec::new(),
        statements,
    }
}
