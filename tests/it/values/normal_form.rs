//! Salesforce keeps a text without blanks at its ends and a moment without fractions of a second: the row takes that
//! form once.

use super::{BY_BULK, BY_REST, assert_quiet, read_back, remote_writes, worker, world};

/// What the application wrote, in the form that Salesforce has it: text, line breaks as JSON, moment.
const AS_KEPT: &str = "select concat_ws('|', text__c, to_json(long__c)::text, to_char(moment__c, 'HH24:MI:SS.US'), \
                       to_char(clock__c, 'HH24:MI:SS.US')) from salesforce.value__c";

async fn normal_form_comes_once(settings: &str) {
    // given a worker that is in step
    let world = world(settings).await;
    let worker = worker(&world).await;

    // when the application writes blanks, CRLF and microseconds
    let insert = "insert into salesforce.value__c (name, key__c, text__c, long__c, moment__c, clock__c) values \
                  ('one', 'k', '  two blanks  ', E'a\\r\\nb\\r\\n', '2024-01-02 03:04:05.678901', '10:12:13.456789')";
    world.application().await.run(insert).await.unwrap();
    read_back(&world).await;

    // then the row has Salesforce's form, after one write of the record
    let kept = world.cell(AS_KEPT).await;
    assert_eq!(kept.as_deref(), Some("two blanks|\"a\\nb\"|03:04:05.000000|10:12:13.456000"));
    assert_eq!(
        remote_writes(&world).await.into_iter().collect::<Vec<_>>(),
        [("created".to_owned(), 1)]
    );
    assert_quiet(&world).await;

    // when it writes the same once more, with blanks and microseconds again
    let update = "update salesforce.value__c set text__c = ' two blanks', long__c = E'a\\r\\nb ', \
                  moment__c = '2024-01-02 03:04:05.123456'";
    world.application().await.run(update).await.unwrap();
    read_back(&world).await;

    // then there is nothing to send, and nobody writes any more
    assert_eq!(
        remote_writes(&world).await.into_iter().collect::<Vec<_>>(),
        [("created".to_owned(), 1)]
    );
    assert_quiet(&world).await;
    assert_eq!(world.parked().await, Vec::<String>::new());
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_line_ends_and_microseconds_of_the_application_are_rewritten_once_by_collections() {
    normal_form_comes_once(BY_REST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_line_ends_and_microseconds_of_the_application_are_rewritten_once_by_bulk() {
    normal_form_comes_once(BY_BULK).await;
}
