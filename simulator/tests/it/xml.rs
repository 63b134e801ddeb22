//! XML in both directions, for clients that ask for it.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Sandbox};

const XSI: &str = " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

async fn get_xml(sandbox: &Sandbox, path: &str) -> Answer {
    let request = sandbox.request(Method::GET, path).header("Accept", "application/xml");
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/xml;charset=UTF-8", "{}", answer.text);
    answer
}

#[tokio::test]
async fn each_kind_of_answer_has_its_root() {
    let sandbox = Sandbox::empty().await;
    let id = sandbox.account("A & B").await;
    #[rustfmt::skip]
    let table = [
        (format!("sobjects/Account/{id}?fields=Name"), "<Account type=\"Account\" url=\"/services/data/v66.0/sobjects/Account/", "<Name>A &amp; B</Name>"),
        (format!("sobjects/Account/{id}?fields=Fax"),  "<Account ",         "<Fax xsi:nil=\"true\"/>"),
        ("query?q=SELECT+Name,Owner.Name+FROM+Account".into(), "<QueryResult", "<records type=\"Account\" url=\"/services/data/v66.0/sobjects/Account/"),
        ("sobjects".into(),                            "<DescribeGlobal",   "<sobjects>"),
        ("sobjects/Account/describe".into(),           "<sObjectDescribe",  "<fields>"),
        ("limits".into(),                              "<Limits",           "<DailyApiRequests><Max>"),
        (String::new(),                               "<urls",             "<query>/services/data/v66.0/query</query>"),
        ("sobjects/Nope".into(),                       "<Errors",           "<Error><errorCode>NOT_FOUND</errorCode><message>The requested resource does not exist</message></Error>"),
    ];
    for (path, root, piece) in table {
        let answer = get_xml(&sandbox, &path).await;

        let root = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{root}");
        assert!(answer.text.starts_with(&root), "{path}: {}", answer.text);
        assert!(answer.text.contains(piece), "{path}: {}", answer.text);
    }
    let versions =
        Answer::of(sandbox.bare(Method::GET, "/services/data.xml").send().await.unwrap()).await;
    assert!(versions.text.contains("<Versions"), "{}", versions.text);
    assert!(versions.text.contains("<Version><label>Winter &apos;21</label>"), "{}", versions.text);
}

#[tokio::test]
async fn rows_keep_the_order_of_the_select_list() {
    let sandbox = Sandbox::empty().await;
    sandbox.account("Acme").await;

    let answer = get_xml(&sandbox, "query.xml?q=SELECT+Type,Name,Active__c+FROM+Account").await;

    let row = answer.text.split("<Type").nth(1).unwrap();
    assert!(row.starts_with(" xsi:nil=\"true\"/><Name>Acme</Name><Active__c>"), "{}", answer.text);
    assert!(answer.text.contains(&format!("<QueryResult{XSI}>")), "{}", answer.text);
}

#[tokio::test]
async fn rows_are_written_in_xml() {
    let sandbox = Sandbox::empty().await;
    let send = async |method: Method, path: &str, body: &'static str| {
        let request =
            sandbox.request(method, path).header("Content-Type", "application/xml; charset=UTF-8");
        Answer::of(request.header("Accept", "application/xml").body(body).send().await.unwrap())
            .await
    };
    let body = "<?xml version=\"1.0\"?><Account><Name>Acme &lt;1&gt;</Name><NumberOfEmployees>7</NumberOfEmployees>\
                <AnnualRevenue>12.5</AnnualRevenue><Active__c>true</Active__c></Account>";

    let created = send(Method::POST, "sobjects/Account", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert!(created.text.contains("<Result") && created.text.contains("<success>true</success>"));
    let id = created.text.split("<id>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let read = sandbox.get(&format!("sobjects/Account/{id}")).await.json();
    assert_eq!(
        (&read["Name"], &read["NumberOfEmployees"], &read["Active__c"]),
        (&json!("Acme <1>"), &json!(7), &json!(true))
    );

    let nil = "<Account xmlns:xsi=\"x\"><NumberOfEmployees xsi:nil=\"true\"/></Account>";
    assert_eq!(send(Method::PATCH, &format!("sobjects/Account/{id}"), nil).await.status, 204);
    let read = sandbox.get(&format!("sobjects/Account/{id}")).await.json();
    assert_eq!(read["NumberOfEmployees"], json!(null));

    let upserted = send(
        Method::PATCH,
        "sobjects/Account/External_Id__c/k",
        "<Account><Name>k</Name></Account>",
    )
    .await;
    assert_eq!(upserted.status, 201);
    let broken = send(Method::POST, "sobjects/Account", "<Account><Name>").await;
    assert_eq!(broken.status, 400);
    assert!(broken.text.contains("<errorCode>XML_PARSER_ERROR</errorCode>"), "{}", broken.text);
    let rows = send(Method::POST, "composite/sobjects", "<x/>").await;
    assert_eq!(rows.status, 415);
}
