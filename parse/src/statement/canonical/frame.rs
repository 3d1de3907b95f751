//! What is known about an open bracket while a text is read.
//!
//! Plain data; its meaning is with the rules that keep it: [`super::lists`] and [`super::clauses`].

use super::clauses::Union;
use super::lists::{Element, FrameKind, Rows};

/// What is known about an open bracket, or about the statement outside of any.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) element: Element,
    pub(super) rows: Rows,
    pub(super) flags: u8,
    /// The opening bracket.
    pub(super) open: u32,
    /// Complete elements so far.
    pub(super) elements: u32,
    /// The first token of the element being read.
    pub(super) element_at: u32,
    /// The token after the first element.
    pub(super) first_end: u32,
    /// The first token of the row of `VALUES` being read.
    pub(super) row: u32,
    /// The row before.
    pub(super) row_before: (u32, u32),
    pub(super) union: Union,
}

impl Frame {
    pub(super) fn new(kind: FrameKind, open: u32, first: u32) -> Frame {
        Frame {
            kind,
            element: Element::Start,
            rows: Rows::None,
            flags: 0,
            open,
            elements: 0,
            element_at: first,
            first_end: first,
            row: 0,
            row_before: (0, 0),
            union: Union::new(first),
        }
    }
}

// Flags of a [`Frame`].

/// In `ORDER BY`.
pub(super) const ORDER: u8 = 1;
/// In `GROUP BY`.
pub(super) const GROUP: u8 = 1 << 1;
/// `SELECT` was read.
pub(super) const QUERY: u8 = 1 << 2;
/// Something else than a constant was read.
pub(super) const MIXED: u8 = 1 << 3;
/// Some complete constant is more than a literal: it has a cast or a type.
pub(super) const DRESSED: u8 = 1 << 4;
/// Some constant is dressed otherwise than the first.
pub(super) const UNLIKE: u8 = 1 << 5;
/// The constant being read is more than a literal.
pub(super) const DRESSES: u8 = 1 << 6;
