//! Children that lock each other out at their parent: one call at a time for the parent that was locked, and nothing else
//! goes slower for it.

use super::world::World;
use serde_json::json;

/// Calls that wrote contacts of an account while another call did.
fn overlaps(account: &str) -> String {
    format!(
        // What was sent together was recorded by one transaction.
        "with calls as (
             select xmin::text as number, min(opened_at) as opened_at, max(closed_at) as closed_at,
                 array_agg(\"values\" ->> 'AccountId') as parents
             from lockstep.journal where table_name = 'contact' and record_id > 5 group by xmin::text
         )
         select count(*) from calls as one
         join calls as other
             on one.number < other.number and one.opened_at < other.closed_at and other.opened_at < one.closed_at
         where '{account}' = any(one.parents) and '{account}' = any(other.parents)"
    )
}

#[tokio::test]
async fn after_a_lock_a_parents_children_go_one_call_after_another_and_others_beside_them() {
    // given two accounts, of which one's children were refused for a lock
    let world = World::start().await;
    world
        .app("insert into account (name, external_id__c) values ('Busy', 'k0'), ('Free', 'k1')")
        .await;
    world.settle().await;
    let ids = world.rows("select sfid from account order by id").await;
    let locked = json!({
        "kind": "row_error", "code": "UNABLE_TO_LOCK_ROW", "object": "Contact", "method": "POST",
        "operation": "collection", "message": "unable to obtain exclusive access to this record", "fields": []
    });
    world.arm(serde_json::from_value(locked).unwrap()).await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'k0' from generate_series(1, 5) n",
        )
        .await;
    assert_eq!(world.run().await.unwrap().waiting, 5);

    // when both get many more, by calls that take their time
    let slow = json!({
        "kind": "latency", "millis": 400, "object": "Contact", "method": "POST", "operation": "collection", "times": null
    });
    world.arm(serde_json::from_value(slow).unwrap()).await;
    world
        .app(
            "insert into contact (lastname, external_id__c, account_key)
             select 'C' || n, 'c' || n, 'k' || n % 2 from generate_series(6, 1205) n",
        )
        .await;
    let before = world.writes().await.len();
    let pushed = world.run().await.unwrap();

    // then no two calls on the one account overlapped, those on the other did, and all calls were full
    assert_eq!((pushed.refused, pushed.more || pushed.accepted >= 1_200), (0, true));
    assert_eq!(world.rows(&overlaps(&ids[0])).await, ["0"], "the locked account's");
    assert_ne!(world.rows(&overlaps(&ids[1])).await, ["0"], "the other account's");
    assert!(world.writes().await.len() - before <= 7);
    world.settle().await;
    assert_eq!(world.records("Contact").await.len(), 1_205);
}
