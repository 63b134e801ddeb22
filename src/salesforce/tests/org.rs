//! The client against a simulated org.

use crate::model::{ColumnType, RemoteRecord, SalesforceId, StampField, Value};
use crate::runtime::Retry;
use crate::salesforce::{
    Auth, Body, Client, Config, DEFAULT_API_VERSION, Error, IngestCsv, IngestOperation, IngestRow,
    JobInfo, JobKind, JobState, ResultList, Scope, Shape, Upload,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use salesforce_simulator::{Config as OrgConfig, Control, Fault, FaultKind, Simulator};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// An org, and a client logged in as its integration user.
struct Org {
    simulator: Simulator,
    client: Client,
}

impl Org {
    async fn empty() -> Self {
        Self::start(OrgConfig { empty: true, ..OrgConfig::default() }).await
    }

    async fn start(config: OrgConfig) -> Self {
        let config = OrgConfig { bulk_delay: Duration::from_millis(20), ..config };
        let simulator = Simulator::start(config).await.unwrap();
        let client = client(&simulator, client_credentials(&simulator));
        Self { simulator, client }
    }

    fn control(&self) -> Control {
        self.simulator.control().unwrap()
    }

    async fn fault(&self, fault: Fault) {
        self.control().arm(fault).await.unwrap();
    }

    async fn create_accounts(&self, records: &[Json]) -> Vec<SalesforceId> {
        let results = self.client.create("Account", maps(records)).await.unwrap();
        results.into_iter().map(|result| result.unwrap().id).collect()
    }

    async fn accounts(&self, scope: Scope) -> Vec<RemoteRecord> {
        let soql = format!("SELECT {} FROM Account ORDER BY Name", account().select_list());
        self.client.query(&soql, scope, &account()).await.unwrap().records
    }

    async fn close(self) {
        self.simulator.stop().await;
    }
}

/// An upload of these records, in small pieces.
fn upload(records: &[Body]) -> Upload {
    let mut csv = IngestCsv::default();
    for record in records {
        csv.add(record).unwrap();
    }
    let mut bytes = csv.header();
    for record in records {
        csv.write(record, &mut bytes).unwrap();
    }
    let pieces: Vec<Bytes> = bytes.chunks(1_000).map(Bytes::copy_from_slice).collect();
    Upload::new(csv.bytes(), move || stream::iter(pieces.clone()).map(Ok).boxed())
}

async fn results(client: &Client, job: &JobInfo, list: ResultList) -> Vec<IngestRow> {
    let mut rows = client.open_results(job, list).await.unwrap();
    let mut results = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        results.push(row);
    }
    results
}

fn client(simulator: &Simulator, auth: Auth) -> Client {
    Client::new(Config {
        login_url: simulator.url().parse().unwrap(),
        auth,
        api_version: DEFAULT_API_VERSION.into(),
        timeout: Duration::from_secs(20),
    })
    .unwrap()
}

fn client_credentials(simulator: &Simulator) -> Auth {
    let credentials = simulator.credentials();
    Auth::ClientCredentials {
        client_id: credentials.client_id,
        client_secret: credentials.client_secret.into(),
    }
}

fn account() -> Shape {
    Shape {
        fields: vec![
            ("Name".into(), ColumnType::Varchar(255)),
            ("AnnualRevenue".into(), ColumnType::Double),
            ("External_Id__c".into(), ColumnType::Varchar(36)),
        ],
        has_is_deleted: true,
        has_master_record_id: false,
        stamp: StampField::SystemModstamp,
    }
}

fn maps(records: &[Json]) -> Vec<Body> {
    records.iter().map(|record| record.as_object().unwrap().clone().into()).collect()
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[tokio::test]
async fn every_way_to_log_in_leads_to_the_same_user_of_the_same_org() {
    let org = Org::empty().await;
    let credentials = org.simulator.credentials();
    let ways = [
        client_credentials(&org.simulator),
        Auth::JwtBearer {
            client_id: credentials.client_id.clone(),
            username: credentials.username.clone(),
            private_key: credentials.private_key_pem.clone().into(),
            audience: None,
        },
        Auth::RefreshToken {
            client_id: credentials.client_id,
            client_secret: Some(credentials.client_secret.into()),
            refresh_token: credentials.refresh_token.into(),
        },
    ];
    let mut identities = Vec::new();
    for auth in ways {
        let client = client(&org.simulator, auth);
        client.object_names().await.unwrap();
        identities.push(client.identity().await.unwrap());
    }
    assert_eq!(identities[0], identities[1]);
    assert_eq!(identities[0], identities[2]);
    assert_eq!(identities[0].organization_id.key_prefix(), "00D");
    assert_eq!(identities[0].instance_url, org.simulator.url());
    org.close().await;
}

#[tokio::test]
async fn a_wrong_secret_needs_a_person() {
    let org = Org::empty().await;
    let client_id = org.simulator.credentials().client_id;
    let auth = Auth::ClientCredentials { client_id, client_secret: "wrong".to_owned().into() };
    let error = client(&org.simulator, auth).identity().await.unwrap_err();
    assert!(matches!(&error, Error::Login(_)), "{error}");
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.remedy().is_some());
    org.close().await;
}

#[tokio::test]
async fn objects_are_described_and_hidden_ones_are_not_found() {
    let org = Org::empty().await;
    let names = org.client.object_names().await.unwrap();
    assert!(names.iter().any(|name| name == "Invoice__c"), "{names:?}");
    let describe = org.client.describe("Account").await.unwrap();
    assert_eq!(describe.key_prefix.as_deref(), Some("001"));
    let key = describe.field("External_Id__c").unwrap();
    assert!(key.external_id && key.unique);
    let error = org.client.describe("Nonsense__c").await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    org.close().await;
}

#[tokio::test]
async fn a_record_lives_its_life_through_collections() {
    let org = Org::empty().await;
    let ids = org
        .create_accounts(&[
            json!({ "Name": "Acme", "AnnualRevenue": 12.5 }),
            json!({ "Name": "Bolt", "AnnualRevenue": 7 }),
        ])
        .await;

    let changes = vec![
        (ids[0].clone(), maps(&[json!({ "AnnualRevenue": null })]).remove(0)),
        (ids[1].clone(), maps(&[json!({ "Name": "Bolt & Söhne" })]).remove(0)),
    ];
    let updated = org.client.update("Account", changes).await.unwrap();
    assert!(updated.iter().all(Result::is_ok), "{updated:?}");
    let records = org.accounts(Scope::Live).await;
    assert_eq!(records[0].values, [text("Acme"), Value::Null, Value::Null]);
    assert_eq!(records[1].values, [text("Bolt & Söhne"), Value::Double(7.0), Value::Null]);
    assert!(records[0].system_modstamp.is_some());

    let deleted = org.client.delete(&ids[..1]).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    assert_eq!(org.accounts(Scope::Live).await.len(), 1);
    let all = org.accounts(Scope::WithDeleted).await;
    assert_eq!(all.iter().map(|record| record.is_deleted).collect::<Vec<_>>(), [true, false]);
    let retrieved = org.client.retrieve("Account", &ids, &account()).await.unwrap();
    assert_eq!(retrieved[0], None);
    assert_eq!(retrieved[1].as_ref(), Some(&all[1]));
    org.close().await;
}

#[tokio::test]
async fn one_refused_record_does_not_take_the_others_with_it() {
    let org = Org::empty().await;
    let records =
        maps(&[json!({ "Name": "Acme" }), json!({ "Phone": "1" }), json!({ "Name": "Bolt" })]);
    let results = org.client.create("Account", records).await.unwrap();
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    let refusal = results[1].as_ref().unwrap_err();
    assert_eq!(refusal.code, "REQUIRED_FIELD_MISSING");
    assert_eq!(refusal.fields, ["Name"]);
    assert!(!refusal.message.is_empty());
    org.close().await;
}

#[tokio::test]
async fn an_upsert_can_be_repeated() {
    let org = Org::empty().await;
    let records = || maps(&[json!({ "Name": "Acme", "External_Id__c": "k1" })]);
    let mut saved = Vec::new();
    for _ in 0..2 {
        let results = org.client.upsert("Account", "External_Id__c", records()).await.unwrap();
        saved.push(results.into_iter().next().unwrap().unwrap());
    }
    assert_eq!(saved[0].id, saved[1].id);
    assert_eq!((saved[0].created, saved[1].created), (Some(true), Some(false)));
    org.close().await;
}

#[tokio::test]
async fn a_parent_is_named_by_its_external_id_and_read_back_through_the_child() {
    let org = Org::empty().await;
    org.create_accounts(&[json!({ "Name": "Acme", "External_Id__c": "k1" })]).await;
    let child = json!({ "LastName": "Doe", "Account": { "External_Id__c": "k1" } });
    let results = org.client.create("Contact", maps(&[child])).await.unwrap();
    assert!(results[0].is_ok(), "{results:?}");
    let shape = Shape {
        fields: vec![("Account.Name".into(), ColumnType::Text)],
        has_is_deleted: false,
        has_master_record_id: false,
        stamp: StampField::None,
    };
    let soql = format!("SELECT {} FROM Contact", shape.select_list());
    let page = org.client.query(&soql, Scope::Live, &shape).await.unwrap();
    assert_eq!(page.records[0].values, [text("Acme")]);
    org.close().await;
}

#[tokio::test]
async fn a_large_result_comes_in_pages_and_as_a_stream_with_the_same_records() {
    let org = Org::empty().await;
    let records: Vec<Json> = (0..4_500)
        .map(|n| json!({ "Name": format!("Acme \"{n}\",\nInc."), "AnnualRevenue": n, "External_Id__c": n.to_string() }))
        .collect();
    let job = org.client.start_ingest_job("Account", IngestOperation::Insert, None).await.unwrap();
    org.client.upload(&job, upload(&maps(&records))).await.unwrap();
    org.client.close(&job).await.unwrap();
    let done = org.client.await_job(JobKind::Ingest, &job).await.unwrap();
    assert_eq!((done.state, done.processed, done.failed), (JobState::JobComplete, 4_500, 0));
    assert_eq!(org.client.count("Account").await.unwrap(), 4_500);

    let soql = format!("SELECT {} FROM Account ORDER BY Id", account().select_list());
    let mut page = org.client.query(&soql, Scope::Live, &account()).await.unwrap();
    assert_eq!(page.total, 4_500);
    let mut paged = page.records;
    while let Some(next) = page.next {
        page = org.client.query_more(&next, &account()).await.unwrap();
        paged.append(&mut page.records);
    }
    assert_eq!(paged.len(), 4_500);

    let job = org.client.start_query_job(&soql, Scope::Live).await.unwrap();
    let done = org.client.await_job(JobKind::Query, &job).await.unwrap();
    assert_eq!(done.state, JobState::JobComplete, "{done:?}");
    let mut streamed = Vec::new();
    let mut locator = None;
    loop {
        let at = locator.as_deref();
        let page = org.client.query_job_page(&job, at, 2_000, &account()).await.unwrap();
        locator = page.next;
        streamed.append(&mut page.rows.into_records().try_collect::<Vec<_>>().await.unwrap());
        if locator.is_none() {
            break;
        }
    }
    assert_eq!(streamed, paged);
    org.close().await;
}

#[tokio::test]
async fn a_download_whose_connection_breaks_ends_in_an_error_and_can_be_opened_again() {
    let org = Org::empty().await;
    let names = (0..100).map(|n| json!({ "Name": format!("Acme {n}") })).collect::<Vec<_>>();
    org.create_accounts(&names).await;
    let soql = format!("SELECT {} FROM Account", account().select_list());
    let job = org.client.start_query_job(&soql, Scope::Live).await.unwrap();
    org.client.await_job(JobKind::Query, &job).await.unwrap();
    org.fault(Fault::new(FaultKind::Truncate { bytes: 1_000 }).route("*/results")).await;

    let page = org.client.query_job_page(&job, None, 1_000, &account()).await.unwrap();
    assert_eq!(page.expected, Some(100));
    page.rows.into_records().try_collect::<Vec<_>>().await.unwrap_err();
    let page = org.client.query_job_page(&job, None, 1_000, &account()).await.unwrap();
    assert_eq!(page.rows.into_records().try_collect::<Vec<_>>().await.unwrap().len(), 100);
    org.close().await;
}

#[tokio::test]
async fn an_empty_result_is_a_stream_without_records() {
    let org = Org::empty().await;
    let soql = format!("SELECT {} FROM Account", account().select_list());
    let job = org.client.start_query_job(&soql, Scope::Live).await.unwrap();
    org.client.await_job(JobKind::Query, &job).await.unwrap();
    let page = org.client.query_job_page(&job, None, 100, &account()).await.unwrap();
    assert!(page.rows.into_records().try_collect::<Vec<_>>().await.unwrap().is_empty());
    assert_eq!(page.next, None);
    org.close().await;
}

#[tokio::test]
async fn every_record_of_an_ingest_job_ends_in_one_list() {
    let org = Org::empty().await;
    org.create_accounts(&[json!({ "Name": "Old", "External_Id__c": "k1", "AnnualRevenue": 5 })])
        .await;
    let records = maps(&[
        json!({ "Name": "New name", "External_Id__c": "k1", "AnnualRevenue": null }),
        json!({ "Name": "Created", "External_Id__c": "k2" }),
        json!({ "Name": "Refused", "External_Id__c": "k3", "AnnualRevenue": -1 }),
    ]);
    let operation = IngestOperation::Upsert;
    let job = org.client.start_ingest_job("Account", operation, Some("External_Id__c")).await;
    let job = job.unwrap();
    org.client.upload(&job, upload(&records)).await.unwrap();
    org.client.close(&job).await.unwrap();
    let ended = org.client.await_job(JobKind::Ingest, &job).await.unwrap();

    assert_eq!(ended.result_lists(3), [ResultList::Successful, ResultList::Failed]);
    let successful = results(&org.client, &ended, ResultList::Successful).await;
    let failed = results(&org.client, &ended, ResultList::Failed).await;
    let created: BTreeSet<(&str, bool)> = successful
        .iter()
        .map(|row| (row.columns["External_Id__c"].as_str(), row.created))
        .collect();
    assert_eq!(created, [("k1", false), ("k2", true)].into());
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].columns["External_Id__c"], "k3");
    let refusal = failed[0].error.as_ref().unwrap();
    assert_eq!(refusal.code, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "{}", refusal.message);
    let accounts = org.accounts(Scope::Live).await;
    assert_eq!(accounts[1].values, [text("New name"), Value::Null, text("k1")]);
    org.close().await;
}

#[tokio::test]
async fn an_aborted_job_has_no_effect_and_gives_its_records_back() {
    let org = Org::empty().await;
    let job = org.client.start_ingest_job("Account", IngestOperation::Insert, None).await.unwrap();
    let records = maps(&[json!({ "Name": "Acme" })]);
    org.client.upload(&job, upload(&records)).await.unwrap();
    org.client.abort(&job).await.unwrap();
    let ended = org.client.ingest_job(&job).await.unwrap();
    assert_eq!(ended.state, JobState::Aborted);
    assert_eq!(ended.result_lists(1), [ResultList::Unprocessed]);
    assert_eq!(results(&org.client, &ended, ResultList::Unprocessed).await.len(), 1);
    assert_eq!(org.client.count("Account").await.unwrap(), 0);
    org.close().await;
}

#[tokio::test]
async fn an_expired_session_is_renewed_unnoticed_even_for_a_write() {
    let org = Org::empty().await;
    org.client.identity().await.unwrap();
    org.control().expire_sessions().await.unwrap();
    org.create_accounts(&[json!({ "Name": "Acme" })]).await;
    assert_eq!(org.accounts(Scope::Live).await.len(), 1, "and it was written once");
    org.close().await;
}

#[tokio::test]
async fn a_lost_answer_to_a_write_is_unknown_and_is_not_sent_again() {
    let org = Org::empty().await;
    let lost = Fault::new(FaultKind::CutAfter {}).method("POST").route("*/composite/sobjects");
    org.fault(lost).await;
    let outcome = org.client.create("Account", maps(&[json!({ "Name": "Acme" })])).await;
    let error = outcome.unwrap_err();
    assert!(error.outcome_is_unknown(), "{error:?}");
    assert_eq!(org.accounts(Scope::Live).await.len(), 1);
    org.close().await;
}

#[tokio::test]
async fn reading_survives_lost_answers_and_outages() {
    let org = Org::empty().await;
    org.create_accounts(&[json!({ "Name": "Acme" })]).await;
    for kind in [
        FaultKind::CutBefore {},
        FaultKind::CutAfter {},
        FaultKind::Truncate { bytes: 40 },
        FaultKind::status(503),
    ] {
        let said = format!("{kind:?}");
        org.fault(Fault::new(kind).operation("query")).await;
        assert_eq!(org.accounts(Scope::Live).await.len(), 1, "{said}");
    }
    org.close().await;
}

#[tokio::test]
async fn spent_requests_stop_the_calls_until_later() {
    let org = Org::start(OrgConfig { empty: true, daily_limit: 3, ..OrgConfig::default() }).await;
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(org.client.count("Account").await);
    }
    let error = outcomes.pop().unwrap().unwrap_err();
    assert!(matches!(error, Error::RequestLimit(_)), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
    assert!(!error.outcome_is_unknown());
    org.close().await;
}

#[tokio::test]
async fn usage_calls_and_the_clock_are_known() {
    let org = Org::empty().await;
    assert_eq!(org.client.usage(), None);
    org.client.count("Account").await.unwrap();
    let usage = org.client.usage().unwrap();
    assert_eq!((usage.used, usage.limit), (1, 100_000));
    let before = org.client.server_time().await.unwrap();
    org.control().advance_clock(3_600).await.unwrap();
    let after = org.client.server_time().await.unwrap();
    assert!((3_600..3_660).contains(&(after - before).num_seconds()), "{before} {after}");
    assert_eq!(org.client.calls_made(), 3);
    org.close().await;
}

#[tokio::test]
async fn an_assertion_is_accepted_although_the_clocks_differ() {
    let org = Org::empty().await;
    org.control().advance_clock(3_600).await.unwrap();
    let credentials = org.simulator.credentials();
    let auth = Auth::JwtBearer {
        client_id: credentials.client_id,
        username: credentials.username,
        private_key: credentials.private_key_pem.into(),
        audience: None,
    };
    client(&org.simulator, auth).identity().await.unwrap();
    org.close().await;
}

#[tokio::test]
async fn a_query_with_a_mistake_names_the_code_and_keeps_the_words() {
    let org = Org::empty().await;
    let outcome = org.client.query("SELECT Nonsense FROM Account", Scope::Live, &account()).await;
    let error = outcome.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.code, "INVALID_FIELD");
    assert!(refusal.message.contains("Nonsense"), "{}", refusal.message);
    assert_eq!(error.retry(), Retry::Never);
    org.close().await;
}
