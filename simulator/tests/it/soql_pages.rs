//! Large results, page by page; and what can be asked about a statement without running it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    soql_world::{ask, assert_says, create, world},
    support::{Answer, Sandbox, assert_refused},
};

async fn first_page(sandbox: &Sandbox, soql: &str, size: usize) -> Value {
    let request = sandbox.request(Method::GET, "query").query(&[("q", soql)]);
    let request = request.header("Sforce-Query-Options", format!("batchSize={size}"));
    Answer::of(request.send().await.unwrap()).await.json()
}

fn locator(page: &Value) -> String {
    let url = page["nextRecordsUrl"].as_str().unwrap_or_else(|| panic!("{page}"));
    url.trim_start_matches("/services/data/v66.0/").to_owned()
}

/// An account with so many contacts.
async fn family(sandbox: &Sandbox, count: usize) -> String {
    let account = create(sandbox, "Account", json!({"Name": "family"})).await;
    let names: Vec<usize> = (0..count).collect();
    for names in names.chunks(200) {
        let record = |n: &usize| json!({"attributes": {"type": "Contact"}, "LastName": format!("c{n:04}"), "AccountId": account});
        let records: Vec<Value> = names.iter().map(record).collect();
        let answer = sandbox.post("composite/sobjects", &json!({ "records": records })).await;
        assert!(answer.json().as_array().unwrap().iter().all(|row| row["success"] == true));
    }
    account
}

#[tokio::test]
async fn children_beyond_a_page_have_a_locator_of_their_own() {
    let sandbox = Sandbox::empty().await;
    family(&sandbox, 450).await;
    let soql = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account";

    let page = first_page(&sandbox, soql, 200).await;

    assert_eq!(page["done"], true, "there is one parent only");
    let children = &page["records"][0]["Contacts"];
    assert_eq!((&children["totalSize"], &children["done"]), (&json!(450), &json!(false)));
    assert_eq!(children["records"].as_array().unwrap().len(), 200);
    let second = sandbox.get(&locator(children)).await.json();
    let third = sandbox.get(&locator(&second)).await.json();
    assert_eq!(second["records"][0]["LastName"], "c0200");
    assert_eq!((third["records"].as_array().unwrap().len(), &third["done"]), (50, &json!(true)));
}

#[tokio::test]
async fn children_count_in_the_size_of_a_page() {
    let sandbox = Sandbox::empty().await;
    for _ in 0..3 {
        family(&sandbox, 150).await;
    }
    let soql = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account ORDER BY Id";

    let first = first_page(&sandbox, soql, 200).await;
    let second = sandbox.get(&locator(&first)).await.json();

    let parents = |page: &Value| page["records"].as_array().unwrap().len();
    assert_eq!((parents(&first), parents(&second)), (2, 1));
    assert!(locator(&first).ends_with("-2"));
    assert_eq!((&first["totalSize"], &second["done"]), (&json!(3), &json!(true)));
}

#[tokio::test]
async fn rows_deleted_between_pages_drop_out_unless_deleted_rows_were_asked_for() {
    let sandbox = Sandbox::empty().await;
    let ids = sandbox.accounts(210).await;
    let soql = "SELECT Id FROM Account ORDER BY Id";
    let live = first_page(&sandbox, soql, 200).await;
    let request = sandbox.request(Method::GET, "queryAll").query(&[("q", soql)]);
    let request = request.header("Sforce-Query-Options", "batchSize=200");
    let all = Answer::of(request.send().await.unwrap()).await.json();

    sandbox.delete(&format!("sobjects/Account/{}", ids[205])).await;

    let rest = async |page: &Value| {
        let page = sandbox.get(&locator(page)).await.json();
        (page["records"].as_array().unwrap().len(), page["totalSize"].clone())
    };
    assert_eq!(rest(&live).await, (9, json!(210)));
    assert_eq!(rest(&all).await, (10, json!(210)));
}

#[tokio::test]
async fn a_cursor_lives_two_days_on_the_orgs_clock() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(201).await;
    let page = first_page(&sandbox, "SELECT Id FROM Account", 200).await;
    let locator = locator(&page);
    assert_eq!(locator.len(), "query/".len() + 18 + "-200".len(), "{locator}");

    sandbox.control("limits", &json!({"session_lifetime_seconds": 5 * 86_400})).await;
    sandbox.control("clock", &json!({"advance_seconds": 2 * 86_400 - 60})).await;
    assert_eq!(sandbox.get(&locator).await.status, 200);

    sandbox.control("clock", &json!({"advance_seconds": 60})).await;
    let answer = sandbox.get(&locator).await;
    assert_refused(&answer, StatusCode::BAD_REQUEST, "INVALID_QUERY_LOCATOR");
}

#[tokio::test]
async fn groups_do_not_come_in_pages() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(201).await;
    let soql = "SELECT Name FROM Account GROUP BY Name";

    let page = first_page(&sandbox, soql, 200).await;

    assert_eq!(page[0]["errorCode"], "EXCEEDED_ID_LIMIT");
    assert!(
        page[0]["message"]
            .as_str()
            .unwrap()
            .starts_with("Aggregate query does not support queryMore()")
    );
    assert_eq!(first_page(&sandbox, soql, 2000).await["totalSize"], 201);
    assert_eq!(first_page(&sandbox, &format!("{soql} LIMIT 200"), 200).await["done"], true);
}

#[tokio::test]
async fn a_statement_is_explained_without_being_run() {
    let sandbox = world().await;
    let explain = async |soql: &str| {
        let request = sandbox.request(Method::GET, "query").query(&[("explain", soql)]);
        Answer::of(request.send().await.unwrap()).await.json()
    };

    let scan = explain("SELECT Id FROM Account WHERE Name = 'Acme'").await;
    let index = explain("SELECT Id FROM Contact WHERE AccountId = '001000000000001'").await;
    let stamps =
        explain("SELECT Id FROM Contact WHERE SystemModstamp > 2020-01-01T00:00:00Z").await;

    let plan = &scan["plans"][0];
    assert_eq!(plan["leadingOperationType"], "TableScan");
    assert_eq!((&plan["cardinality"], &plan["sobjectCardinality"]), (&json!(3), &json!(3)));
    assert_eq!((&plan["sobjectType"], &plan["fields"]), (&json!("Account"), &json!([])));
    let plan = &index["plans"][0];
    assert_eq!(plan["leadingOperationType"], "Index");
    assert_eq!((&plan["fields"], &plan["relativeCost"]), (&json!(["AccountId"]), &json!(0.0)));
    assert_eq!(stamps["plans"][0]["fields"], json!(["SystemModstamp"]));
    assert_eq!(explain("SELECT Id FROM Nope").await[0]["errorCode"], "INVALID_TYPE");
}

#[tokio::test]
async fn the_columns_of_a_statement_can_be_asked_for() {
    let sandbox = world().await;
    let columns = async |soql: &str| {
        let request =
            sandbox.request(Method::GET, "query").query(&[("q", soql), ("columns", "true")]);
        Answer::of(request.send().await.unwrap()).await.json()
    };

    let rows = columns(
        "SELECT Id, Name, AnnualRevenue, Parent.Name, (SELECT LastName FROM Contacts) FROM Account",
    )
    .await;
    let groups =
        columns("SELECT Industry, COUNT(Id) n, MAX(Name) FROM Account GROUP BY Industry").await;

    assert_eq!((&rows["entityName"], &rows["keyPrefix"]), (&json!("Account"), &json!("001")));
    assert_eq!((&rows["idSelected"], &rows["groupBy"]), (&json!(true), &json!(false)));
    let list = &rows["columnMetadata"];
    assert_eq!(
        list[0],
        json!({
            "aggregate": false, "apexType": "Id", "booleanType": false, "columnName": "Id",
            "custom": false, "displayName": "Id", "foreignKeyName": null, "insertable": false,
            "joinColumns": [], "numberType": false, "textType": false, "updatable": false,
        })
    );
    assert_eq!((&list[2]["numberType"], &list[2]["updatable"]), (&json!(true), &json!(true)));
    assert_eq!((&list[3]["columnName"], &list[3]["aggregate"]), (&json!("Parent"), &json!(false)));
    assert_eq!(list[3]["joinColumns"][0]["columnName"], "Name");
    assert_eq!((&list[4]["columnName"], &list[4]["aggregate"]), (&json!("Contacts"), &json!(true)));
    let list = &groups["columnMetadata"];
    assert_eq!(groups["groupBy"], true);
    assert_eq!(
        (&list[0]["columnName"], &list[0]["aggregate"]),
        (&json!("Industry"), &json!(false))
    );
    assert_eq!(
        (&list[1]["columnName"], &list[1]["displayName"]),
        (&json!("n"), &json!("COUNT(Id)"))
    );
    assert_eq!((&list[2]["columnName"], &list[2]["aggregate"]), (&json!("expr0"), &json!(true)));
    let soql = "SELECT Nope FROM Account";
    let refused = ask(&sandbox, soql).await;
    assert_says(soql, &refused, "INVALID_FIELD", "appropriate names.");
}
