//! The simulated org over real HTTP, readable as a specification of what it answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod bad_input;
mod bayeux;
mod bounds;
mod bulk_ingest;
mod bulk_query;
mod change_events;
mod collections;
mod cometd;
mod composite;
mod composite_batch;
mod composite_graph;
mod composite_tree;
mod control;
mod eventbus;
mod faults;
mod faults_answers;
mod faults_rules;
mod faults_writes;
mod oauth;
mod oauth_errors;
mod oauth_web;
mod page;
mod program;
mod protocol;
mod pubsub;
mod query;
mod relationships;
mod rights;
mod rows;
mod rules;
mod schema_changes;
mod search;
mod soql_children;
mod soql_errors;
mod soql_groups;
mod soql_joins;
mod soql_pages;
mod soql_rows;
mod soql_world;
mod soap;
mod support;
mod time;
mod tls;
mod xml;
