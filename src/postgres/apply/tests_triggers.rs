//! What foreign keys and triggers of the application's make of our own writes, against a real server.

use super::tests::{id, record, world};
use super::tests_references::{child, family};
use super::{ApplyError, Cause, Error};
use crate::postgres::testing::{rows, run};

const KEY: &str = "alter table salesforce.contact add constraint of_account \
                   foreign key (accountid) references salesforce.account (sfid)";
const LOG: &str = "select table_name, action, sfid, state from salesforce._trigger_log order by id";

#[tokio::test]
async fn a_child_that_goes_by_cascade_with_a_deleted_parent_is_captured_and_the_parent_is_not() {
    let (parents, children) = family().await;
    run(&parents.db, &format!("{KEY} on delete cascade")).await;
    parents.apply(vec![record(1, 0, ["a", "1", "k1"])]).await.unwrap();
    children.apply(vec![child(7, 0, 1)]).await.unwrap();
    run(
        &parents.db,
        "insert into salesforce.contact (accountid) select sfid from salesforce.account",
    )
    .await;

    parents.gone(Cause::Deleted, &[1], Some(1)).await.unwrap();

    let log = rows(&parents.db, LOG).await;
    assert_eq!(
        log,
        [
            "contact|INSERT|-|NEW".to_owned(),
            format!("contact|DELETE|{}|NEW", id(7)),
            "contact|DELETE|-|IGNORE".to_owned(),
        ]
    );
    assert_eq!(rows(&parents.db, "select id from salesforce.contact").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_parent_that_is_only_hidden_deletes_no_child_in_salesforce_and_clears_no_lookup() {
    for rule in ["cascade", "set null"] {
        let (parents, children) = family().await;
        run(&parents.db, &format!("{KEY} on delete {rule}")).await;
        parents
            .apply(vec![record(1, 0, ["a", "1", "k1"]), record(2, 0, ["b", "1", "k2"])])
            .await
            .unwrap();
        children.apply(vec![child(7, 0, 1), child(8, 0, 2)]).await.unwrap();

        parents.gone(Cause::Missing, &[1], None).await.unwrap();
        parents.gone(Cause::LeftFilter, &[2], Some(1)).await.unwrap();

        assert_eq!(
            rows(&parents.db, "select id from salesforce.account").await,
            Vec::<String>::new()
        );
        assert_eq!(rows(&parents.db, LOG).await, Vec::<String>::new(), "{rule}");
    }
}

#[tokio::test]
async fn what_a_trigger_of_the_applications_makes_of_our_write_is_a_change_of_salesforces_value() {
    // given a trigger that rewrites what is written
    let world = world().await;
    run(
        &world.db,
        "create function rewrite() returns trigger language plpgsql as $$ begin \
             new.name := upper(new.name); return new; end $$; \
         create trigger rewrite before insert or update on salesforce.account \
             for each row execute function rewrite()",
    )
    .await;

    // when records come that it changes, and one that it leaves alone
    let page = |second, name: &str| {
        vec![record(1, second, [name, "1", "k1"]), record(2, 0, ["B", "1", "k2"])]
    };
    world.apply(page(0, "a")).await.unwrap();
    let log = "select action, record_id, sfid, state, old::hstore -> 'name', old::hstore -> 'phone', \"values\" \
               from salesforce._trigger_log order by id";
    let first = format!(r#"UPDATE|1|{}|NEW|a|1|"name"=>"A""#, id(1));
    assert_eq!(rows(&world.db, log).await, [first]);
    assert_eq!(world.apply(page(0, "a")).await.unwrap().updated, 0, "it waits to be sent");

    // then once it is sent, both sides are equal, and a change there is one more
    run(&world.db, "delete from salesforce._trigger_log").await;
    world.apply(page(1, "A")).await.unwrap();
    assert_eq!(rows(&world.db, log).await, Vec::<String>::new());
    world.apply(page(2, "other")).await.unwrap();
    let again = format!(r#"UPDATE|1|{}|NEW|other|1|"name"=>"OTHER""#, id(1));
    assert_eq!(rows(&world.db, log).await, [again]);
}

#[tokio::test]
async fn nothing_is_written_over_while_changes_are_not_captured() {
    for hole in [
        "drop trigger hc_account_logtrigger on salesforce.account",
        "alter table salesforce.account disable trigger hc_account_logtrigger",
        "update lockstep.capture set hole_found_at = clock_timestamp() + interval '1 s'",
    ] {
        // given a row that was changed unseen
        let world = world().await;
        world.apply(vec![record(1, 0, ["theirs", "1", "k1"])]).await.unwrap();
        run(&world.db, hole).await;
        run(
            &world.db,
            "update salesforce.account set name = 'ours'; truncate salesforce._trigger_log",
        )
        .await;

        // when the record has changed too
        let refused = world.apply(vec![record(1, 1, ["theirs again", "1", "k1"])]).await;

        // then it waits, and a new record does not
        assert!(
            matches!(refused, Err(ApplyError::Database(Error::Uncaptured(_)))),
            "{hole}: {refused:?}"
        );
        world.apply(vec![record(2, 1, ["new", "2", "k2"])]).await.unwrap();
        let names = rows(&world.db, "select name from salesforce.account order by 1").await;
        assert_eq!(names, ["new", "ours"], "{hole}");
    }
}
