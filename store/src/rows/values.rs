//! What a column of rows being gathered can do, for each type but the texts that repeat.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder,
    MapBuilder, MapFieldNames, StringBuilder, TimestampMicrosecondBuilder,
};

use crate::schema::{MAP_NAMES, list_element};

/// What a column's builder must do.
pub(super) trait Values: Debug {
    type Item<'a>;
    fn start() -> Self;
    fn push(&mut self, value: Option<Self::Item<'_>>);
    fn finish(&mut self) -> ArrayRef;
    fn bytes(&self) -> usize;
}

macro_rules! plain_values {
    ($($builder:ty, $item:ty, $width:expr;)*) => {
        $(impl Values for $builder {
            type Item<'a> = $item;

            fn start() -> Self {
                Self::new()
            }

            #[inline]
            fn push(&mut self, value: Option<$item>) {
                self.append_option(value);
            }

            fn finish(&mut self) -> ArrayRef {
                Arc::new(Self::finish(self))
            }

            fn bytes(&self) -> usize {
                self.len() * $width
            }
        })*
    };
}

plain_values! {
    Int64Builder, i64, 8;
    Int32Builder, i32, 4;
    BooleanBuilder, bool, 1;
}

/// Times in µs UTC.
#[derive(Debug)]
pub(super) struct Time(TimestampMicrosecondBuilder);

impl Values for Time {
    type Item<'a> = i64;

    fn start() -> Time {
        Time(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
    }

    #[inline]
    fn push(&mut self, value: Option<i64>) {
        self.0.append_option(value);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }

    fn bytes(&self) -> usize {
        self.0.len() * 8
    }
}

/// Texts that hardly repeat.
impl Values for StringBuilder {
    type Item<'a> = &'a str;

    fn start() -> StringBuilder {
        StringBuilder::new()
    }

    #[inline]
    fn push(&mut self, value: Option<&str>) {
        self.append_option(value);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(StringBuilder::finish(self))
    }

    fn bytes(&self) -> usize {
        self.len() * 4 + self.values_slice().len()
    }
}

impl Values for BinaryBuilder {
    type Item<'a> = &'a [u8];

    fn start() -> BinaryBuilder {
        BinaryBuilder::new()
    }

    fn push(&mut self, value: Option<&[u8]>) {
        self.append_option(value);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(BinaryBuilder::finish(self))
    }

    fn bytes(&self) -> usize {
        self.len() * 4 + self.values_slice().len()
    }
}

/// Lists of texts.
#[derive(Debug)]
pub(super) struct TextList(ListBuilder<StringBuilder>);

impl Values for TextList {
    type Item<'a> = &'a [&'a str];

    fn start() -> TextList {
        TextList(ListBuilder::new(StringBuilder::new()).with_field(list_element()))
    }

    fn push(&mut self, value: Option<&[&str]>) {
        for text in value.unwrap_or_default() {
            self.0.values().append_value(text);
        }
        self.0.append(value.is_some());
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }

    fn bytes(&self) -> usize {
        let texts = self.0.values_ref();
        (self.0.len() + texts.len()) * 4 + texts.values_slice().len()
    }
}

/// Maps of text to text.
#[derive(Debug)]
pub(super) struct TextMap {
    builder: MapBuilder<StringBuilder, StringBuilder>,
    bytes: usize,
}

impl Values for TextMap {
    type Item<'a> = &'a [(&'a str, &'a str)];

    fn start() -> TextMap {
        let [entry, key, value] = MAP_NAMES.map(str::to_owned);
        let names = MapFieldNames { entry, key, value };
        TextMap {
            builder: MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()),
            bytes: 0,
        }
    }

    fn push(&mut self, value: Option<&[(&str, &str)]>) {
        for (key, text) in value.unwrap_or_default() {
            self.builder.keys().append_value(key);
            self.builder.values().append_value(text);
            self.bytes += key.len() + text.len() + 8;
        }
        // Fails only where a key has no value, and each got one above.
        self.builder
            .append(value.is_some())
            .expect("as many keys as values");
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }

    fn bytes(&self) -> usize {
        self.builder.len() * 4 + self.bytes
    }
}
