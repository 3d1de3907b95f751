//! One look at the fleet: every row of hours freed of what is expected of it, and the best candidate for a change in each, server by server.
//! Holds no server's rows longer than it takes to look at them: what is kept of a query is a few numbers, of a query on several servers
//! the sums over them. Remembers no other look; judges no chance.

use super::Direction;
use super::buckets::{Frame, Series, Server};
use super::common_factor::{common_factor, subtract};
use super::noise::{Measured, Residuals};
use super::pooling::Pool;
use super::seasonality::{Cells, remove_season};
use super::trial::{Level, Rows, Scratch};
use super::window::{WEEK, Window};

/// Calls that the last week, and the part of it after a change, must have.
const CALLS_MIN: f64 = 30.0;
/// Hours with calls that the part after a change must have.
const BUCKETS_AFTER_MIN: usize = 5;

/// A look that has seen some of the servers.
#[derive(Debug)]
pub(super) struct Look {
    hour: i64,
    window: Window,
    series: Rows,
    /// As the fleet's shared fingerprints.
    pools: Vec<Pool>,
    servers: Rows,
    /// The hourly common factor of each server, empty for one that has none.
    factors: Vec<Vec<f64>>,
    lens: Lens,
    scratch: Scratch,
    /// The rows of the server that is looked at.
    rows: Vec<Residuals>,
}

/// A look that has seen all of them.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) hour: i64,
    pub(super) window: Window,
    /// Queries on a server, queries over all servers, servers.
    pub(super) levels: [Level; 3],
    factors: Vec<Vec<f64>>,
}

impl Look {
    /// Looks at what is known at `hour`, of `n_pools` queries over several servers. `None` if the history is too short.
    pub(super) fn new(hour: i64, frame: Frame, n_pools: usize) -> Option<Look> {
        let window = Window::at(hour.min(frame.end_hour()), frame.first_hour)?;
        Some(Look {
            hour,
            window,
            series: Rows::default(),
            pools: vec![Pool::new(window.len()); n_pools],
            servers: Rows::default(),
            factors: Vec::new(),
            lens: Lens::new(window),
            scratch: Scratch::default(),
            rows: Vec::new(),
        })
    }

    /// Looks at the next server. `pool_of` has the pool of each of its series.
    pub(super) fn add(&mut self, server: &Server, pool_of: &[Option<usize>]) {
        let window = self.window;
        self.rows.resize_with(server.series.len(), Residuals::default);
        for (rows, series) in self.rows.iter_mut().zip(&server.series) {
            self.lens.expose(rows, series);
        }
        let factor = common_factor(&self.rows, &mut self.lens.scratch);
        for ((rows, series), pool) in self.rows.iter_mut().zip(&server.series).zip(pool_of) {
            let measured = self
                .lens
                .measure(rows, factor.as_ref().map(|factor| factor.y.as_slice()));
            if let Some(pool) = pool {
                self.pools[*pool].add(&measured);
            }
            let is_testable = |at| is_testable(&series.calls, &window, at);
            self.series
                .push(measured, &window, &mut self.scratch, is_testable);
        }
        let mut factor = factor.unwrap_or_default();
        self.factors.push(factor.y.clone());
        let measured = self.lens.measure(&mut factor, None);
        self.servers.push(measured, &window, &mut self.scratch, |_| true);
    }

    /// Judges, when all servers have been seen. `calls` has the hourly calls of each pool.
    pub(super) fn finish(mut self, calls: &[Vec<f64>]) -> Looked {
        let window = self.window;
        let mut pooled = Rows::default();
        for (pool, calls) in self.pools.iter().zip(calls) {
            let measured = self.lens.measure(&mut pool.mean(), None);
            let is_testable = |at| is_testable(calls, &window, at);
            pooled.push(measured, &window, &mut self.scratch, is_testable);
        }
        Looked {
            hour: self.hour,
            window,
            levels: [self.series, pooled, self.servers].map(|rows| rows.finish(&window)),
            factors: self.factors,
        }
    }
}

impl Looked {
    /// The row of one series of a server, once more.
    pub(super) fn row(&self, server: usize, series: &Series, direction: Direction) -> Measured {
        let mut lens = Lens::new(self.window);
        let mut rows = Residuals::default();
        lens.expose(&mut rows, series);
        let factor = Some(self.factors[server].as_slice()).filter(|factor| !factor.is_empty());
        let mut measured = lens.measure(&mut rows, factor);
        if direction == Direction::Faster {
            measured.turn();
        }
        measured
    }
}

/// Too few calls after a change at hour `at` of the window are no evidence, whatever they look like.
fn is_testable(calls: &[f64], window: &Window, at: usize) -> bool {
    let week = &calls[window.to - WEEK..window.to];
    let after = &calls[window.from + at..window.to];
    week.iter().sum::<f64>() >= CALLS_MIN
        && after.iter().sum::<f64>() >= CALLS_MIN
        && after.iter().filter(|calls| **calls > 0.0).count() >= BUCKETS_AFTER_MIN
}

/// Frees rows of hours from what is expected of them.
#[derive(Debug)]
struct Lens {
    window: Window,
    cells: Cells,
    scratch: Vec<f64>,
}

impl Lens {
    fn new(window: Window) -> Lens {
        Lens {
            window,
            cells: Cells::new(&window),
            scratch: Vec::new(),
        }
    }

    /// The hours of a series without their season.
    fn expose(&mut self, rows: &mut Residuals, series: &Series) {
        rows.fill(series, &self.window);
        rows.center(self.window.baseline(), &mut self.scratch);
        remove_season(rows, &mut self.cells);
    }

    /// The same without what its server has in common, and with the noise that is left.
    fn measure(&mut self, rows: &mut Residuals, factor: Option<&[f64]>) -> Measured {
        if let Some(factor) = factor {
            subtract(rows, factor);
        }
        let baseline = self.window.baseline().min(rows.y.len());
        rows.center(baseline, &mut self.scratch);
        rows.measured(baseline, &mut self.scratch)
    }
}
