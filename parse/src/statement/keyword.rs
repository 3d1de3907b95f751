//! The words with a meaning: which are reserved, which the canonical rules look at, how an operand may follow them.
//!
//! A word that is missing here is an ordinary name. Nothing of this table reaches the hash but the synonyms of MySQL: a
//! keyword is hashed by its letters like any other word, so that a new entry changes only the statements its rule is about.

use super::bytes::Head;
use super::dialect::Dialect;

/// Reserved in PostgreSQL: never a bare identifier.
const PG: u16 = 1;
/// Reserved in every supported version of MySQL and MariaDB. What only MySQL 8 reserves (`rank`, `groups`, ...) is left
/// out: elsewhere it is a name, and `` `rank` `` must be the same as `rank`.
const MY: u16 = 1 << 1;
/// A rule of the canonical stream looks at it.
const RULE: u16 = 1 << 2;
/// An operand follows: a sign belongs to the number after it.
const OPERAND: u16 = 1 << 3;
/// As `OPERAND`, in MySQL only.
const OPERAND_MY: u16 = 1 << 4;
/// Although reserved, begins an operand.
const STARTS: u16 = 1 << 5;
/// In PostgreSQL a literal may follow directly: `DATE ?`.
const PREFIX: u16 = 1 << 6;
/// Printed in upper case although not reserved.
const UP: u16 = 1 << 7;
/// In MySQL another spelling of [`Keyword::synonym`], and hashed as that.
const SAME: u16 = 1 << 8;
/// As `SAME`, if a bracket follows.
const SAME_CALLED: u16 = 1 << 9;

/// What the table says about one word in one dialect.
#[derive(Clone, Copy)]
pub(super) struct Traits(u16);

impl Traits {
    pub(super) fn reserved(self, dialect: Dialect) -> bool {
        self.0 & if dialect == Dialect::Postgres { PG } else { MY } != 0
    }

    pub(super) fn has_rule(self) -> bool {
        self.0 & RULE != 0
    }

    pub(super) fn operand_follows(self, dialect: Dialect) -> bool {
        self.0
            & if dialect == Dialect::Postgres {
                OPERAND
            } else {
                OPERAND | OPERAND_MY
            }
            != 0
    }

    pub(super) fn starts_operand(self) -> bool {
        self.0 & STARTS != 0
    }

    pub(super) fn literal_follows(self) -> bool {
        self.0 & PREFIX != 0
    }

    pub(super) fn upper_case(self, dialect: Dialect) -> bool {
        self.0 & UP != 0 || self.reserved(dialect)
    }

    pub(super) fn is_synonym(self, dialect: Dialect) -> bool {
        self.0 & SAME != 0 && dialect == Dialect::Mysql
    }

    pub(super) fn is_synonym_called(self, dialect: Dialect) -> bool {
        self.0 & SAME_CALLED != 0 && dialect == Dialect::Mysql
    }

    /// The word would be read otherwise without its quotes.
    pub(super) fn needs_quotes(self, dialect: Dialect) -> bool {
        let read_by = if dialect == Dialect::Postgres {
            RULE | OPERAND | STARTS | PREFIX
        } else {
            RULE | OPERAND | OPERAND_MY | SAME | SAME_CALLED
        };
        self.0 & read_by != 0 || self.reserved(dialect)
    }
}

macro_rules! keywords {
    ($($traits:expr => { $($name:ident $text:literal),* $(,)? })*) => {
        /// A word of the table; `None` is any other word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(super) enum Keyword { None, $($($name,)*)* }

        const COUNT: usize = 1 $($(+ { let _ = $text; 1 })*)*;
        static KEYWORDS: [Keyword; COUNT] = [Keyword::None, $($(Keyword::$name,)*)*];
        static TEXTS: [&str; COUNT] = ["", $($($text,)*)*];
        static TRAITS: [u16; COUNT] = [0, $($({ let _ = $text; $traits },)*)*];
        static HEADS: [Head; COUNT] = [Head::of(b""), $($(Head::of($text.as_bytes()),)*)*];
    };
}

keywords! {
    0 => {
        Aggregate "aggregate", Checksum "checksum", Configuration "configuration", Conversion "conversion",
        Charset "_charset", Data "data", Domain "domain", Dumpfile "dumpfile", Event "event", Extended "extended", Format "format",
        Instead "instead", Large "large", Local "local", Object "object", Operator "operator",
        Parameter "parameter", Policy "policy", Publication "publication", Quick "quick", Repair "repair",
        Role "role", Routine "routine", Rule "rule", Sequence "sequence", Server "server", Statistics "statistics",
        Status "status", Subscription "subscription", System "system", Tablespace "tablespace", Text "text",
        Type "type", Xml "xml",
    }
    PG => {
        Analyse "analyse", Asymmetric "asymmetric", Authorization "authorization", Collation "collation",
        Concurrently "concurrently", Deferrable "deferrable", Freeze "freeze", Initially "initially",
        Isnull "isnull", Notnull "notnull", Overlaps "overlaps", Similar "similar", Verbose "verbose",
    }
    PG | MY => {
        Analyze "analyze", Check "check", Collate "collate", Column "column", Constraint "constraint",
        Create "create", Cross "cross", Desc "desc", Foreign "foreign", Grant "grant", Join "join",
        Natural "natural", Primary "primary", References "references", Table "table", Unique "unique",
    }
    PG | MY | RULE => {
        Asc "asc", Fetch "fetch", Group "group", Inner "inner", Left "left", Order "order", Outer "outer",
        Right "right", With "with",
    }
    PG | MY | RULE | OPERAND => {
        As "as", Default "default", Distinct "distinct", Except "except", For "for", From "from", Having "having",
        In "in", Intersect "intersect", Into "into", Is "is", Limit "limit", On "on", Select "select", To "to",
        Union "union", Where "where",
    }
    PG | MY | RULE | OPERAND | STARTS => {
        All "all", Not "not",
    }
    PG | MY | RULE | STARTS => {
        False "false", Null "null", True "true",
    }
    PG | MY | OPERAND => {
        And "and", Both "both", Else "else", Leading "leading", Like "like", Or "or", Then "then",
        Trailing "trailing", Using "using", When "when",
    }
    PG | MY | OPERAND | STARTS => {
        Case "case",
    }
    PG | MY | OPERAND_MY => {
        Binary "binary",
    }
    PG | MY | STARTS => {

        CurrentUser "current_user",
    }
    PG | RULE => {
        Full "full",
    }
    PG | RULE | OPERAND | UP => {
        Offset "offset", Returning "returning",
    }
    PG | RULE | STARTS | UP => {
        Array "array", Cast "cast",
    }
    PG | RULE | UP => {
        End "end", Only "only", Window "window",
    }
    PG | OPERAND => {
        Placing "placing", Variadic "variadic",
    }
    PG | OPERAND | UP => {
        Do "do", Ilike "ilike", Symmetric "symmetric",
    }
    PG | STARTS => {
        CurrentCatalog "current_catalog", CurrentRole "current_role", CurrentSchema "current_schema",
        User "user",
    }
    PG | STARTS | UP => {
        Any "any",
    }
    PG | UP => {
        Lateral "lateral", Tablesample "tablesample",
    }
    MY => {
        Accessible "accessible", Add "add", Asensitive "asensitive", Before "before", Bigint "bigint", Blob "blob",
        Change "change", Char "char", Condition "condition", Continue "continue",
        Convert "convert", Databases "databases", DayHour "day_hour", DayMicrosecond "day_microsecond",
        DayMinute "day_minute", DaySecond "day_second", Decimal "decimal", Delayed "delayed",
        Deterministic "deterministic", Double "double", Dual "dual", Elseif "elseif", Enclosed "enclosed",
        Escaped "escaped", Exit "exit", Float "float", Force "force",
        Fulltext "fulltext", HighPriority "high_priority", HourMicrosecond "hour_microsecond",
        HourMinute "hour_minute", HourSecond "hour_second", Ignore "ignore", Inout "inout",
        Insensitive "insensitive", Int "int",
        Iterate "iterate", Leave "leave", Linear "linear", Lines "lines", Long "long",
        Longblob "longblob", Longtext "longtext", Loop "loop", LowPriority "low_priority", Match "match",
        Maxvalue "maxvalue", Mediumblob "mediumblob", Mediumint "mediumint", Mediumtext "mediumtext",
        MinuteMicrosecond "minute_microsecond", MinuteSecond "minute_second",
        Modifies "modifies", NoWriteToBinlog "no_write_to_binlog", Optimize "optimize", Option "option",
        Optionally "optionally", Out "out", Precision "precision", Purge "purge", Read "read", Reads "reads",
        ReadWrite "read_write", Real "real", Repeat "repeat", Require "require", Resignal "resignal",
        SecondMicrosecond "second_microsecond", Sensitive "sensitive", Signal "signal",
        Smallint "smallint", Spatial "spatial", Specific "specific", Sql "sql", Sqlexception "sqlexception",
        Sqlstate "sqlstate", Sqlwarning "sqlwarning", SqlBigResult "sql_big_result",
        SqlCalcFoundRows "sql_calc_found_rows", SqlSmallResult "sql_small_result", Ssl "ssl", Starting "starting",
        StraightJoin "straight_join", Terminated "terminated", Tinyblob "tinyblob", Tinyint "tinyint",
        Tinytext "tinytext", Undo "undo", Unlock "unlock", Unsigned "unsigned", Usage "usage", UtcDate "utc_date",
        UtcTime "utc_time", UtcTimestamp "utc_timestamp", Varbinary "varbinary", Varchar "varchar",
        Varying "varying", While "while", Write "write", YearMonth "year_month",
        Zerofill "zerofill",
    }
    MY | RULE => {
        Range "range",
    }
    MY | RULE | OPERAND => {
        Separator "separator",
    }
    MY | RULE | OPERAND | OPERAND_MY | UP => {
        By "by",
    }
    MY | RULE | OPERAND | UP => {
        Set "set", Values "values",
    }
    MY | RULE | UP => {
        Call "call", Cursor "cursor", Declare "declare", Insert "insert", Key "key", Lock "lock", Release "release",
        Replace "replace", Show "show", Use "use",
    }
    MY | OPERAND => {
        Div "div", Kill "kill", Mod "mod", Return "return",
        Rlike "rlike", Xor "xor",
    }
    MY | OPERAND | UP => {
        Between "between",
    }
    MY | OPERAND_MY => {
        Infile "infile", Outfile "outfile",
    }
    MY | OPERAND_MY | PREFIX | UP => {
        Interval "interval",
    }
    MY | STARTS | UP => {
        Exists "exists",
    }
    MY | PREFIX => {
        Numeric "numeric",
    }
    MY | UP => {
        Alter "alter", Cascade "cascade", Database "database", Delete "delete", Drop "drop",
        Each "each", Explain "explain", If "if", Index "index", Keys "keys", Load "load", Partition "partition",
        Procedure "procedure", Rename "rename", Restrict "restrict", Revoke "revoke",
        Trigger "trigger", Update "update",
    }
    RULE => {
        Absolute "absolute", Backward "backward", Current "current", First "first", Forward "forward",
        Groups "groups", Last "last", Next "next", Prior "prior", Relative "relative", Value "value", Zone "zone",
    }
    RULE | OPERAND => {
        Uescape "uescape",
    }
    RULE | PREFIX => {
        Time "time",
    }
    RULE | UP => {
        Abort "abort", Begin "begin", Close "close", Commit "commit", Deallocate "deallocate",
        Duplicate "duplicate", Extract "extract", Minus "minus", Move "move", Nulls "nulls", Of "of",
        Prepare "prepare", Rollback "rollback", Row "row", Rows "rows", Savepoint "savepoint",
        Transaction "transaction", Work "work", Xa "xa",
    }
    OPERAND | UP => {
        Escape "escape",
    }
    PREFIX => {
        Bit "bit", Bytea "bytea", Cidr "cidr", Date "date", Delimiter "delimiter", Encoding "encoding", Inet "inet",
        Json "json", Jsonb "jsonb", Language "language", Password "password", Point "point", Regclass "regclass",
        Timestamp "timestamp", Timestamptz "timestamptz", Until "until", Uuid "uuid",
    }
    MY | SAME => {
        Character "character", Dec "dec", Float4 "float4", Float8 "float8", Int1 "int1", Int2 "int2", Int3 "int3", Int4 "int4", Int8 "int8", Integer "integer", Middleint "middleint", Schemas "schemas", Varcharacter "varcharacter",
    }
    MY | UP | SAME => {
        Describe "describe", Schema "schema",
    }
    MY | RULE | OPERAND | SAME => {
        Distinctrow "distinctrow",
    }
    MY | OPERAND | SAME => {
        Regexp "regexp",
    }
    PG | MY | STARTS | SAME => {
        CurrentDate "current_date", CurrentTime "current_time", CurrentTimestamp "current_timestamp", Localtime "localtime", Localtimestamp "localtimestamp",
    }
    PG | STARTS | SAME => {
        SessionUser "session_user", SystemUser "system_user",
    }
    PG | STARTS | SAME_CALLED => {
        Some "some",
    }
    UP | SAME => {
        Fields "fields",
    }
    SAME => {
        Replica "replica", Replicas "replicas", SqlTsiDay "sql_tsi_day", SqlTsiHour "sql_tsi_hour", SqlTsiMinute "sql_tsi_minute", SqlTsiMonth "sql_tsi_month", SqlTsiQuarter "sql_tsi_quarter", SqlTsiSecond "sql_tsi_second", SqlTsiWeek "sql_tsi_week", SqlTsiYear "sql_tsi_year",
    }
    SAME_CALLED => {
        Mid "mid", Std "std", Stddev "stddev", Substr "substr", Variance "variance",
    }
    UP => {
        After "after", Attach "attach", Checkpoint "checkpoint", Cluster "cluster", Coalesce "coalesce",
        Columns "columns", Comment "comment", Conflict "conflict", Copy "copy", Detach "detach", Discard "discard",
        Exclude "exclude", Execute "execute", Extension "extension", Filter "filter",
        Flush "flush", Function "function", Greatest "greatest", Grouping "grouping", Handler "handler",
        Indexes "indexes", Inherits "inherits", Least "least", Listen "listen", Locked "locked", Matched "matched",
        Materialized "materialized", Merge "merge", Names "names", Nothing "nothing", Notify "notify",
        Nowait "nowait", Nullif "nullif", Over "over", Recursive "recursive", Refresh "refresh", Reindex "reindex",
        Reset "reset", Share "share", Skip "skip", SqlCache "sql_cache", SqlNoCache "sql_no_cache", Start "start",
        Tables "tables", Temp "temp", Temporary "temporary", Ties "ties", Truncate "truncate", Unlisten "unlisten",
        Unlogged "unlogged", Vacuum "vacuum", View "view", Within "within", Without "without",
    }
}

impl Keyword {
    /// The keyword a word spells, in any case. `head` is the word's.
    #[inline]
    pub(super) fn find(head: Head, word: &[u8]) -> Keyword {
        let mut slot = slot_of(head, word.len());
        loop {
            let index = SLOTS[slot] as usize;
            if index == 0 {
                return Keyword::None;
            }
            // A head tells the length too: no word has a zero byte.
            if HEADS[index] == head && (word.len() <= 16 || is_long(index, word)) {
                return KEYWORDS[index];
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
    }

    /// The keyword a text spells, in any case; for texts that do not come from the lexer.
    pub(super) fn of(word: &[u8]) -> Keyword {
        Keyword::find(Head::of(word), word)
    }

    /// Lower case.
    pub(super) fn text(self) -> &'static str {
        TEXTS[self as usize]
    }

    /// The word of MySQL that this one is another spelling of; the word itself if there is none.
    pub(super) fn synonym(self) -> &'static str {
        use Keyword as K;
        match self {
            K::Character => "char",
            K::CurrentDate => "curdate",
            K::CurrentTime => "curtime",
            K::CurrentTimestamp | K::Localtime | K::Localtimestamp => "now",
            K::Dec => "decimal",
            K::Describe => "explain",
            K::Distinctrow => "distinct",
            K::Fields => "columns",
            K::Float4 => "float",
            K::Float8 => "double",
            K::Int1 => "tinyint",
            K::Int2 => "smallint",
            K::Int3 | K::Middleint => "mediumint",
            K::Int4 | K::Integer => "int",
            K::Int8 => "bigint",
            K::Mid | K::Substr => "substring",
            K::Regexp => "rlike",
            K::Replica => "slave",
            K::Replicas => "slaves",
            K::Schema => "database",
            K::Schemas => "databases",
            K::SessionUser | K::SystemUser => "user",
            K::Some => "any",
            K::SqlTsiDay => "day",
            K::SqlTsiHour => "hour",
            K::SqlTsiMinute => "minute",
            K::SqlTsiMonth => "month",
            K::SqlTsiQuarter => "quarter",
            K::SqlTsiSecond => "second",
            K::SqlTsiWeek => "week",
            K::SqlTsiYear => "year",
            K::Std | K::Stddev => "stddev_pop",
            K::Variance => "var_pop",
            K::Varcharacter => "varchar",
            other => other.text(),
        }
    }

    #[inline]
    pub(super) fn traits(self) -> Traits {
        Traits(TRAITS[self as usize])
    }
}

#[cold]
fn is_long(index: usize, word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(TEXTS[index].as_bytes())
}

/// A power of two some twenty times the number of words: nearly every miss ends at the first, empty slot.
const SLOT_COUNT: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 13;

static SLOTS: [u16; SLOT_COUNT] = fill_slots();

const fn fill_slots() -> [u16; SLOT_COUNT] {
    let mut slots = [0; SLOT_COUNT];
    let mut index = 1;
    while index < COUNT {
        let text = TEXTS[index].as_bytes();
        let mut slot = slot_of(Head::of(text), text.len());
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOT_COUNT;
        }
        slots[slot] = index as u16;
        index += 1;
    }
    slots
}

#[inline]
const fn slot_of(head: Head, length: usize) -> usize {
    let mixed = (head.low ^ (length as u64) << 58).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - SLOT_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_in_any_case() {
        for (text, keyword) in TEXTS.into_iter().zip(KEYWORDS).skip(1) {
            assert_eq!(Keyword::of(text.as_bytes()), keyword, "{text}");
            assert_eq!(Keyword::of(text.to_uppercase().as_bytes()), keyword, "{text}");
            assert_eq!(keyword.text(), text);
        }
    }

    #[test]
    fn every_synonym_is_another_word() {
        for (index, keyword) in KEYWORDS.into_iter().enumerate() {
            let marked = TRAITS[index] & (SAME | SAME_CALLED) != 0;
            assert_eq!(keyword.synonym() != keyword.text(), marked, "{}", keyword.text());
        }
    }

    #[test]
    fn other_words_are_not() {
        for word in [
            "",
            "selec",
            "selects",
            "id",
            "sql_calc_found_row",
            "sql_calc_found_rowz",
            "\u{e9}",
        ] {
            assert_eq!(Keyword::of(word.as_bytes()), Keyword::None, "{word}");
        }
    }
}
