//! About fifteen thousand values of every type, made at random from what is known to go wrong.

use super::{BY_BULK, BY_REST, DEADLINE, assert_quiet, polls, read_back, world};
use crate::wait::wait_until;
use crate::world::World;
use lockstep::mapping::Mapping;
use lockstep::model::Value;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value as Json, json};

/// Times the sixteen fields, in each of the four tests.
const RECORDS: usize = 180;

/// Texts that both sides hold, some of them in another form.
const TEXTS: [&str; 22] = [
    "plain",
    "\u{a0}no-break\u{a0}",
    " blank at both ends ",
    "tab\t",
    "a\r\nb",
    "a\nb\n",
    "a\rb",
    "\r\n\r\n",
    "",
    "   ",
    "😀 emoji 👩‍👩‍👧",
    "e\u{301} combined",
    "\"quoted\", with 'commas';",
    "back\\slash \\n",
    "#N/A",
    "null",
    "<b>rich &amp; text</b>",
    "=1+1",
    "\u{feff}mark",
    "\u{200b}\u{3000}",
    // Salesforce cuts more off than ASCII calls white space.
    "\u{1}control\u{b}",
    LONGEST,
];

/// With 255 characters for Salesforce, which counts the others twice, and 128 for Postgres.
const LONGEST: &str = concat!(
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀x",
);

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a failed run is repeated with its seed")]
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4_877);
    println!("SEED={seed}");
    seed
}

/// One of the texts as a rule, and nothing now and then.
fn some<T: Clone>(random: &mut StdRng, of: &[T]) -> Option<T> {
    if random.random_bool(0.1) { None } else { of.choose(random).cloned() }
}

fn day(random: &mut StdRng) -> String {
    let fixed = ["1700-01-01", "4000-12-31", "2024-02-29", "1970-01-01", "1999-12-31"];
    if random.random_bool(0.5) {
        return (*fixed.choose(random).unwrap()).to_owned();
    }
    format!(
        "{:04}-{:02}-{:02}",
        random.random_range(1701..3999),
        random.random_range(1..=12),
        random.random_range(1..=28)
    )
}

/// A record's fields by name and column, each as text. Numbers and times are exact for both sides.
fn fields(random: &mut StdRng, number: usize, parent: &str) -> Vec<(&'static str, Option<String>)> {
    let texts = TEXTS.map(str::to_owned);
    // The hours that clocks skip or repeat, among them.
    let clocks =
        ["00:00:00.000Z", "23:59:59.000Z", "02:30:00.000Z", "01:30:00.000Z"].map(str::to_owned);
    let moments = [
        "2024-03-31T02:30:00.000Z",
        "2024-10-27T01:30:00.000Z",
        "2024-11-03T06:30:00.000Z",
        "1970-01-01T00:00:00.000Z",
    ];
    let moment = if random.random_bool(0.5) {
        (*moments.choose(random).unwrap()).to_owned()
    } else {
        format!("{}T{:02}:59:59.000Z", day(random), random.random_range(0..24))
    };
    let amounts = [
        "0",
        "0.01",
        "-0.01",
        "9999999999999.99",
        "10",
        "350000000",
        "1234567890123456.78",
        "-1234567890123456.79",
        "9007199254740993",
    ];
    let ratios =
        ["0.1", "0.0000000001", "-99999.5", "12345.6789", "0", "1e-3", "-12345678.1234567891"];
    let wholes = ["0", "-1", "999999999", "-999999999"];
    vec![
        ("Name", Some(format!("value {number}"))),
        ("Key__c", Some(format!("k{number}"))),
        ("Text__c", some(random, &texts)),
        ("Long__c", some(random, &texts)),
        ("Email__c", some(random, &["a@example.com".to_owned(), "B.C+d@example.org".to_owned()])),
        ("Phone__c", some(random, &["+49 (30) 123-45".to_owned(), "5551234567".to_owned()])),
        ("Url__c", some(random, &["https://example.com/?q=a,b;c".to_owned()])),
        ("Pick__c", some(random, &["Hot".to_owned(), "Not in the list".to_owned()])),
        ("Multi__c", some(random, &["A".to_owned(), "B;A".to_owned(), "C;B;A".to_owned()])),
        ("Amount__c", some(random, &amounts.map(str::to_owned))),
        ("Ratio__c", some(random, &ratios.map(str::to_owned))),
        ("Whole__c", some(random, &wholes.map(str::to_owned))),
        ("Day__c", Some(day(random))),
        ("Moment__c", Some(moment)),
        ("Clock__c", some(random, &clocks)),
        ("Flag__c", Some(random.random_bool(0.5).to_string())),
        ("Secret__c", some(random, &["secret".to_owned(), "****".to_owned()])),
        // Ids have a short and a long form.
        ("Parent__c", some(random, &[parent.to_owned(), parent[..15].to_owned()])),
    ]
}

fn as_json((field, text): (&str, Option<String>)) -> (String, Json) {
    let json = match (field, text) {
        (_, None) => Json::Null,
        // Longer ones would lose digits here already; Salesforce reads them from texts too.
        ("Amount__c" | "Ratio__c" | "Whole__c" | "Flag__c", Some(text)) if text.len() <= 15 => {
            serde_json::from_str(&text).unwrap()
        }
        (_, Some(text)) => Json::String(text),
    };
    (field.to_owned(), json)
}

/// Whether both sides are equal but for nothing, and say where they are not.
async fn assert_equal(world: &World, mapping: &Mapping, seed: u64) {
    assert_eq!(world.parked().await, Vec::<String>::new(), "SEED={seed}");
    assert_eq!(world.differences(mapping).await, Vec::<String>::new(), "SEED={seed}");
    assert_eq!(world.rows(mapping).await.len(), RECORDS, "SEED={seed}");
}

/// The record that others refer to.
async fn parent(world: &World) -> String {
    world.control().create("Account", &json!({ "Name": "Parent" })).await.unwrap()
}

async fn from_a_user(settings: &str) {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);

    // given records that a user made
    let world = world(settings).await;
    let parent = parent(&world).await;
    let records: Vec<Map<String, Json>> = (0..RECORDS)
        .map(|number| fields(&mut random, number, &parent).into_iter().map(as_json).collect())
        .collect();
    for result in world.user().create("Value__c", records).await.unwrap() {
        result.unwrap();
    }

    // when they are loaded
    let (status, _, talk) = world.run(&["backfill"]);
    assert_eq!(status, 0, "{talk}");

    // then the rows are equal to them, and stay so without a write
    let mappings = world.mappings().await;
    assert_equal(&world, &mappings[0], seed).await;
    let _worker = world.worker();
    let none = polls(&world).await;
    wait_until("the first poll", DEADLINE, async || polls(&world).await != none).await;
    assert_quiet(&world).await;
}

async fn from_the_application(settings: &str) {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);

    // given a worker, and rows that the application inserts with one statement
    let world = world(settings).await;
    let parent = parent(&world).await;
    assert_eq!(world.run(&["backfill"]).0, 0);
    let _worker = world.worker();
    let quoted = |text: Option<String>| match text {
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => "null".to_owned(),
    };
    let rows: Vec<String> = (0..RECORDS)
        .map(|number| {
            let cells =
                fields(&mut random, number, &parent).into_iter().map(|(_, text)| quoted(text));
            format!("({})", cells.collect::<Vec<_>>().join(","))
        })
        .collect();
    let columns: Vec<_> =
        fields(&mut random, 0, &parent).into_iter().map(|(name, _)| name.to_lowercase()).collect();
    let insert = format!(
        "insert into salesforce.value__c ({}) values {}",
        columns.join(","),
        rows.join(",")
    );
    world.application().await.run(&insert).await.unwrap();

    // then the records are equal to them
    let mappings = world.mappings().await;
    wait_until("everything is sent", DEADLINE, async || world.waiting().await == 0).await;
    wait_until("both sides are equal", DEADLINE, async || {
        world.differences(&mappings[0]).await.is_empty() || !world.parked().await.is_empty()
    })
    .await;
    assert_equal(&world, &mappings[0], seed).await;

    // and, once what the org stamped is read, nobody writes any more
    read_back(&world).await;
    assert_quiet(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_enters_arrives_by_rest_and_stays_quiet() {
    from_a_user(BY_REST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_enters_arrives_by_bulk_and_stays_quiet() {
    from_a_user(BY_BULK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_application_writes_arrives_by_collections_and_stays_quiet() {
    from_the_application(BY_REST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_application_writes_arrives_by_bulk_and_stays_quiet() {
    from_the_application(BY_BULK).await;
}

/// A number with 18 digits in a record, as text; read by its own column's type.
async fn amounts(world: &World) -> Vec<String> {
    let mappings = world.mappings().await;
    let at = mappings[0].fields.iter().position(|field| field.name == "Amount__c").unwrap();
    let records = world.records(&mappings[0]).await;
    let mut amounts: Vec<String> = records
        .into_values()
        .filter_map(|values| match &values[at] {
            Value::Decimal(number) => Some(number.to_string()),
            _ => None,
        })
        .collect();
    amounts.sort();
    amounts
}

async fn eighteen_digits(road: &str) {
    // given a record with as many digits as Salesforce holds
    let world = world(&format!("types = \"exact\"\n{road}")).await;
    let fields = json!({ "Name": "theirs", "Amount__c": "1234567890123456.78" });
    world.control().create("Value__c", &fields).await.unwrap();

    // when it is loaded, and the application writes another one
    assert_eq!(world.run(&["backfill"]).0, 0);
    let _worker = world.worker();
    let insert = "insert into salesforce.value__c (name, key__c, amount__c) \
                  values ('ours', 'k', -9999999999999999.99)";
    world.application().await.run(insert).await.unwrap();
    read_back(&world).await;

    // then no digit is lost on either side, and nobody writes for it
    let rows =
        "select string_agg(amount__c::text, ' ' order by amount__c) from salesforce.value__c";
    let expected = "-9999999999999999.99 1234567890123456.78";
    assert_eq!(world.cell(rows).await.as_deref(), Some(expected));
    assert_eq!(amounts(&world).await.join(" "), expected);
    assert_quiet(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eighteen_digits_arrive_to_the_last_one_by_rest() {
    eighteen_digits("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eighteen_digits_arrive_to_the_last_one_by_bulk() {
    eighteen_digits("bulk = { read_above = 1, write_above = 1 }").await;
}
