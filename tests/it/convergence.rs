//! Both sides are edited at random; then everybody stops, and both sides must be equal and stay quiet.

use crate::wait::wait_until;
use crate::world::{ACCOUNT, CONTACT, World};
use lockstep::mapping::Mapping;
use lockstep::model::{SalesforceId, StampField};
use lockstep::salesforce::{Scope, Shape};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use salesforce_simulator::Config;
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::time::Duration;

const EDITS_PER_SIDE: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_accounts_converge_after_random_edits_on_both_sides_and_then_stay_quiet() {
    #[expect(clippy::disallowed_methods, reason = "a failed run is repeated with its seed")]
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_26);
    println!("SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    // given 10,000 accounts and 30,000 contacts, loaded
    let org = Config { seed, scale: 10.0, ..Config::default() };
    let world = World::start(org, &[("account.toml", ACCOUNT), ("contact.toml", CONTACT)]).await;
    without_cases(&world).await;
    let mappings = world.mappings().await;
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");
    let [accounts, contacts] = [&mappings[0], &mappings[1]];
    assert_eq!(world.rows(accounts).await.len(), 10_000);
    assert_eq!(world.rows(contacts).await.len(), 30_000);
    let worker = world.worker();

    // when both sides are edited at random, at the same time
    let by_user = edits_by_a_user(&world, &mut random).await;
    tokio::join!(apply_user_edits(&world, by_user), edit_rows(&world, seed));

    // then both become equal, field by field
    wait_until("everything is sent", Duration::from_mins(2), async || world.waiting().await == 0)
        .await;
    assert_eq!(world.parked().await, Vec::<String>::new(), "SEED={seed}");
    wait_until("both sides are equal", Duration::from_mins(1), async || {
        world.waiting().await == 0 && are_equal(&world, &mappings).await
    })
    .await;
    for mapping in &mappings {
        assert_eq!(world.differences(mapping).await, Vec::<String>::new(), "SEED={seed}");
    }

    // and three further cycles write nothing
    let polls = polls(&world).await;
    let (rows_before, writes_before) = (fingerprint(&world).await, remote_writes(&world).await);
    wait_until("three more polls of each object", Duration::from_mins(1), async || {
        self::polls(&world).await >= polls + 6
    })
    .await;
    assert_eq!(fingerprint(&world).await, rows_before, "rows were written while all was quiet");
    assert_eq!(
        remote_writes(&world).await,
        writes_before,
        "records were written while all was quiet"
    );
    assert_eq!(worker.terminate(), Some(0));
}

async fn are_equal(world: &World, mappings: &[Mapping]) -> bool {
    for mapping in mappings {
        if !world.differences(mapping).await.is_empty() {
            return false;
        }
    }
    true
}

/// Deletes the org's cases: Salesforce refuses to delete an account that has one.
async fn without_cases(world: &World) {
    let user = world.user();
    let shape = Shape {
        fields: Vec::new(),
        has_is_deleted: false,
        has_master_record_id: false,
        stamp: StampField::None,
    };
    loop {
        let page = user.query("SELECT Id FROM Case LIMIT 200", Scope::Live, &shape).await.unwrap();
        let ids: Vec<SalesforceId> = page.records.into_iter().map(|record| record.id).collect();
        if ids.is_empty() {
            return;
        }
        user.delete(&ids).await.unwrap();
    }
}

/// One edit that a Salesforce user makes.
enum UserEdit {
    Create(&'static str, Map<String, serde_json::Value>),
    Update(&'static str, SalesforceId, Map<String, serde_json::Value>),
    Delete(SalesforceId),
}

async fn edits_by_a_user(world: &World, random: &mut StdRng) -> Vec<UserEdit> {
    let accounts = ids(world, "account", "").await;
    let childless = ids(
        world,
        "account",
        "where not exists (select from salesforce.contact c where c.accountid = account.sfid)",
    )
    .await;
    let contacts = ids(world, "contact", "").await;
    (0..EDITS_PER_SIDE)
        .map(|number| {
            let text = format!("user {number} {}", random.random::<u32>());
            match random.random_range(0..10) {
                0 | 1 => {
                    UserEdit::Create("Account", Map::from_iter([("Name".to_owned(), json!(text))]))
                }
                2 => UserEdit::Create(
                    "Contact",
                    Map::from_iter([
                        ("LastName".to_owned(), json!(text)),
                        ("AccountId".to_owned(), json!(accounts.choose(random).unwrap().as_str())),
                    ]),
                ),
                3..6 => UserEdit::Update(
                    "Account",
                    accounts.choose(random).unwrap().clone(),
                    Map::from_iter([
                        ("Phone".to_owned(), json!(text)),
                        ("AnnualRevenue".to_owned(), json!(random.random_range(0..1_000_000))),
                    ]),
                ),
                6..8 => UserEdit::Update(
                    "Contact",
                    contacts.choose(random).unwrap().clone(),
                    Map::from_iter([("FirstName".to_owned(), json!(text))]),
                ),
                8 => UserEdit::Delete(contacts.choose(random).unwrap().clone()),
                _ => UserEdit::Delete(
                    childless.choose(random).or(contacts.choose(random)).unwrap().clone(),
                ),
            }
        })
        .collect()
}

async fn ids(world: &World, table: &str, condition: &str) -> Vec<SalesforceId> {
    let sql = format!("select sfid from salesforce.{table} {condition} order by sfid");
    let rows = world.application().await.rows(&sql).await.unwrap();
    rows.into_iter().flatten().flatten().map(|id| SalesforceId::parse(&id).unwrap()).collect()
}

/// Each edit is a request of its own, as a person at work would make it; one that comes too late (the record is
/// gone by now) is no edit.
async fn apply_user_edits(world: &World, edits: Vec<UserEdit>) {
    let user = world.user();
    for edit in edits {
        match edit {
            UserEdit::Create(object, fields) => {
                drop(user.create(object, vec![fields]).await.unwrap());
            }
            UserEdit::Update(object, id, fields) => {
                drop(user.update(object, vec![(id, fields)]).await.unwrap());
            }
            UserEdit::Delete(id) => drop(user.delete(&[id]).await.unwrap()),
        }
    }
}

/// The application's side: every statement is a transaction of its own.
async fn edit_rows(world: &World, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed + 1);
    let application = world.application().await;
    for number in 0..EDITS_PER_SIDE {
        let text = format!("application {number} {}", random.random::<u32>());
        let pick = random.random_range(0..1_000);
        let sql = match random.random_range(0..10) {
            0 | 1 => format!("insert into salesforce.account (name, numberofemployees) values ('{text}', {number})"),
            2 => format!(
                "begin; insert into salesforce.account (name, external_id__c) values ('{text}', 'pair-{number}'); \
                 insert into salesforce.contact (lastname, account_external_id) values ('{text}', 'pair-{number}'); commit"
            ),
            3..6 => format!(
                "update salesforce.account set phone = '{text}', industry = 'Energy' where id = (select id from \
                 salesforce.account order by id offset {pick} limit 1)"
            ),
            6..8 => format!(
                "update salesforce.contact set email = 'a{number}@example.com', lastname = '{text}' where id = (select id \
                 from salesforce.contact order by id offset {pick} limit 1)"
            ),
            8 => format!(
                "delete from salesforce.contact where id = (select id from salesforce.contact order by id offset {pick} limit 1)"
            ),
            _ => "delete from salesforce.account where id = (select a.id from salesforce.account a where not exists \
                 (select from salesforce.contact c where c.accountid = a.sfid) order by a.id limit 1)"
                .to_owned(),
        };
        application.run(&sql).await.unwrap();
    }
}

async fn polls(world: &World) -> usize {
    let requests = world.control().requests().await.unwrap();
    requests.iter().filter(|request| request.path.contains("/queryAll")).count()
}

async fn fingerprint(world: &World) -> String {
    let sql = "select md5((select string_agg(id || ':' || xmin, ',' order by id) from salesforce.account)) || \
               md5((select string_agg(id || ':' || xmin, ',' order by id) from salesforce.contact)) || \
               (select count(*) from salesforce._trigger_log) || ' ' || \
               (select count(*) from salesforce._trigger_log_archive)";
    world.cell(sql).await.unwrap()
}

async fn remote_writes(world: &World) -> BTreeMap<String, u64> {
    let mut rows = world.control().counters().await.unwrap().rows;
    rows.remove("read");
    rows
}
