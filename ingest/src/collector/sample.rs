//! What a collector tells: plain data, one row of the archive each. Never knows where it is stored.

use crate::error::IngestError;

/// One sample: what was read of one thing of a server at one moment. Which fields a metric fills is told in the table of
/// [`Collector`](crate::Collector)'s module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample {
    /// When it was read, by the collector's clock: the middle of the question's round trip, in µs since 1970 UTC.
    pub ts_us: i64,
    /// What was sampled, such as `source_position`.
    pub metric: &'static str,
    /// What of the server it is about, such as a standby or a table; `None` where it is the server itself.
    pub object: Option<String>,
    /// The database it belongs to.
    pub database: Option<String>,
    /// The user it belongs to.
    pub user: Option<String>,
    /// The sampled time, in µs. `None` is unknown, never zero.
    pub duration_us: Option<i64>,
    /// The sampled size or position, in bytes. `None` is unknown, never zero.
    pub size_bytes: Option<i64>,
    /// The text of the statement it is about, without its values, where it is told for the first time since the connection was made.
    pub statement: Option<String>,
    /// Everything else, by name: states, positions, and counters as their growth over `interval_us`. What is unknown is absent.
    pub attributes: Vec<(String, String)>,
}

impl Sample {
    /// The sample that says that nothing could be asked: so that a server that cannot be reached is a gap in the archive, and not
    /// a time without news.
    pub fn gap(ts_us: i64, error: &IngestError) -> Sample {
        Sample::gap_of(ts_us, "connection", &error.to_string(), None)
    }

    pub(super) fn gap_of(ts_us: i64, object: &str, error: &str, code: Option<&str>) -> Sample {
        let mut attributes = vec![("error".to_owned(), error.to_owned())];
        attributes.extend(code.map(|code| ("code".to_owned(), code.to_owned())));
        Sample {
            ts_us,
            metric: "collector_gap",
            object: Some(object.to_owned()),
            attributes,
            ..Sample::default()
        }
    }

    /// The attribute of a name; `None` where it is unknown.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn add(&mut self, name: &str, value: String) {
        self.attributes.push((name.to_owned(), value));
    }

    /// Whether it says anything of its object.
    pub(super) fn is_empty(&self) -> bool {
        self.duration_us.is_none() && self.size_bytes.is_none() && self.attributes.is_empty()
    }
}
