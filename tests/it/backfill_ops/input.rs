//! What a person types that cannot be meant.

use super::small_world;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_with_what_could_be_and_nothing_is_done() {
    let world = small_world().await;
    #[rustfmt::skip]
    let table: [(&[&str], &str); 12] = [
        (&["backfill", "Acount"], "did you mean `Account`?"),
        (&["backfill", "Elsewhere__c"], "choose from `Account`"),
        (&["backfill", "pause", "Acount"], "did you mean `Account`?"),
        (&["backfill", "Account", "--fields", "Phnoe"], "did you mean `Phone`?"),
        (&["backfill", "Account", "--fields", ""], "has no field"),
        (&["backfill", "Account", "--since", "yesterday"], "give a duration such as `2h`"),
        (&["backfill", "Account", "--since", "2"], "give a duration such as `2h`"),
        (&["backfill", "Account", "--since", "2999-01-01"], "is in the future"),
        (&["backfill", "Account", "--rate", "0"], "--rate"),
        (&["backfill", "Account", "--rate", "fast"], "--rate"),
        (&["backfill", "--parallel", "0"], "--parallel"),
        (&["backfill", "pause", "--rate", "5"], "--rate"),
    ];
    assert_eq!(world.run(&["provision"]).0, 0);
    for (command, expected) in table {
        let (status, out, talk) = world.run(command);
        assert_eq!(status, 2, "{command:?}: {out}{talk}");
        assert!(talk.contains(expected), "{command:?}: {talk}");
    }
    let begun =
        "select count(*) from lockstep.checkpoint where loaded or backfill_rows is not null";
    assert_eq!(world.cell(begun).await.as_deref(), Some("0"));
    assert_eq!(world.cell("select count(*) from lockstep.backfill").await.as_deref(), Some("0"));
}
