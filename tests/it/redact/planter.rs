//! Secrets in every form, and literals and statements of every kind to put them into. Knows no log format.

/// The secret as a word, in hexadecimal digits, and as a number.
pub(super) const WORD: &str = "zephyrquartz";
pub(super) const HEX: &str = "7a6570687972717561727a";
pub(super) const DIGITS: &str = "90817263549";

/// What `LITERAL` in a statement stands for.
const OF_POSTGRES: [&str; 16] = [
    "'SECRET'",
    "'it''s SECRET'",
    r"E'it\'s SECRET'",
    "U&'d\\0061 SECRET'",
    "$$SECRET '$$",
    "$body$ $$ SECRET $body$",
    "'a'\n 'SECRET'",
    "'{\"a\": \"SECRET\"}'::jsonb",
    "CAST('SECRET' AS text)",
    "NUMBER",
    "-NUMBER.5",
    "0xHEX",
    "x'HEX'",
    "/* SECRET */ 7",
    "/*customer='SECRET'*/ 7",
    "7 -- SECRET\n",
];
const OF_MYSQL: [&str; 12] = [
    "'SECRET'",
    "\"SECRET\"",
    r"'it\'s SECRET'",
    "\"a\"\"SECRET\"",
    "_utf8mb4'SECRET'",
    "X'HEX'",
    "0xHEX",
    "NUMBER",
    "-NUMBER.5",
    "/* SECRET */ 7",
    "/*customer='SECRET'*/ 7",
    "7 # SECRET\n",
];

/// Statements of both families.
const STATEMENTS: [&str; 12] = [
    "SELECT a FROM t WHERE b = LITERAL AND c LIKE LITERAL",
    "SELECT LITERAL, f(LITERAL) FROM t",
    "SELECT a FROM t WHERE b IN (LITERAL, LITERAL, LITERAL)",
    "INSERT INTO t (a, b) VALUES (LITERAL, LITERAL), (LITERAL, now())",
    "UPDATE t SET a = LITERAL WHERE b = LITERAL",
    "DELETE FROM t WHERE a < LITERAL OR b = LITERAL",
    "SELECT CASE WHEN a = LITERAL THEN LITERAL ELSE LITERAL END FROM t",
    "SELECT a FROM t GROUP BY a HAVING count(*) > LITERAL LIMIT LITERAL",
    "CALL p(LITERAL, LITERAL)",
    "SET x = LITERAL",
    "SELECT LITERAL UNION SELECT LITERAL",
    "SELECT a FROM t /*route='cart',customer='SECRET'*/ WHERE b = LITERAL",
];
const STATEMENTS_OF_POSTGRES: [&str; 5] = [
    "COPY t FROM 'SECRET'",
    "COPY (SELECT a FROM t WHERE b = LITERAL) TO STDOUT",
    "EXECUTE p(LITERAL, LITERAL)",
    "CREATE ROLE app PASSWORD 'SECRET'",
    "DO $$ BEGIN RAISE EXCEPTION 'SECRET'; END $$",
];
const STATEMENTS_OF_MYSQL: [&str; 4] = [
    "LOAD DATA INFILE 'SECRET' INTO TABLE t",
    "PREPARE s FROM 'SELECT a FROM t WHERE b = \"SECRET\"'",
    "CREATE USER app IDENTIFIED BY 'SECRET'",
    "SELECT a FROM t WHERE b = LITERAL AND MATCH (c) AGAINST (LITERAL)",
];
/// Puts secrets and statements into templates: every form and every kind in turn.
#[derive(Default)]
pub(super) struct Planter {
    /// How many secrets there are.
    pub(super) planted: usize,
    literals: usize,
    statements: usize,
    mysql: bool,
}

impl Planter {
    /// A planter for servers of MySQL's family.
    pub(super) fn mysql() -> Planter {
        Planter {
            mysql: true,
            ..Planter::default()
        }
    }

    /// The template with a statement for each `STATEMENT`, a literal for each `LITERAL`, and the secret for `SECRET`, `NUMBER` and `HEX`.
    pub(super) fn plant(&mut self, template: &str) -> String {
        let mut text = template.to_owned();
        while text.contains("STATEMENT") {
            text = text.replacen("STATEMENT", self.statement(), 1);
        }
        while text.contains("LITERAL") {
            text = text.replacen("LITERAL", self.literal(), 1);
        }
        while let Some(at) = text.find("SECRET") {
            let form = [WORD, &WORD.to_uppercase(), "Zephyrquartz", DIGITS, HEX][self.planted % 5].to_owned();
            text.replace_range(at..at + "SECRET".len(), &form);
            self.planted += 1;
        }
        self.planted += text.matches("NUMBER").count() + text.matches("HEX").count();
        text.replace("NUMBER", DIGITS).replace("HEX", HEX)
    }

    fn statement(&mut self) -> &'static str {
        let own: &[&str] = if self.mysql {
            &STATEMENTS_OF_MYSQL
        } else {
            &STATEMENTS_OF_POSTGRES
        };
        self.statements += 1;
        let at = self.statements % (STATEMENTS.len() + own.len());
        STATEMENTS
            .get(at)
            .copied()
            .unwrap_or_else(|| own[at - STATEMENTS.len()])
    }

    fn literal(&mut self) -> &'static str {
        let kinds: &[&str] = if self.mysql { &OF_MYSQL } else { &OF_POSTGRES };
        self.literals += 1;
        kinds[self.literals % kinds.len()]
    }
}
