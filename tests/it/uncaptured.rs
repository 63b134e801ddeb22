//! Changes of rows that no trigger told of, as a restored dump or a disabled trigger leaves them.

/// The statements, in one transaction that leaves no trace of them in the trigger log.
pub fn uncaptured(statements: &str) -> String {
    format!(
        "begin;
         create temp table told on commit drop as select id from salesforce._trigger_log;
         {statements};
         delete from salesforce._trigger_log where id not in (select id from told);
         commit"
    )
}
