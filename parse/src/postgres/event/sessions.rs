//! What the sessions of one log have announced and not finished: a statement whose duration is still to come, the steps of an execution, a
//! plan or an execution that the other half may follow. Bounded; knows no wording.

use std::collections::{HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_64;

use crate::entry::{Command, Execution};
use crate::plan::PlanFingerprint;
use crate::postgres::message::Step;
use crate::span::Span;

/// Bytes of statements that wait for their durations; beyond it the oldest are given up, and their durations count as without text.
const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Sessions with something unfinished; more than a server has.
const SESSIONS_MAX: usize = 4096;
/// Places of sessions that are kept although they count no more.
const SPARE_PLACES: usize = 64;
/// How far in the log a plan and its execution may be from each other: they are written one right after the other.
const LINK_BYTES_MAX: u64 = 64 * 1024;

/// A session: which of the source's streams it is in, and its process id.
pub(super) type Key = (u32, i64);

/// Sessions with something unfinished.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: HashMap<Key, Session>,
    /// Where records begin that announced something, and of which session: the oldest is given up first. Those that are not the last of
    /// their session count no more.
    order: VecDeque<(u64, Key)>,
    pending_bytes: usize,
}

/// What one session has announced.
#[derive(Debug, Default)]
pub(super) struct Session {
    statement: Option<(Span, Pending)>,
    parse: Option<Announced>,
    bind: Option<Announced>,
    /// Where its last record begins.
    at: u64,
}

/// A step, and of which text.
#[derive(Debug, Clone, Copy)]
struct Announced {
    span: Span,
    duration_us: i64,
    text: u64,
}

/// A statement without its duration.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) command: Command,
    pub(super) statement: Vec<u8>,
    pub(super) parameters: Vec<u8>,
    pub(super) truncated: bool,
}

/// Parse and bind time, µs.
type StepTimes = (Option<i64>, Option<i64>);

impl Session {
    /// The times of the steps that were of this text.
    pub(super) fn steps(&self, statement: &[u8]) -> StepTimes {
        if self.parse.is_none() && self.bind.is_none() {
            return (None, None);
        }
        let text = xxh3_64(statement);
        let time =
            |step: Option<Announced>| step.filter(|step| step.text == text).map(|step| step.duration_us);
        (time(self.parse), time(self.bind))
    }

    fn bytes(&self) -> usize {
        self.statement.as_ref().map_or(0, |(_, pending)| {
            pending.statement.len() + pending.parameters.len()
        })
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        let statement = self.statement.as_ref().map(|(span, _)| *span);
        let steps = [self.parse, self.bind]
            .into_iter()
            .flatten()
            .map(|step| step.span);
        statement.into_iter().chain(steps)
    }
}

impl Sessions {
    /// What the session has announced, which ends with it.
    pub(super) fn take(&mut self, key: Option<Key>) -> Option<Session> {
        if self.sessions.is_empty() {
            return None;
        }
        let session = self.sessions.remove(&key?)?;
        self.pending_bytes -= session.bytes();
        Some(session)
    }

    pub(super) fn forget(&mut self, key: Option<Key>) {
        self.take(key);
    }

    /// The statement that waits for its duration, and its steps.
    pub(super) fn take_statement(&mut self, key: Option<Key>) -> Option<(Pending, StepTimes)> {
        let mut session = self.take(key)?;
        let (_, pending) = session.statement.take()?;
        let steps = session.steps(&pending.statement);
        Some((pending, steps))
    }

    /// The session shows a statement; its duration may follow.
    pub(super) fn statement(&mut self, key: Option<Key>, span: Span, pending: Pending) {
        let Some(key) = key else { return };
        self.update(key, span, |session| session.statement = Some((span, pending)));
    }

    /// The session has done a step of the text.
    pub(super) fn step(
        &mut self,
        key: Option<Key>,
        span: Span,
        step: Step,
        duration_us: i64,
        statement: &[u8],
    ) {
        let Some(key) = key else { return };
        let announced = Some(Announced {
            span,
            duration_us,
            text: xxh3_64(statement),
        });
        self.update(key, span, |session| match step {
            Step::Parse => (session.parse, session.bind) = (announced, None),
            Step::Bind => session.bind = announced,
        });
    }

    /// Records that hold what is announced.
    pub(super) fn context(&self) -> Vec<Span> {
        self.sessions.values().flat_map(Session::spans).collect()
    }

    fn update(&mut self, key: Key, span: Span, change: impl FnOnce(&mut Session)) {
        let session = self.sessions.entry(key).or_default();
        let bytes_before = session.bytes();
        change(session);
        session.at = span.start;
        self.pending_bytes = self.pending_bytes + session.bytes() - bytes_before;
        self.order.push_back((span.start, key));
        while (self.pending_bytes > PENDING_BYTES_MAX && self.sessions.len() > 1)
            || self.sessions.len() > SESSIONS_MAX
        {
            self.give_up_oldest();
        }
        // What counts no more is thrown away when it is more than half.
        if self.order.len() > 2 * self.sessions.len() + SPARE_PLACES {
            let sessions = &self.sessions;
            self.order.retain(|place| is_last(sessions, place));
        }
    }

    fn give_up_oldest(&mut self) {
        while let Some(place) = self.order.pop_front() {
            if is_last(&self.sessions, &place) {
                return self.forget(Some(place.1));
            }
        }
    }
}

/// Whether a session's last record is the one that begins there.
fn is_last(sessions: &HashMap<Key, Session>, (at, key): &(u64, Key)) -> bool {
    sessions.get(key).is_some_and(|session| session.at == *at)
}

/// Plans and executions whose other half may follow. A plan comes before its execution in the simple protocol and after it in the extended one.
#[derive(Debug, Default)]
pub(super) struct Links {
    plans: HashMap<Key, Plan>,
    executions: HashMap<Key, Half>,
    /// The last plan. A log without any remembers its last execution only.
    last_plan: Option<Span>,
    last_execution: Option<(Key, Half)>,
    /// How far the log was read.
    at: u64,
}

/// One half: where it is, and of which text.
#[derive(Debug, Clone, Copy)]
struct Half {
    span: Span,
    /// Where it begins in the source.
    offset: u64,
    text: u64,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    half: Half,
    /// `None` when a part of the plan is missing.
    fingerprint: Option<PlanFingerprint>,
}

impl Links {
    /// The plan of an execution, if it was logged before. If not, it may follow.
    pub(super) fn plan_of(
        &mut self,
        key: Option<Key>,
        execution: &Execution<'_>,
        (span, offset): (Span, u64),
    ) -> Option<PlanFingerprint> {
        let key = key?;
        self.at = span.start;
        let plan = (!self.plans.is_empty())
            .then(|| self.plans.remove(&key))
            .flatten();
        let is_extended = matches!(execution.command, Command::Execute | Command::Fetch);
        if plan.is_none() && !is_extended {
            return None;
        }
        let text = xxh3_64(execution.statement);
        if is_extended {
            let half = Half { span, offset, text };
            if self.last_plan.is_some() {
                self.drop_old();
                self.executions.insert(key, half);
            } else {
                self.last_execution = Some((key, half));
            }
        }
        plan.filter(|plan| plan.half.text == text && self.is_near(&plan.half))
            .and_then(|plan| plan.fingerprint)
    }

    /// Where in the source the execution of a plan begins, if it was logged before. If not, it may follow.
    pub(super) fn execution_of(
        &mut self,
        key: Option<Key>,
        statement: &[u8],
        fingerprint: Option<PlanFingerprint>,
        (span, offset): (Span, u64),
    ) -> Option<u64> {
        let key = key?;
        (self.at, self.last_plan) = (span.start, Some(span));
        self.executions.extend(self.last_execution.take());
        let text = xxh3_64(statement);
        let execution = self.executions.get(&key).copied();
        if let Some(half) = execution.filter(|half| half.text == text && self.is_near(half)) {
            self.executions.remove(&key);
            return Some(half.offset);
        }
        self.drop_old();
        let half = Half { span, offset, text };
        self.plans.insert(key, Plan { half, fingerprint });
        None
    }

    pub(super) fn forget(&mut self, key: Option<Key>) {
        if let Some(key) = key {
            self.plans.remove(&key);
            self.executions.remove(&key);
            self.last_execution.take_if(|(last, _)| *last == key);
        }
    }

    /// Records whose other half may follow, and one by which it is known that the log has plans.
    pub(super) fn context(&self) -> impl Iterator<Item = Span> {
        let halves = self.plans.values().map(|plan| &plan.half);
        let last = self.last_execution.iter().map(|(_, half)| half);
        let halves = halves.chain(self.executions.values()).chain(last);
        halves
            .filter(|half| self.is_near(half))
            .map(|half| half.span)
            .chain(self.last_plan)
    }

    /// Gives up what is too far behind, when there is much of it.
    fn drop_old(&mut self) {
        if self.executions.len() + self.plans.len() < SESSIONS_MAX {
            return;
        }
        let at = self.at;
        self.executions.retain(|_, half| is_near(half, at));
        self.plans.retain(|_, plan| is_near(&plan.half, at));
    }

    fn is_near(&self, half: &Half) -> bool {
        is_near(half, self.at)
    }
}

fn is_near(half: &Half, at: u64) -> bool {
    at.saturating_sub(half.span.end) <= LINK_BYTES_MAX
}
