//! The books of the partitions that are ours: which offset comes next in each, what was missing, where the end is. Never talks to a broker.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Instant;

use crate::follow::Standing;

/// Names a partition from the moment it is assigned to this consumer until it is taken away. When it is assigned again it has another name, so that
/// what was read of it before is not taken for what is read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(u64);

/// A partition that is assigned to this consumer.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Its topic.
    pub topic: String,
    /// Its number in the topic.
    pub number: i32,
    /// The offset to read next. What is before it was handed out or is missing.
    pub next: u64,
    /// Where it ended a few seconds ago, exclusive, once that is known: `end - next` messages at most are to be read.
    pub end: Option<u64>,
    /// Whether its reader paused it.
    pub is_paused: bool,
    /// Whether it is not read because what is to be read next is not there.
    pub is_stopped: bool,
    /// Since when there is no more.
    at_end_since: Option<Instant>,
}

/// All partitions of one consumer.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    partitions: BTreeMap<PartitionId, Partition>,
    by_name: HashMap<String, HashMap<i32, PartitionId>>,
    next_id: u64,
}

impl Partition {
    fn is_read(&self) -> bool {
        !self.is_paused && !self.is_stopped
    }
}

impl Assignment {
    /// A partition is ours, to be read from an offset on.
    pub(super) fn add(&mut self, topic: &str, number: i32, next: u64) -> PartitionId {
        self.remove(topic, number);
        let id = PartitionId(self.next_id);
        self.next_id += 1;
        self.by_name
            .entry(topic.to_owned())
            .or_default()
            .insert(number, id);
        self.partitions.insert(
            id,
            Partition {
                topic: topic.to_owned(),
                number,
                next,
                end: None,
                is_paused: false,
                is_stopped: false,
                at_end_since: None,
            },
        );
        id
    }

    /// A partition is no longer ours.
    pub(super) fn remove(&mut self, topic: &str, number: i32) -> Option<PartitionId> {
        let of_topic = self.by_name.get_mut(topic)?;
        let id = of_topic.remove(&number)?;
        if of_topic.is_empty() {
            self.by_name.remove(topic);
        }
        self.partitions.remove(&id);
        Some(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PartitionId> {
        self.partitions.keys().copied()
    }

    pub(super) fn get(&self, id: PartitionId) -> Option<&Partition> {
        self.partitions.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(&id)
    }

    /// A message came: of which partition, and which offsets before it are missing. `None` if the partition is not ours, or the message was
    /// handed out before.
    pub(super) fn receive(
        &mut self,
        topic: &str,
        number: i32,
        offset: u64,
    ) -> Option<(PartitionId, Range<u64>)> {
        let id = *self.by_name.get(topic)?.get(&number)?;
        let partition = self.partitions.get_mut(&id)?;
        if offset < partition.next {
            return None;
        }
        let missing = partition.next..offset;
        partition.next = offset + 1;
        partition.at_end_since = None;
        Some((id, missing))
    }

    /// The client says that a partition of this number ended at `offset`, but not of which topic. What is missing before an end is known to be
    /// missing only where no other partition can be meant; at its end is also one that had nothing left anyway.
    pub(super) fn reach_end(&mut self, number: i32, offset: Option<u64>) {
        let Some(offset) = offset else { return };
        let now = Instant::now();
        let is_meant = |it: &&mut Partition| it.number == number && it.is_read() && it.next <= offset;
        let mut meant: Vec<&mut Partition> = self.partitions.values_mut().filter(is_meant).collect();
        if let [only] = meant.as_mut_slice() {
            only.next = offset;
        }
        for partition in meant.into_iter().filter(|it| it.next == offset) {
            partition.end = partition.end.max(Some(offset));
            partition.at_end_since.get_or_insert(now);
        }
    }

    /// The client says where a partition ends.
    pub(super) fn set_end(&mut self, topic: &str, number: i32, end: u64) {
        let id = self.by_name.get(topic).and_then(|of_topic| of_topic.get(&number));
        if let Some(partition) = id.and_then(|id| self.partitions.get_mut(id)) {
            partition.end = Some(end.max(partition.next));
        }
    }

    /// A partition is read from another offset on.
    pub(super) fn set_next(&mut self, id: PartitionId, next: u64) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.next = next;
            partition.at_end_since = None;
            partition.is_stopped = false;
        }
    }

    pub(super) fn standing(&self, id: PartitionId) -> Standing {
        let Some(partition) = self.partitions.get(&id) else {
            return Standing::Finished;
        };
        match partition.at_end_since {
            Some(since) => Standing::AtEnd {
                quiet: since.elapsed(),
            },
            None => Standing::Unread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_at_end(assignment: &Assignment, id: PartitionId) -> bool {
        matches!(assignment.standing(id), Standing::AtEnd { .. })
    }

    #[test]
    fn offsets_that_are_missing_are_told_once() {
        let mut assignment = Assignment::default();
        let id = assignment.add("logs", 3, 10);
        let mut check = |offset: u64, expect: Option<Range<u64>>| {
            let expect = expect.map(|missing| (id, missing));
            assert_eq!(assignment.receive("logs", 3, offset), expect, "{offset}");
        };
        check(10, Some(10..10));
        check(11, Some(11..11));
        check(15, Some(12..15));
        check(16, Some(16..16));
        check(15, None);
        check(9, None);
        assert_eq!(assignment.receive("logs", 4, 17), None);
        assert_eq!(assignment.receive("log", 3, 17), None);
        assert_eq!(assignment.get(id).unwrap().next, 17);
    }

    #[test]
    fn a_partition_that_comes_back_has_another_name() {
        let mut assignment = Assignment::default();
        let first = assignment.add("logs", 0, 0);
        assert_eq!(assignment.remove("logs", 0), Some(first));
        assert_eq!(assignment.remove("logs", 0), None);
        assert_eq!(assignment.standing(first), Standing::Finished);
        let second = assignment.add("logs", 0, 5);
        assert_ne!(first, second);
        assert_eq!(assignment.ids().collect::<Vec<_>>(), [second]);
        let third = assignment.add("logs", 0, 6);
        assert_eq!(assignment.ids().collect::<Vec<_>>(), [third]);
    }

    #[test]
    fn an_end_is_of_the_only_partition_that_can_be_meant() {
        let mut assignment = Assignment::default();
        let (a, b) = (assignment.add("a", 0, 10), assignment.add("b", 1, 10));
        assignment.reach_end(0, Some(12));
        assert!(is_at_end(&assignment, a) && !is_at_end(&assignment, b));
        assert_eq!(assignment.get(a).unwrap().next, 12);
        assert_eq!(assignment.receive("a", 0, 12), Some((a, 12..12)));
        assert!(!is_at_end(&assignment, a));
    }

    #[test]
    fn nothing_is_taken_for_missing_where_two_partitions_can_be_meant() {
        let mut assignment = Assignment::default();
        let (a, b) = (assignment.add("a", 0, 10), assignment.add("b", 0, 12));
        assignment.reach_end(0, Some(12));
        assert!(!is_at_end(&assignment, a) && is_at_end(&assignment, b));
        assert_eq!(assignment.get(a).unwrap().next, 10);
        // One of them is known to be behind its end.
        assignment.set_next(b, 20);
        assignment.reach_end(0, Some(12));
        assert!(is_at_end(&assignment, a) && !is_at_end(&assignment, b));
    }

    #[test]
    fn what_is_paused_or_stopped_reaches_no_end() {
        let mut assignment = Assignment::default();
        let id = assignment.add("a", 0, 10);
        assignment.get_mut(id).unwrap().is_paused = true;
        assignment.reach_end(0, Some(12));
        assignment.get_mut(id).unwrap().is_paused = false;
        assignment.get_mut(id).unwrap().is_stopped = true;
        assignment.reach_end(0, Some(12));
        assert_eq!(
            (assignment.standing(id), assignment.get(id).unwrap().next),
            (Standing::Unread, 10)
        );
        assignment.set_next(id, 12);
        assignment.reach_end(0, Some(12));
        assert!(is_at_end(&assignment, id));
    }
}
