//! Which cluster queries that read much go to, if any: what the command line, the environment or the configuration says of it, and sessions
//! that use it. A slowlake that was built without clusters says so when it is asked for one.

use std::path::PathBuf;

use clap::Args;
use slowlake_sql::Session;
use slowlake_store::StoreError;
use slowlake_store::maintain::Planner;

use crate::command::lake::store_error;
use crate::settings::Settings;

/// The most parts that a query is cut into.
pub(crate) const PARTITIONS_MAX: u16 = 4_096;

/// What commands that ask a lake take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArguments {
    /// Have queries that read much executed by the cluster of this scheduler, such as https://host:50050 [default: the
    /// environment's SLOWLAKE_CLUSTER]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) cluster: Option<String>,
    /// Bytes that a query must read to go to the cluster [default: 1073741824]
    #[arg(long, value_name = "BYTES", global = true)]
    pub(crate) cluster_min_bytes: Option<u64>,
    /// Parts that a query is cut into for the cluster [default: 16]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=i64::from(PARTITIONS_MAX)))]
    pub(crate) cluster_partitions: Option<u16>,
    /// Execute queries in this process, with a warning, where the cluster cannot be reached
    #[arg(long, global = true)]
    pub(crate) cluster_fallback: bool,
    /// The authority that signed the certificates of the cluster, in PEM [default: the environment's SLOWLAKE_CLUSTER_CA]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) cluster_ca: Option<PathBuf>,
    /// The certificate to show to the cluster, in PEM [default: the environment's SLOWLAKE_CLUSTER_CERT]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) cluster_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM [default: the environment's SLOWLAKE_CLUSTER_KEY]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) cluster_key: Option<PathBuf>,
}

impl ClusterArguments {
    /// What was typed, over what the environment says, over what a configuration file says. A cluster that was typed, or that the environment
    /// names, is another one than the file's unless it is the same: nothing else of the file's holds for it.
    pub(crate) fn over(&self, file: Option<&ClusterArguments>, settings: &Settings) -> ClusterArguments {
        self.with_environment(settings).over_file(file)
    }

    fn over_file(self, file: Option<&ClusterArguments>) -> ClusterArguments {
        match file {
            Some(file) if self.cluster.is_none() || self.cluster == file.cluster => ClusterArguments {
                cluster: file.cluster.clone(),
                cluster_min_bytes: self.cluster_min_bytes.or(file.cluster_min_bytes),
                cluster_partitions: self.cluster_partitions.or(file.cluster_partitions),
                cluster_fallback: self.cluster_fallback || file.cluster_fallback,
                cluster_ca: self.cluster_ca.or_else(|| file.cluster_ca.clone()),
                cluster_cert: self.cluster_cert.or_else(|| file.cluster_cert.clone()),
                cluster_key: self.cluster_key.or_else(|| file.cluster_key.clone()),
            },
            _ => self,
        }
    }

    /// The same, with what the environment says where the arguments say nothing.
    fn with_environment(&self, settings: &Settings) -> ClusterArguments {
        let file = |given: &Option<PathBuf>, name| {
            given
                .clone()
                .or_else(|| settings.variable(name).map(PathBuf::from))
        };
        ClusterArguments {
            cluster: self
                .cluster
                .clone()
                .or_else(|| settings.variable("SLOWLAKE_CLUSTER")),
            cluster_ca: file(&self.cluster_ca, "SLOWLAKE_CLUSTER_CA"),
            cluster_cert: file(&self.cluster_cert, "SLOWLAKE_CLUSTER_CERT"),
            cluster_key: file(&self.cluster_key, "SLOWLAKE_CLUSTER_KEY"),
            ..self.clone()
        }
    }
}

#[cfg(feature = "cluster")]
mod built {
    use std::sync::Arc;

    use slowlake_sql::cluster::{
        Cluster, ClusterError, ClusterSettings, MIN_BYTES_DEFAULT, PARTITIONS_DEFAULT, TlsFiles,
    };

    use super::*;
    use crate::output::{self, with_hint};

    impl ClusterArguments {
        /// The settings, with the cluster that these arguments, the environment or the configuration file name.
        pub(crate) fn resolve(
            &self,
            file: Option<&ClusterArguments>,
            settings: &Settings,
        ) -> anyhow::Result<Settings> {
            let mut settings = settings.clone();
            settings.cluster = self.over(file, &settings).to_cluster()?;
            Ok(settings)
        }

        /// The cluster that the arguments name.
        pub(crate) fn to_cluster(&self) -> anyhow::Result<Option<Cluster>> {
            let Some(scheduler) = &self.cluster else {
                return Ok(None);
            };
            let files = [&self.cluster_ca, &self.cluster_cert, &self.cluster_key];
            let settings = ClusterSettings {
                scheduler: scheduler.clone(),
                tls: tls_files(files, "--cluster-ca, --cluster-cert and --cluster-key")?,
                min_bytes: self.cluster_min_bytes.unwrap_or(MIN_BYTES_DEFAULT),
                partitions: self.cluster_partitions.map_or(PARTITIONS_DEFAULT, usize::from),
                may_fall_back: self.cluster_fallback,
            };
            let warn =
                |error: &ClusterError| output::say("warning", &format!("executed in this process: {error}"));
            Cluster::new(&settings, Arc::new(warn))
                .map(Some)
                .map_err(cluster_error)
        }
    }

    /// Three files, or none of them.
    pub(crate) fn tls_files(files: [&Option<PathBuf>; 3], names: &str) -> anyhow::Result<Option<TlsFiles>> {
        match files {
            [Some(authority), Some(certificate), Some(key)] => Ok(Some(TlsFiles {
                authority: authority.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            [None, None, None] => Ok(None),
            _ => anyhow::bail!("a certificate, its key and an authority go together\nhint: give {names}"),
        }
    }

    /// An error of a cluster with its next step.
    pub(crate) fn cluster_error(error: ClusterError) -> anyhow::Error {
        let hint = error.hint();
        with_hint(error, hint)
    }

    /// Who plans what maintenance asks of a lake, where a cluster was chosen.
    pub(crate) fn planner(settings: &Settings) -> Option<Planner> {
        settings.cluster.as_ref().map(Cluster::planner)
    }

    /// An error of maintenance, in the words of the cluster where it is the cluster's.
    pub(crate) fn maintenance_error(error: StoreError) -> anyhow::Error {
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            if let Some(of_cluster) = inner.downcast_ref::<ClusterError>() {
                return with_hint(of_cluster, of_cluster.hint());
            }
            cause = inner.source();
        }
        store_error(error)
    }

    /// The session, with the cluster that was chosen.
    pub(crate) fn with_cluster(session: Session, settings: &Settings) -> Session {
        match &settings.cluster {
            Some(cluster) => session.with_cluster(cluster),
            None => session,
        }
    }
}

#[cfg(not(feature = "cluster"))]
mod built {
    use super::*;

    /// What is said wherever a cluster is asked for.
    pub(crate) const NOT_BUILT: &str = "this slowlake was built without clusters\nhint: build it with: cargo build --release --features cluster";

    impl ClusterArguments {
        /// The settings, if no cluster is asked for.
        pub(crate) fn resolve(
            &self,
            file: Option<&ClusterArguments>,
            settings: &Settings,
        ) -> anyhow::Result<Settings> {
            if self.over(file, settings).cluster.is_some() {
                anyhow::bail!(NOT_BUILT);
            }
            Ok(settings.clone())
        }
    }

    /// There is no cluster.
    pub(crate) fn planner(_: &Settings) -> Option<Planner> {
        None
    }

    /// An error of maintenance.
    pub(crate) fn maintenance_error(error: StoreError) -> anyhow::Error {
        store_error(error)
    }

    /// The session: there is no cluster.
    pub(crate) fn with_cluster(session: Session, _: &Settings) -> Session {
        session
    }
}

pub(crate) use built::*;

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> ClusterArguments {
        ClusterArguments {
            cluster: Some("https://file:50050".to_owned()),
            cluster_min_bytes: Some(1),
            cluster_partitions: Some(4),
            cluster_ca: Some("file.pem".into()),
            ..ClusterArguments::default()
        }
    }

    #[test]
    fn what_is_typed_beside_the_cluster_of_a_file_holds() {
        let typed = ClusterArguments {
            cluster_min_bytes: Some(2),
            cluster_fallback: true,
            cluster_ca: Some("typed.pem".into()),
            ..ClusterArguments::default()
        };
        let expected = ClusterArguments {
            cluster: Some("https://file:50050".to_owned()),
            cluster_min_bytes: Some(2),
            cluster_partitions: Some(4),
            cluster_fallback: true,
            cluster_ca: Some("typed.pem".into()),
            ..ClusterArguments::default()
        };
        assert_eq!(typed.over_file(Some(&file())), expected);
    }

    #[test]
    fn another_cluster_has_nothing_of_the_files() {
        let named = |scheduler: &str| ClusterArguments {
            cluster: Some(scheduler.to_owned()),
            ..ClusterArguments::default()
        };
        let other = named("http://other:50050");
        assert_eq!(other.clone().over_file(Some(&file())), other);
        assert_eq!(named("https://file:50050").over_file(Some(&file())), file());
    }
}
