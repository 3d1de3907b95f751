//! The lake as servers have it: opened once, and a session that turns to its newest snapshot by itself. Never writes.

use std::time::{Duration, Instant};

use slowlake_sql::{CurrentSession, Session, SessionSettings, SqlError};
use slowlake_store::{Lake, LakeLocation};
use std::sync::Arc;
use tracing::{info, warn};

use crate::clustering::with_cluster;
use crate::command::lake::{sql_error, store_error};
use crate::service::meter::Meters;
use crate::settings::Settings;

/// How often the lake is asked whether there is something new: what is seen is at most so much older than what is committed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Findings and what is derived may change without a new commit of events: the session turns to them at least so often.
const TURN_EVERY: Duration = Duration::from_secs(60);

/// An open lake, and what it is asked through.
pub(crate) struct ServedLake {
    location: LakeLocation,
    session: Arc<CurrentSession>,
}

impl ServedLake {
    /// Opens a lake, and gives it to whom will keep it present. All its sessions share one limit of memory.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub(crate) async fn open(
        location: &LakeLocation,
        memory_limit_bytes: usize,
        settings: &Settings,
    ) -> anyhow::Result<(ServedLake, Lake)> {
        let lake = Lake::open(location).await.map_err(store_error)?;
        let limits = SessionSettings {
            memory_limit_bytes,
            threads: settings.threads,
        };
        let session = Session::open_for_clients(&lake, limits)
            .await
            .map_err(sql_error)?;
        let session = with_cluster(session, settings);
        let served = ServedLake {
            location: location.clone(),
            session: Arc::new(CurrentSession::new(session)),
        };
        Ok((served, lake))
    }

    /// Where it is.
    pub(crate) fn location(&self) -> &LakeLocation {
        &self.location
    }

    /// The session over the newest snapshot that was seen. Keep it for one statement, or one report.
    pub(crate) fn session(&self) -> Arc<Session> {
        self.session.get()
    }

    /// The same for who asks more than once.
    pub(crate) fn current(&self) -> Arc<CurrentSession> {
        self.session.clone()
    }

    /// Looks for what is new until it is dropped. While the lake cannot be reached the last snapshot goes on being served, and nobody is told
    /// that the process is ready.
    pub(crate) async fn keep_present(&self, mut lake: Lake, meters: &Meters) {
        let (mut turned, mut is_failing) = (Instant::now(), false);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.look(&mut lake, turned.elapsed() >= TURN_EVERY).await {
                Ok(has_turned) => {
                    if has_turned {
                        turned = Instant::now();
                    }
                    if std::mem::take(&mut is_failing) {
                        info!("the lake answers again");
                        meters.lake_is(None);
                    }
                }
                Err(failure) if !is_failing => {
                    warn!("cannot look for what is new, answers from what is known: {failure}");
                    is_failing = true;
                    meters.lake_is(Some(failure.to_string()));
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&self, lake: &mut Lake, must_turn: bool) -> Result<bool, SqlError> {
        let before = lake.version();
        lake.refresh().await?;
        let turns = must_turn || lake.version() != before;
        if turns {
            self.session.refresh(lake).await?;
        }
        Ok(turns)
    }
}
