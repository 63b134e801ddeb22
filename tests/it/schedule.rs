//! When Salesforce is asked, and how often: counted at the org.

use crate::wait::{wait_for, wait_until};
use crate::world::World;
use salesforce_simulator::org::Action;
use salesforce_simulator::{Config, Control};
use serde_json::json;
use std::time::{Duration, Instant};

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// The settings under which nothing is asked but polls.
const SETTINGS: &str = "[worker]\ndescribe_every = \"1h\"\nlimits_every = \"1h\"\n";

fn object(number: usize) -> String {
    format!("Thing{number:02}__c")
}

/// A world with so many mapped objects of one record each, every one a group of its own.
async fn world(count: usize, every: &str) -> World {
    let files: Vec<(String, String)> = (0..count)
        .map(|number| {
            let name = object(number);
            let text = format!(
                "object = \"{name}\"\ndirection = \"from_salesforce\"\nfields = [\"Name\"]\n\
                 poll = {{ every = \"{every}\", refresh = \"off\" }}\nsweep = {{ every = \"off\" }}\n"
            );
            (format!("thing{number:02}.toml"), text)
        })
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let world = World::start(Config { scale: 0.01, ..Config::default() }, &files).await;
    std::fs::write(world.folder.path().join("lockstep.toml"), SETTINGS).unwrap();
    for number in 0..count {
        let described = json!({
            "name": object(number), "fields": [{ "name": "Name", "nameField": true }]
        });
        world.control().create_object(&described).await.unwrap();
        world.control().create(&object(number), &json!({ "Name": "first" })).await.unwrap();
    }
    world
}

/// Until every mapping was polled at least once after this.
async fn all_polled(world: &World, count: usize) {
    let now = world.cell("select now()").await.unwrap();
    let late = format!("select count(*) from lockstep.mapping where last_poll > '{now}'");
    wait_until("every mapping is polled", PATIENCE, async || {
        world.cell_if_any(&late).await == Some(count.to_string())
    })
    .await;
}

/// Requests of the integration user by kind, the latest last.
async fn asked(control: &Control) -> Vec<String> {
    let requests = control.requests().await.unwrap();
    let is_ours = |name: &str| name.starts_with("integration");
    let ours =
        requests.into_iter().filter(|request| request.username.as_deref().is_some_and(is_ours));
    ours.map(|request| request.api).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_mappings_that_are_polled_at_the_same_rate_share_their_requests() {
    // given twenty quiet mappings, each in a group of its own
    let world = world(20, "4s").await;
    let _worker = world.worker();
    all_polled(&world, 20).await;
    all_polled(&world, 20).await;

    // when they are polled for some rounds
    let began = Instant::now();
    world.control().forget_requests().await.unwrap();
    for _ in 0..4 {
        all_polled(&world, 20).await;
    }
    let calls = asked(&world.control()).await;
    let seconds = began.elapsed().as_secs_f64();

    // then five of them cost one request
    let polls = 20.0 * seconds / 4.0;
    let made = f64::from(u32::try_from(calls.len()).unwrap());
    assert!(made <= polls / 3.0, "{made} calls for about {polls} polls: {calls:?}");
    let together = calls.iter().filter(|api| *api == "composite").count();
    assert!(together * 5 >= calls.len() * 4, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_mapping_alone_costs_one_plain_query_per_poll() {
    let world = world(1, "1s").await;
    let _worker = world.worker();
    all_polled(&world, 1).await;

    let began = Instant::now();
    world.control().forget_requests().await.unwrap();
    wait_until("five more polls", PATIENCE, async || asked(&world.control()).await.len() >= 5)
        .await;

    let calls = asked(&world.control()).await;
    let seconds = began.elapsed().as_secs() + 2;
    let others = calls.iter().filter(|api| *api != "query").count();
    assert!(others <= 1, "deletions are asked for beside, rarely: {calls:?}");
    assert!(calls.len() as u64 <= seconds + 1, "{calls:?} in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_among_others_harms_none_of_them() {
    // given five mappings that are polled together
    let world = world(5, "1s").await;
    let settings = "[worker]\ndescribe_every = \"1s\"\n";
    std::fs::write(world.folder.path().join("lockstep.toml"), settings).unwrap();
    let _worker = world.worker();
    wait_until("they are polled together", PATIENCE, async || {
        asked(&world.control()).await.iter().any(|api| api == "composite")
    })
    .await;

    // when one object is hidden and another one changes
    let user = world.org.credentials().username;
    world.control().allow(Some(&user), &object(2), Action::Read, false).await.unwrap();
    let paused = "select count(*) from lockstep.mapping where state = 'paused'";
    wait_until("the hidden one is paused", PATIENCE, async || {
        world.cell(paused).await.as_deref() == Some("1")
    })
    .await;
    world.control().create(&object(3), &json!({ "Name": "second" })).await.unwrap();

    // then the others are polled on, and that one alone is paused
    let second = "select count(*) from salesforce.thing03__c where name = 'second'";
    wait_until("the new record", PATIENCE, async || {
        world.cell(second).await.as_deref() == Some("1")
    })
    .await;
    assert_eq!(world.cell(paused).await.as_deref(), Some("1"));
    world.control().allow(Some(&user), &object(2), Action::Read, true).await.unwrap();
    wait_until("the hidden one resumes", PATIENCE, async || {
        world.cell(paused).await.as_deref() == Some("0")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_with_many_rows_travel_alone() {
    // given two mappings that are polled together
    let world = world(2, "1s").await;
    let _worker = world.worker();
    let control = world.control();
    wait_until("they are polled together", PATIENCE, async || {
        asked(&control).await.iter().any(|api| api == "composite")
    })
    .await;

    // when one of them changes much
    for number in 0..250 {
        control.create(&object(0), &json!({ "Name": format!("many {number}") })).await.unwrap();
    }
    let rows = "select count(*) from salesforce.thing00__c";
    wait_until("the rows", PATIENCE, async || world.cell(rows).await.as_deref() == Some("251"))
        .await;

    // then, as long as the overlap brings them again, it asks for itself
    control.forget_requests().await.unwrap();
    wait_until("some more polls", PATIENCE, async || asked(&control).await.len() >= 6).await;
    let calls = asked(&control).await;
    assert!(!calls.iter().any(|api| api == "composite"), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mapping_does_not_delay_the_polls_of_others() {
    // given two mappings, one of which takes long to answer
    let world = world(2, "1s").await;
    let _worker = world.worker();
    all_polled(&world, 2).await;
    let slow = json!({
        "object": object(0), "times": null, "kind": "latency", "millis": 20_000
    });
    world
        .control()
        .arm(serde_json::from_value::<salesforce_simulator::Fault>(slow).unwrap())
        .await
        .unwrap();

    // when the other one changes, again and again
    for round in 0..5 {
        let name = format!("round {round}");
        world.control().create(&object(1), &json!({ "Name": name })).await.unwrap();
        let came = format!("select count(*) from salesforce.thing01__c where name = '{name}'");
        let began = Instant::now();
        wait_until(&name, PATIENCE, async || world.cell(&came).await.as_deref() == Some("1")).await;
        assert!(began.elapsed() < Duration::from_secs(15), "{name}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_come_a_quarter_as_often_when_the_budget_is_nearly_spent() {
    // given a mapping that is polled every two seconds
    let world = world(1, "2s").await;
    world.control().set_limits(0, 100_000).await.unwrap();
    let _worker = world.worker();
    all_polled(&world, 1).await;

    // when more than 90 % of the limit are used
    world.control().set_limits(91_000, 100_000).await.unwrap();
    all_polled(&world, 1).await;
    all_polled(&world, 1).await;

    // then two polls are at least four times as far apart, but for the machine's own delay
    let poll = "select last_poll from lockstep.mapping";
    let last = world.cell(poll).await;
    let next = wait_for("the next poll", PATIENCE, async || {
        world.cell(poll).await.filter(|next| Some(next) != last.as_ref())
    })
    .await;
    let apart = format!(
        "select extract(epoch from timestamptz '{next}' - timestamptz '{}') > 6",
        last.unwrap()
    );
    assert_eq!(world.cell(&apart).await.as_deref(), Some("t"));
}
