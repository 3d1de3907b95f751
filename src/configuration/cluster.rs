//! `[cluster]`: where queries that read much are executed.

use std::path::PathBuf;

use crate::clustering::{ClusterArguments, PARTITIONS_MAX};
use crate::configuration::Mistake;
use crate::configuration::section::Section;

/// The largest number of `min_mib`: more than any lake has.
const MIN_MIB_MAX: u64 = 1 << 40;

/// Reads the table, in the form of the options that say the same.
pub(super) fn cluster(section: Option<Section<'_>>, mistakes: &mut Vec<Mistake>) -> Option<ClusterArguments> {
    let mut section = section?;
    if cfg!(not(feature = "cluster")) {
        section.wrong(
            "scheduler",
            "this slowlake was built without clusters",
            "build it with: cargo build --release --features cluster",
        );
    } else if !section.has("scheduler") {
        section.wrong(
            "scheduler",
            "missing",
            "name the scheduler: \"https://scheduler:50050\"",
        );
    }
    let partitions = section.number("partitions", 1..=u64::from(PARTITIONS_MAX));
    let mut file = |key| section.text(key).map(PathBuf::from);
    let (cluster_ca, cluster_cert, cluster_key) = (file("ca"), file("cert"), file("key"));
    let arguments = ClusterArguments {
        cluster: section.text("scheduler"),
        cluster_min_bytes: section.number("min_mib", 0..=MIN_MIB_MAX).map(|mib| mib << 20),
        cluster_partitions: partitions.and_then(|number| u16::try_from(number).ok()),
        cluster_fallback: section.flag("fallback").unwrap_or(false),
        cluster_ca,
        cluster_cert,
        cluster_key,
    };
    section.finish(mistakes);
    Some(arguments)
}
