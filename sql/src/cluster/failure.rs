//! What a query failed with on a cluster, as the error that it would have failed with here. What comes back is one text: the error as Rust
//! writes it for programmers, in the words of each part of the cluster that it came through.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::ClusterError;
use super::queries::LOST;

/// What stands before an error of a task that is not tried again.
const OF_TASK: &str = "Task failed due to runtime execution error: ";
/// Kinds of errors that are about the values of a query.
const OF_VALUES: [&str; 6] = [
    "Execution(",
    "ArithmeticOverflow(",
    "CastError(",
    "ComputeError(",
    "InvalidArgumentError(",
    "ParseError(",
];

pub(super) fn failure(scheduler: &str, error: &DataFusionError) -> DataFusionError {
    let text = error.to_string();
    if text.contains(LOST) {
        let scheduler = scheduler.to_owned();
        return DataFusionError::External(Box::new(ClusterError::ExecutorLost { scheduler }));
    }
    let of_task = text.split_once(OF_TASK).map(|(_, of_task)| of_task);
    if let Some(of_task) = of_task {
        if of_task.contains("(DivideByZero") {
            return DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        }
        if let Some((before, message)) = first_literal(of_task) {
            if before.ends_with("ResourcesExhausted(") {
                return DataFusionError::ResourcesExhausted(message);
            }
            if OF_VALUES.iter().any(|kind| before.ends_with(kind)) {
                return DataFusionError::Execution(message);
            }
        }
    }
    let reason = match (of_task, text.split_once(" failed: ")) {
        (Some(of_task), _) => of_task,
        (None, Some((_, of_job))) => of_job,
        (None, None) => &text,
    };
    DataFusionError::External(Box::new(ClusterError::Failed {
        scheduler: scheduler.to_owned(),
        reason: reason.trim().to_owned(),
    }))
}

/// The first text in quotation marks, and what stands before it.
fn first_literal(text: &str) -> Option<(&str, String)> {
    let (before, rest) = text.split_once('"')?;
    let mut literal = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => return Some((before, literal)),
            '\\' => match letters.next()? {
                'n' => literal.push('\n'),
                't' => literal.push('\t'),
                escaped => literal.push(escaped),
            },
            letter => literal.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlError;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let failed = failure("http://s:1/", &DataFusionError::Execution(text.to_owned()));
        let found = SqlError::from_datafusion(failed, 64 << 20).to_string();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn an_error_of_a_query_is_the_same_as_here() {
        let of_task = |error: &str| {
            format!("Job a1 failed: Job failed due to stage 1 failed: {OF_TASK}DataFusionError({error})\n")
        };
        check(&of_task("ArrowError(DivideByZero, None)"), "divide by zero error");
        check(
            &of_task(r#"Execution("unknown dialect \"x\"; it is 'postgres' or 'mysql'")"#),
            "unknown dialect \"x\"; it is 'postgres' or 'mysql'",
        );
        check(
            &of_task(r#"ArrowError(CastError("Cannot cast string 'a'"), None)"#),
            "cannot cast string 'a'",
        );
        check(
            &of_task(r#"ResourcesExhausted("no memory")"#),
            "the query needs more memory than its limit of 64 MiB: no memory",
        );
    }

    #[test]
    fn an_executor_that_is_lost_is_said_plainly() {
        check(
            &format!("Status {{ code: Aborted, message: \"{LOST}\" }}"),
            "the cluster at http://s:1/ lost an executor while it worked for the query",
        );
    }

    #[test]
    fn what_else_failed_is_said_with_the_cluster() {
        check(
            "Job a1 failed: Job failed due to stage 1 failed: Stage 1 has failed 4 times",
            "the query failed on the cluster at http://s:1/: Job failed due to stage 1 failed: Stage 1 has failed 4 times",
        );
        check(
            "GrpcConnectionError(\"refused\")",
            "the query failed on the cluster at http://s:1/: Execution error: GrpcConnectionError(\"refused\")",
        );
    }
}
