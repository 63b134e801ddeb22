//! `/composite/graph`: graphs that happen completely or not at all.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Sandbox, assert_refused};

fn node(method: &str, path: &str, id: &str, body: Value) -> Value {
    let url = format!("/services/data/v66.0/sobjects/{path}");
    let mut node = json!({ "method": method, "url": url, "referenceId": id });
    node["body"] = body;
    node
}

fn account(id: &str, name: impl Into<Value>) -> Value {
    let mut fields = json!({});
    fields["Name"] = name.into();
    node("POST", "Account", id, fields)
}

fn graph(id: &str, nodes: Vec<Value>) -> Value {
    let mut graph = json!({ "graphId": id });
    graph["compositeRequest"] = Value::Array(nodes);
    graph
}

#[tokio::test]
async fn a_failed_graph_leaves_nothing_and_its_neighbours_alone() {
    let sandbox = Sandbox::empty().await;
    let body = json!({ "graphs": [
        graph("good", vec![
            account("acme", "Acme"),
            node("POST", "Contact", "ada", json!({ "LastName": "A", "AccountId": "@{acme.id}" })),
        ]),
        graph("bad", vec![account("one", "one"), account("two", Value::Null)]),
    ] });

    let answer = sandbox.post("composite/graph", &body).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let graphs = answer.json()["graphs"].clone();
    assert_eq!((&graphs[0]["graphId"], &graphs[0]["isSuccessful"]), (&json!("good"), &json!(true)));
    let nodes = &graphs[0]["graphResponse"]["compositeResponse"];
    assert_eq!(nodes[1]["httpStatusCode"], 201, "{nodes}");
    assert_eq!(nodes[1]["referenceId"], "ada");
    assert_eq!(graphs[1]["isSuccessful"], false);
    let nodes = &graphs[1]["graphResponse"]["compositeResponse"];
    assert_eq!(nodes[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(nodes[1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 1);
    assert_eq!(
        sandbox.query("SELECT COUNT() FROM Contact WHERE Account.Name = 'Acme'").await["totalSize"],
        1
    );
}

#[tokio::test]
async fn a_node_may_stand_before_the_one_it_needs() {
    let sandbox = Sandbox::empty().await;
    let nodes = vec![
        node("PATCH", "Contact/@{ada.id}", "patch", json!({ "Description": "of @{acme.id}" })),
        node("POST", "Contact", "ada", json!({ "LastName": "A", "AccountId": "@{acme.id}" })),
        account("acme", "Acme"),
    ];

    let answer = sandbox.post("composite/graph", &json!({ "graphs": [graph("g", nodes)] })).await;

    let nodes = answer.json()["graphs"][0]["graphResponse"]["compositeResponse"].clone();
    let told: Vec<(&Value, &Value)> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (&node["referenceId"], &node["httpStatusCode"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("patch"), &json!(204)),
            (&json!("ada"), &json!(201)),
            (&json!("acme"), &json!(201))
        ]
    );
}

#[tokio::test]
async fn after_fifteen_failures_the_rest_is_not_tried() {
    let sandbox = Sandbox::empty().await;
    let mut graphs: Vec<Value> =
        (0..15).map(|n| graph(&format!("bad{n}"), vec![account("a", Value::Null)])).collect();
    graphs.push(graph("late", vec![account("a", "never")]));

    let answer = sandbox.post("composite/graph", &json!({ "graphs": graphs })).await.json();

    let late = &answer["graphs"][15];
    assert_eq!(late["isSuccessful"], false);
    assert_eq!(
        late["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"],
        "PROCESSING_HALTED"
    );
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
}

#[tokio::test]
async fn graphs_beyond_the_limits_are_refused_as_a_whole() {
    let sandbox = Sandbox::empty().await;
    let accounts = |count: usize| -> Vec<Value> {
        (0..count).map(|n| account(&format!("n{n}"), "x")).collect()
    };
    let chain: Vec<Value> = (0..16)
        .map(|n: usize| {
            let parent = n.checked_sub(1).map(|n| format!("@{{n{n}.id}}"));
            node("POST", "Account", &format!("n{n}"), json!({ "Name": "x", "ParentId": parent }))
        })
        .collect();
    let circle = vec![account("a", "@{b.id}"), account("b", "@{a.id}")];
    let query =
        json!({ "method": "GET", "url": "/services/data/v66.0/query?q=x", "referenceId": "q" });
    let kinds: Vec<Value> = (0..16)
        .map(|n| node("POST", &format!("Object{n}__c"), &format!("n{n}"), json!({})))
        .collect();
    #[rustfmt::skip]
    let table = [
        ((0..76).map(|n| graph(&format!("g{n}"), vec![])).collect::<Vec<_>>(), "LIMIT_EXCEEDED"),
        (vec![graph("a", accounts(300)), graph("b", accounts(201))],          "LIMIT_EXCEEDED"),
        (vec![graph("deep", chain)],                                          "LIMIT_EXCEEDED"),
        (vec![graph("many", kinds)],                                          "LIMIT_EXCEEDED"),
        (vec![graph("round", circle)],                                        "INVALID_INPUT"),
        (vec![graph("query", vec![query])],                                   "INVALID_INPUT"),
        (vec![graph("same", vec![]), graph("same", vec![])],                  "INVALID_INPUT"),
        (vec![graph("twice", vec![account("a", "x"), account("a", "x")])], "INVALID_INPUT"),
        (vec![json!({ "graphId": "g" })],                                     "JSON_PARSER_ERROR"),
    ];
    for (graphs, code) in table {
        let answer = sandbox.post("composite/graph", &json!({ "graphs": graphs })).await;
        assert_refused(&answer, StatusCode::BAD_REQUEST, code);
    }
    assert_eq!(sandbox.query("SELECT COUNT() FROM Account").await["totalSize"], 0);
    assert_eq!(sandbox.get("composite/graph").await.status, 200);
}
