//! The SOAP API: logging in as old clients do, rows, queries, and faults.

use reqwest::Method;
use salesforce_simulator::Config;
use serde_json::json;

use crate::support::{Answer, Sandbox};

pub(crate) const PARTNER: &str = "/services/Soap/u/59.0";

/// Posts an operation, with a session where one is given.
pub(crate) async fn call(sandbox: &Sandbox, path: &str, session: &str, operation: &str) -> Answer {
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:urn=\"urn:partner.soap.sforce.com\"><soapenv:Header>\
         <urn:SessionHeader><urn:sessionId>{session}</urn:sessionId></urn:SessionHeader>\
         <urn:QueryOptions><urn:batchSize>200</urn:batchSize></urn:QueryOptions>\
         </soapenv:Header><soapenv:Body>{operation}</soapenv:Body></soapenv:Envelope>"
    );
    let request = sandbox
        .bare(Method::POST, path)
        .header("content-type", "text/xml; charset=UTF-8")
        .header("soapaction", "\"\"")
        .body(envelope);
    Answer::of(request.send().await.unwrap()).await
}

/// An operation with the integration user's session, which must succeed.
async fn done(sandbox: &Sandbox, operation: &str) -> String {
    let answer = call(sandbox, PARTNER, &sandbox.credentials.access_token, operation).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/xml;charset=UTF-8");
    answer.text
}

fn login(username: &str, password: &str) -> String {
    format!(
        "<urn:login><urn:username>{username}</urn:username>\
         <urn:password>{password}</urn:password></urn:login>"
    )
}

/// The text of the first element of this name, whatever its attributes.
pub(crate) fn text<'a>(xml: &'a str, name: &str) -> &'a str {
    let Some((_, rest)) = xml.split_once(&format!("<{name}>")) else { return "" };
    rest.split_once('<').unwrap().0
}

#[tokio::test]
async fn a_login_answers_a_session_that_rest_takes_too() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();

    let answer = call(&sandbox, PARTNER, "", &login(&c.username, &c.password)).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let session = text(&answer.text, "sessionId");
    let url = text(&answer.text, "serverUrl");
    assert!(url.starts_with(&format!("{}{PARTNER}/00D", sandbox.simulator.url())), "{url}");
    assert_eq!(text(&answer.text, "userName"), c.username);
    assert_eq!(text(&answer.text, "userFullName"), "Integration User");
    assert!(text(&answer.text, "userId").starts_with("005"));
    assert!(text(&answer.text, "organizationId").starts_with("00D"));
    let limits = sandbox.bare(Method::GET, "/services/data/v66.0/limits").bearer_auth(session);
    assert_eq!(limits.send().await.unwrap().status(), 200);
    let path = url.strip_prefix(&sandbox.simulator.url()).unwrap();
    let info = call(&sandbox, path, session, "<urn:getUserInfo/>").await;
    assert_eq!(text(&info.text, "userName"), c.username, "the url with the org's id works");
    let out = call(&sandbox, PARTNER, session, "<urn:logout/>").await;
    assert_eq!(out.status, 200);
    let after = call(&sandbox, PARTNER, session, "<urn:getUserInfo/>").await;
    assert_eq!(text(&after.text, "sf:exceptionCode"), "INVALID_SESSION_ID");
}

#[tokio::test]
async fn each_refusal_is_a_fault_with_its_code() {
    let sandbox = Sandbox::empty().await;
    let c = sandbox.credentials.clone();
    let control = sandbox.simulator.control().unwrap();
    let long = format!("{}{}", c.password, c.security_token);
    let query =
        "<urn:query><urn:queryString>SELECT Nope FROM Account</urn:queryString></urn:query>";
    let token = c.access_token.as_str();

    #[rustfmt::skip]
    let table = [
        (json!({}), PARTNER, "", login(&c.username, "x"),         "INVALID_LOGIN"),
        (json!({}), PARTNER, "", login("nobody", &c.password),    "INVALID_LOGIN"),
        (json!({ "security_token_required": true }), PARTNER, "", login(&c.username, &c.password), "LOGIN_MUST_USE_SECURITY_TOKEN"),
        (json!({ "security_token_required": true }), PARTNER, "", login(&c.username, &long), ""),
        (json!({ "soap_login": false }), PARTNER, "", login(&c.username, &c.password), "INVALID_OPERATION"),
        (json!({ "ip_restricted": true }), PARTNER, "", login(&c.username, &c.password), "LOGIN_DURING_RESTRICTED_DOMAIN"),
        (json!({ "org_active": false }), PARTNER, "", login(&c.username, &c.password), "ORG_LOCKED"),
        (json!({}), PARTNER, "", "<urn:getUserInfo/>".to_owned(), "INVALID_SESSION_ID"),
        (json!({}), PARTNER, "x", "<urn:getUserInfo/>".to_owned(), "INVALID_SESSION_ID"),
        (json!({}), "/services/Soap/u/5.0", token, "<urn:getUserInfo/>".to_owned(), "UNSUPPORTED_API_VERSION"),
        (json!({}), PARTNER, token, query.to_owned(), "INVALID_FIELD"),
        (json!({}), PARTNER, token, "<urn:describeSObject><urn:sObjectType>Nope</urn:sObjectType></urn:describeSObject>".to_owned(), "INVALID_TYPE"),
        (json!({}), PARTNER, token, "<urn:queryMore><urn:queryLocator>x</urn:queryLocator></urn:queryMore>".to_owned(), "INVALID_QUERY_LOCATOR"),
    ];
    let rules = control.login_rules().await.unwrap();
    for (rule, path, session, operation, code) in table {
        control.set_login_rules(&rule).await.unwrap();
        let answer = call(&sandbox, path, session, &operation).await;
        control.set_login_rules(&rules).await.unwrap();

        assert_eq!(answer.status, if code.is_empty() { 200 } else { 500 }, "{operation}");
        assert_eq!(text(&answer.text, "sf:exceptionCode"), code, "{}", answer.text);
        if !code.is_empty() {
            assert_eq!(text(&answer.text, "faultcode"), format!("sf:{code}"), "{operation}");
            let words = text(&answer.text, "faultstring");
            assert!(words.starts_with(&format!("{code}: ")), "{words}");
        }
    }
}

#[tokio::test]
async fn what_is_no_operation_is_a_fault_of_the_client() {
    let sandbox = Sandbox::empty().await;
    let token = sandbox.credentials.access_token.clone();
    let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>";

    let unknown = call(&sandbox, PARTNER, &token, "<urn:fly/>").await;
    let broken = call(&sandbox, PARTNER, &token, "<urn:fly>").await;
    let bomb =
        Answer::of(sandbox.bare(Method::POST, PARTNER).body(bomb).send().await.unwrap()).await;
    let deep = "<a>".repeat(100_000);
    let deep =
        Answer::of(sandbox.bare(Method::POST, PARTNER).body(deep).send().await.unwrap()).await;
    let got = sandbox.bare(Method::GET, PARTNER).send().await.unwrap();

    for answer in [&unknown, &broken, &bomb, &deep] {
        assert_eq!(answer.status, 500);
        assert_eq!(text(&answer.text, "faultcode"), "soapenv:Client", "{}", answer.text);
    }
    assert!(text(&unknown.text, "faultstring").starts_with("No operation available for request"));
    assert_eq!(got.status(), 405);
}

#[tokio::test]
async fn rows_are_written_by_the_rules_of_the_org() {
    let sandbox = Sandbox::empty().await;

    let created = done(
        &sandbox,
        "<urn:create><urn:sObjects><type>Account</type><Name>A &amp; B</Name>\
         <NumberOfEmployees>7</NumberOfEmployees></urn:sObjects>\
         <urn:sObjects><type>Account</type></urn:sObjects></urn:create>",
    )
    .await;
    let id = text(&created, "id").to_owned();
    let updated = done(
        &sandbox,
        &format!(
            "<urn:update><urn:sObjects><type>Account</type><fieldsToNull>NumberOfEmployees\
             </fieldsToNull><Id>{id}</Id><Name>C</Name></urn:sObjects></urn:update>"
        ),
    )
    .await;
    let upserted = done(
        &sandbox,
        &format!(
            "<urn:upsert><urn:externalIDFieldName>Id</urn:externalIDFieldName>\
             <urn:sObjects><type>Account</type><Id>{id}</Id><Name>D</Name></urn:sObjects>\
             <urn:sObjects><type>Account</type><Name>E</Name></urn:sObjects></urn:upsert>"
        ),
    )
    .await;

    assert!(id.starts_with("001"), "{created}");
    assert_eq!(created.matches("<success>true</success>").count(), 1);
    assert_eq!(text(&created, "statusCode"), "REQUIRED_FIELD_MISSING");
    assert_eq!(text(&created, "fields"), "Name");
    assert_eq!(text(&updated, "success"), "true", "{updated}");
    assert!(
        upserted.contains("<created>false</created>")
            && upserted.contains("<created>true</created>")
    );
    let row = sandbox.get(&format!("sobjects/Account/{id}?fields=Name,NumberOfEmployees")).await;
    assert_eq!(row.json()["Name"], "D");
    assert!(row.json()["NumberOfEmployees"].is_null(), "{}", row.text);
}

#[tokio::test]
async fn deleted_rows_come_back_or_go_for_good() {
    let sandbox = Sandbox::empty().await;
    let (kept, gone) = (sandbox.account("a").await, sandbox.account("b").await);

    let deleted = done(
        &sandbox,
        &format!("<urn:delete><urn:ids>{kept}</urn:ids><urn:ids>{gone}</urn:ids></urn:delete>"),
    )
    .await;
    let back =
        done(&sandbox, &format!("<urn:undelete><urn:ids>{kept}</urn:ids></urn:undelete>")).await;
    let empty =
        |id: &str| format!("<urn:emptyRecycleBin><urn:ids>{id}</urn:ids></urn:emptyRecycleBin>");
    let purged = done(&sandbox, &empty(&gone)).await;
    let live = done(&sandbox, &empty(&kept)).await;

    assert_eq!(deleted.matches("<success>true</success>").count(), 2, "{deleted}");
    assert_eq!(text(&back, "success"), "true", "{back}");
    assert_eq!(text(&purged, "success"), "true", "{purged}");
    assert_eq!(text(&live, "success"), "false", "a live row is not in the bin: {live}");
    assert_eq!(sandbox.get(&format!("sobjects/Account/{kept}")).await.status, 200);
    let left = sandbox.get("queryAll?q=SELECT+COUNT()+FROM+Account").await;
    assert_eq!(left.json()["totalSize"], 1);
}

fn merge(master: &str, losers: &[&str]) -> String {
    let losers =
        losers.iter().map(|id| format!("<urn:recordToMergeIds>{id}</urn:recordToMergeIds>"));
    let losers: String = losers.collect();
    format!(
        "<urn:request><urn:masterRecord><type>Account</type><Id>{master}</Id><Fax>2</Fax>\
         </urn:masterRecord>{losers}</urn:request>"
    )
}

#[tokio::test]
async fn a_merge_deletes_the_losers_and_hands_their_children_over() {
    let sandbox = Sandbox::empty().await;
    let [winner, first, second] =
        [sandbox.account("w").await, sandbox.account("a").await, sandbox.account("b").await];
    let contact = json!({ "LastName": "c", "AccountId": first });
    let contact = sandbox.post("sobjects/Contact", &contact).await.json()["id"].clone();
    let contact = contact.as_str().unwrap();

    let requests = [merge(&winner, &[&first, &second]), merge(&winner, &[&winner])].concat();
    let merged = done(&sandbox, &format!("<urn:merge>{requests}</urn:merge>")).await;

    let (good, bad) = merged.split_once("</result>").unwrap();
    assert!(
        good.ends_with(&format!(
            "<result><id>{winner}</id><mergedRecordIds>{first}</mergedRecordIds>\
             <mergedRecordIds>{second}</mergedRecordIds><success>true</success>\
             <updatedRelatedIds>{contact}</updatedRelatedIds>"
        )),
        "{good}"
    );
    assert_eq!((text(bad, "success"), text(bad, "statusCode")), ("false", "MERGE_FAILED"), "{bad}");
    let soql = "SELECT+Id,MasterRecordId+FROM+Account+WHERE+IsDeleted=true+ORDER+BY+Name";
    let losers = sandbox.get(&format!("queryAll?q={soql}")).await.json();
    for (row, loser) in losers["records"].as_array().unwrap().iter().zip([&first, &second]) {
        assert_eq!((&row["Id"], &row["MasterRecordId"]), (&json!(loser), &json!(winner)));
    }
    assert_eq!(losers["totalSize"], 2);
    let moved = sandbox.query("SELECT AccountId, Account.Fax FROM Contact").await;
    assert_eq!(moved["records"][0]["AccountId"], json!(winner));
    assert_eq!(moved["records"][0]["Account"]["Fax"], "2");
}

#[tokio::test]
async fn the_bin_is_emptied_of_a_merged_row_once_and_the_delete_log_remembers_it() {
    let sandbox = Sandbox::empty().await;
    let (winner, loser) = (sandbox.account("w").await, sandbox.account("l").await);
    done(&sandbox, &format!("<urn:merge>{}</urn:merge>", merge(&winner, &[&loser]))).await;
    let empty = format!("<urn:emptyRecycleBin><urn:ids>{loser}</urn:ids></urn:emptyRecycleBin>");

    let first = done(&sandbox, &empty).await;
    let second = done(&sandbox, &empty).await;

    assert_eq!(text(&first, "success"), "true", "{first}");
    assert_eq!(text(&first, "id"), loser);
    assert_eq!(text(&second, "statusCode"), "ENTITY_NOT_IN_RECYCLE_BIN", "{second}");
    let left = sandbox.get("queryAll?q=SELECT+COUNT()+FROM+Account").await;
    assert_eq!(left.json()["totalSize"], 1);
    let now = sandbox.steer().freeze_clock().await.unwrap().now;
    let window = [
        ("start", (now - chrono::TimeDelta::hours(1)).to_rfc3339()),
        ("end", (now + chrono::TimeDelta::minutes(1)).to_rfc3339()),
    ];
    let request = sandbox.request(Method::GET, "sobjects/Account/deleted").query(&window);
    let log = Answer::of(request.send().await.unwrap()).await.json();
    assert_eq!(log["deletedRecords"][0]["id"], json!(loser), "{log}");
}

#[tokio::test]
async fn queries_answer_generic_records_page_by_page() {
    let sandbox = Sandbox::empty().await;
    sandbox.accounts(250).await;
    let query =
        |soql: &str| format!("<urn:query><urn:queryString>{soql}</urn:queryString></urn:query>");

    let first = done(&sandbox, &query("SELECT Id, Name, Owner.Name, Phone FROM Account")).await;
    let locator = text(&first, "queryLocator");
    let more =
        format!("<urn:queryMore><urn:queryLocator>{locator}</urn:queryLocator></urn:queryMore>");
    let second = done(&sandbox, &more).await;

    assert_eq!((text(&first, "done"), text(&first, "size")), ("false", "250"));
    assert_eq!(first.matches("<records xsi:type=\"sf:sObject\">").count(), 200);
    assert!(first.contains("<sf:type>Account</sf:type><sf:Id>001"), "{first:.900}");
    assert!(first.contains("<sf:Owner xsi:type=\"sf:sObject\"><sf:type>User</sf:type>"));
    assert!(first.contains("<sf:Name>Integration User</sf:Name>"));
    assert!(first.contains("<sf:Phone xsi:nil=\"true\"/>"));
    assert_eq!(text(&second, "done"), "true");
    assert_eq!(second.matches("<records ").count(), 50);
}

#[tokio::test]
async fn an_enterprise_client_gets_records_of_their_own_types() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("a").await;
    let token = sandbox.credentials.access_token.clone();
    let operation = format!(
        "<retrieve xmlns=\"urn:enterprise.soap.sforce.com\"><fieldList>Id, Name</fieldList>\
         <sObjectType>Account</sObjectType><ids>{id}</ids></retrieve>"
    );
    let create = "<create xmlns=\"urn:enterprise.soap.sforce.com\"><sObjects xsi:type=\"ens:Account\">\
                  <Name>typed</Name></sObjects></create>";

    let found = call(&sandbox, "/services/Soap/c/59.0", &token, &operation).await;
    let created = call(&sandbox, "/services/Soap/c/59.0", &token, create).await;

    assert!(found.text.contains("xmlns=\"urn:enterprise.soap.sforce.com\""), "{}", found.text);
    assert!(found.text.contains("<result xsi:type=\"sf:Account\">"), "{}", found.text);
    assert!(found.text.contains("<sf:Name>a</sf:Name>"), "{}", found.text);
    assert_eq!(text(&created.text, "success"), "true", "{}", created.text);
}

#[tokio::test]
async fn objects_are_described_and_the_clock_is_told() {
    let sandbox = Sandbox::empty().await;

    let one = done(
        &sandbox,
        "<urn:describeSObject><urn:sObjectType>Account</urn:sObjectType></urn:describeSObject>",
    )
    .await;
    let all = done(&sandbox, "<urn:describeGlobal/>").await;
    sandbox.control("clock", &json!({ "advance_seconds": 3_600 })).await;
    let later = done(&sandbox, "<urn:getServerTimestamp/>").await;

    assert!(one.contains("<fields>") && one.contains("<name>Account</name>"), "{one:.500}");
    assert!(one.contains("<keyPrefix>001</keyPrefix>"));
    assert!(all.contains("<sobjects>") && all.contains("<name>Contact</name>"));
    let stamp = text(&later, "timestamp");
    assert!(stamp.ends_with('Z') && stamp.len() == 24, "{stamp}");
}

#[tokio::test]
async fn operations_count_as_requests_and_a_login_does_not() {
    let config = Config { empty: true, daily_limit: 1, ..Config::default() };
    let sandbox = Sandbox::of(config).await;
    let c = sandbox.credentials.clone();

    let login = call(&sandbox, PARTNER, "", &login(&c.username, &c.password)).await;
    let first = call(&sandbox, PARTNER, &c.access_token, "<urn:getUserInfo/>").await;
    let second = call(&sandbox, PARTNER, &c.access_token, "<urn:getUserInfo/>").await;

    assert_eq!((login.status, first.status, second.status), (200, 200, 500));
    assert_eq!(text(&first.text, "current"), "1");
    assert_eq!(text(&second.text, "sf:exceptionCode"), "REQUEST_LIMIT_EXCEEDED");
}
