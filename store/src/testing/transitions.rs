//! Listens to what the commit says of its steps. Hears nothing else.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// From one state of a commit to the next, by their names in the log.
pub(crate) type Transition = (String, String);

/// A subscriber that keeps the transitions that it is told of.
#[derive(Clone, Default)]
pub(crate) struct Transitions(Arc<Mutex<BTreeSet<Transition>>>);

impl Transitions {
    pub(crate) fn taken(&self) -> BTreeSet<Transition> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Transitions {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "slowlake_store::append" && metadata.fields().field("from").is_some()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut names = Names::default();
        event.record(&mut names);
        self.0.lock().unwrap().insert((names.from, names.to));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Names {
    from: String,
    to: String,
}

impl Visit for Names {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "from" => self.from = value.to_owned(),
            "to" => self.to = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
