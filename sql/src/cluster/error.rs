//! What can go wrong with a cluster, by who must act: whoever wrote the settings, whoever runs the cluster.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a cluster cannot be used, or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The address of the scheduler cannot be one.
    #[error("{given:?} is not the address of a scheduler: {reason}")]
    Address {
        /// As written.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file with a certificate or a key cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in the files is of no use.
    #[error("TLS cannot be used: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// Other machines could give orders that nobody checks.
    #[error("{listen} can be reached from other machines, which takes TLS")]
    NeedsTls {
        /// Where it should listen.
        listen: SocketAddr,
    },
    /// An executor that listens everywhere does not know its own name.
    #[error("{listen} is no address at which others find this executor")]
    NeedsName {
        /// Where it should listen.
        listen: SocketAddr,
    },
    /// The port is taken, or the address is not of this machine.
    #[error("cannot listen at {listen}: {source}")]
    Listen {
        /// Where it should listen.
        listen: SocketAddr,
        /// Why it cannot.
        source: io::Error,
    },
    /// The scheduler does not answer, or does not let us in.
    #[error("the cluster at {scheduler} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        scheduler: String,
        /// What stopped us.
        reason: String,
    },
    /// There is a scheduler, but nobody to work.
    #[error("the cluster at {scheduler} has no executor")]
    NoExecutor {
        /// Its address.
        scheduler: String,
    },
    /// The query was begun and did not come to its end.
    #[error("the query failed on the cluster at {scheduler}: {reason}")]
    Failed {
        /// The address of the scheduler.
        scheduler: String,
        /// What the executors said.
        reason: String,
    },
    /// What an executor had computed of the query is gone.
    #[error("the cluster at {scheduler} lost an executor while it worked for the query")]
    ExecutorLost {
        /// The address of the scheduler.
        scheduler: String,
    },
    /// A scheduler or an executor could not be started, or stopped by itself.
    #[error("{0}")]
    Server(String),
}

impl ClusterError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ClusterError::Address { .. } => "give for example http://127.0.0.1:50050",
            ClusterError::File { .. } | ClusterError::Tls { .. } => {
                "each file holds PEM: the authority that signed all certificates of the cluster, a certificate, its key"
            }
            ClusterError::NeedsTls { .. } => {
                "give --tls-ca, --tls-cert and --tls-key, or listen at 127.0.0.1"
            }
            ClusterError::NeedsName { .. } => {
                "give --advertise HOST, a name that is in the executor's certificate"
            }
            ClusterError::Unreachable { .. } => {
                "look whether `slowlake cluster scheduler` runs there; --cluster-fallback executes the query in this process instead"
            }
            ClusterError::NoExecutor { .. } => {
                "start `slowlake cluster executor`; --cluster-fallback executes the query in this process instead"
            }
            ClusterError::Failed { .. } => {
                "the logs of the executors say more; without --cluster the query is executed in this process"
            }
            ClusterError::ExecutorLost { .. } => "ask again: the other executors will do",
            ClusterError::Listen { .. } | ClusterError::Server(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether the query was not begun, so that it can be executed elsewhere.
    pub(super) fn is_before_the_query(&self) -> bool {
        matches!(
            self,
            ClusterError::Unreachable { .. } | ClusterError::NoExecutor { .. }
        )
    }
}
