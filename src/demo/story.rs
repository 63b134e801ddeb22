//! The story: six things happen between a table and an org, each told with the statement that made it happen.

use crate::model::{ColumnType, SalesforceId, StampField, Value};
use crate::postgres::Console;
use crate::salesforce::{Client, RowError, Scope, Shape};
use serde_json::{Map, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long a step waits for what it expects before it says that it did not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a step looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who takes part.
pub struct Characters {
    /// The application: ordinary SQL, as any client would send it.
    pub application: Console,
    /// A Salesforce user at work, through the REST API.
    pub user: Client,
    /// The mapping schema.
    pub schema: String,
}

/// Tells the story line by line.
pub struct Storyteller<'a> {
    characters: Characters,
    say: &'a (dyn Fn(&str) + Send + Sync),
}

/// A step that did not happen as told.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Postgres refused a statement of the story.
    #[error("the application's statement failed")]
    Postgres(#[from] crate::postgres::Error),
    /// Salesforce refused a request of the story.
    #[error("the user's request failed")]
    Salesforce(#[from] crate::salesforce::Error),
    /// Salesforce refused a row of the story.
    #[error("the user's change was refused: {code}")]
    Refused {
        /// Salesforce's error code.
        code: String,
    },
    /// What should have come did not come in time.
    #[error("{0} did not happen within {seconds} s", seconds = PATIENCE.as_secs())]
    Late(&'static str),
}

impl From<RowError> for Broken {
    fn from(error: RowError) -> Self {
        Self::Refused { code: error.code }
    }
}

impl<'a> Storyteller<'a> {
    /// A storyteller who speaks through `say`, one line a call.
    #[must_use]
    pub fn new(characters: Characters, say: &'a (dyn Fn(&str) + Send + Sync)) -> Self {
        Self { characters, say }
    }

    /// Tells all of it.
    ///
    /// # Errors
    /// At the first step that did not happen.
    pub async fn tell(&self) -> Result<(), Broken> {
        self.rows_arrive().await?;
        self.an_insert_becomes_a_record().await?;
        self.a_users_edit_arrives().await?;
        self.parent_and_child_arrive_together().await?;
        self.a_refusal_is_explained_and_healed().await?;
        self.both_sides_edit_the_same_field().await
    }

    async fn rows_arrive(&self) -> Result<(), Broken> {
        self.title(1, "Salesforce's records are rows");
        let sql = format!(
            "select sfid, name, industry, annualrevenue from {}.account order by name limit 3",
            self.schema()
        );
        self.show(&sql);
        for row in self.rows(&sql).await? {
            self.tell_line(&format!("     {}", row.join("  ")));
        }
        let counts = self
            .rows(&format!(
                "select (select count(*) from {0}.account), (select count(*) from {0}.contact), \
                 (select count(*) from {0}.opportunity), (select count(*) from {0}.invoice)",
                self.schema()
            ))
            .await?;
        let counts = counts.first().map(|row| row.join(", ")).unwrap_or_default();
        self.came_of_it(&format!("accounts, contacts, opportunities and invoices: {counts}"));
        Ok(())
    }

    async fn an_insert_becomes_a_record(&self) -> Result<(), Broken> {
        self.title(2, "An INSERT becomes a Salesforce record");
        let sql = format!(
            "insert into {}.account (name, external_id__c, phone) \
             values ('Juniper & Sons', 'demo-juniper', '+44 20 7946 0958')",
            self.schema()
        );
        self.show(&sql);
        self.characters.application.run(&sql).await?;
        let sfid = self.sfid_of("account", "demo-juniper").await?;
        self.came_of_it(&format!("it is record {sfid} now, and the row knows it"));
        Ok(())
    }

    async fn a_users_edit_arrives(&self) -> Result<(), Broken> {
        self.title(3, "A Salesforce user's edit becomes the row's");
        let sfid = self.sfid_of("account", "demo-juniper").await?;
        self.show(&format!("PATCH …/sobjects/Account/{sfid} {{\"Phone\": \"+1 415 555 0100\"}}"));
        self.edit("Account", &sfid, "Phone", json!("+1 415 555 0100")).await?;
        let sql = format!(
            "select phone from {}.account where external_id__c = 'demo-juniper'",
            self.schema()
        );
        self.until("the edit", &sql, "+1 415 555 0100").await?;
        self.show(&sql);
        self.came_of_it("+1 415 555 0100");
        Ok(())
    }

    async fn parent_and_child_arrive_together(&self) -> Result<(), Broken> {
        self.title(4, "Parent and child in one transaction both arrive");
        let sql = format!(
            "begin;\n     \
             insert into {0}.account (name, external_id__c) values ('Rowan Ltd', 'demo-rowan');\n     \
             insert into {0}.contact (lastname, external_id__c, account_external_id__c) \
             values ('Okafor', 'demo-okafor', 'demo-rowan');\n     \
             commit",
            self.schema()
        );
        self.show(&sql);
        self.characters.application.run(&sql).await?;
        let parent = self.sfid_of("account", "demo-rowan").await?;
        let contact = self.sfid_of("contact", "demo-okafor").await?;
        let question = "SELECT Id, AccountId FROM Contact WHERE External_Id__c = 'demo-okafor'";
        let linked_to = self.remote_text(question, "AccountId").await?;
        if linked_to.as_deref() != Some(parent.as_str()) {
            return Err(Broken::Late("the child's link to its parent"));
        }
        self.show(question);
        self.came_of_it(&format!("contact {contact} belongs to account {parent}"));
        Ok(())
    }

    async fn a_refusal_is_explained_and_healed(&self) -> Result<(), Broken> {
        self.title(5, "What Salesforce refuses is shown with its cause, fixed, and sent again");
        let update = |revenue: i32| {
            format!(
                "update {}.account set annualrevenue = {revenue} where external_id__c = 'demo-rowan'",
                self.schema()
            )
        };
        self.show(&update(-5));
        self.characters.application.run(&update(-5)).await?;
        let state = format!(
            "select _hc_lastop from {}.account where external_id__c = 'demo-rowan'",
            self.schema()
        );
        self.until("the refusal", &state, "FAILED").await?;
        let message = format!(
            "select sf_message from {}._trigger_log where state = 'FAILED' order by id desc limit 1",
            self.schema()
        );
        self.show(&message);
        for row in self.rows(&message).await? {
            self.came_of_it(&row.join(" "));
        }
        self.show(&update(5_000_000));
        self.characters.application.run(&update(5_000_000)).await?;
        let cured = format!(
            "select count(*) from {}._trigger_log where state in ('NEW', 'PENDING', 'FAILED')",
            self.schema()
        );
        self.until("the healing", &cured, "0").await?;
        let revenue = self
            .remote_text(
                "SELECT Id, AnnualRevenue FROM Account WHERE External_Id__c = 'demo-rowan'",
                "AnnualRevenue",
            )
            .await?;
        self.came_of_it(&format!(
            "Salesforce took it: AnnualRevenue is {}",
            revenue.unwrap_or_default()
        ));
        Ok(())
    }

    async fn both_sides_edit_the_same_field(&self) -> Result<(), Broken> {
        self.title(6, "Both sides edit the same field; the policy decides (salesforce_wins)");
        let sfid = self.sfid_of("account", "demo-juniper").await?;
        let sql = format!(
            "update {}.account set billingcity = 'Leeds' where external_id__c = 'demo-juniper'",
            self.schema()
        );
        self.show(&format!("begin; {sql}; -- not committed yet"));
        self.characters.application.run(&format!("begin; {sql}")).await?;
        self.show(&format!("PATCH …/sobjects/Account/{sfid} {{\"BillingCity\": \"York\"}}"));
        let edited = self.edit("Account", &sfid, "BillingCity", json!("York")).await;
        self.show("commit");
        self.characters.application.run("commit").await?;
        edited?;
        let conflicts = "select field, local, remote, policy, winner \
                         from lockstep.conflict order by id desc limit 1";
        let site = format!(
            "select billingcity from {}.account where external_id__c = 'demo-juniper' \
             and exists (select from lockstep.conflict where field = 'BillingCity')",
            self.schema()
        );
        self.until("the decision", &site, "York").await?;
        self.show(conflicts);
        for row in self.rows(conflicts).await? {
            self.came_of_it(&row.join("  "));
        }
        Ok(())
    }

    // === how steps look and speak ===

    fn schema(&self) -> &str {
        &self.characters.schema
    }

    fn tell_line(&self, line: &str) {
        (self.say)(line);
    }

    fn title(&self, number: u8, title: &str) {
        self.tell_line("");
        self.tell_line(&format!("  {number}. {title}"));
    }

    fn show(&self, statement: &str) {
        self.tell_line(&format!("     > {statement}"));
    }

    fn came_of_it(&self, result: &str) {
        self.tell_line(&format!("     = {result}"));
    }

    async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>, Broken> {
        let rows = self.characters.application.rows(sql).await?;
        let text = |cell: Option<String>| cell.unwrap_or_else(|| "(null)".to_owned());
        Ok(rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
    }

    /// Looks until the statement's first cell is `expected`.
    async fn until(&self, what: &'static str, sql: &str, expected: &str) -> Result<(), Broken> {
        self.until_some(what, sql, |cell| cell == expected).await.map(drop)
    }

    async fn until_some(
        &self,
        what: &'static str,
        sql: &str,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<String, Broken> {
        let deadline = Instant::now() + PATIENCE;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while Instant::now() < deadline {
            looks.tick().await;
            let cell = self.rows(sql).await?.into_iter().flatten().next();
            if let Some(cell) = cell.filter(|cell| is_it(cell)) {
                return Ok(cell);
            }
        }
        Err(Broken::Late(what))
    }

    async fn sfid_of(&self, table: &str, external_id: &str) -> Result<String, Broken> {
        let sql = format!(
            "select sfid from {}.{table} where external_id__c = '{external_id}' and sfid is not null",
            self.schema()
        );
        self.until_some("the Salesforce id", &sql, |cell| cell.len() == 18).await
    }

    /// One edit by the Salesforce user.
    async fn edit(
        &self,
        object: &str,
        sfid: &str,
        field: &str,
        value: serde_json::Value,
    ) -> Result<(), Broken> {
        let Ok(id) = SalesforceId::parse(sfid) else {
            return Err(Broken::Late("the Salesforce id"));
        };
        let body = Map::from_iter([(field.to_owned(), value)]);
        for result in self.characters.user.update(object, vec![(id, body)]).await? {
            result?;
        }
        Ok(())
    }

    async fn remote_text(&self, soql: &str, field: &str) -> Result<Option<String>, Broken> {
        let shape = Shape {
            fields: vec![(field.to_owned(), ColumnType::Text)],
            has_is_deleted: false,
            has_master_record_id: false,
            stamp: StampField::None,
        };
        let page = self.characters.user.query(soql, Scope::Live, &shape).await?;
        let value =
            page.records.into_iter().next().and_then(|record| record.values.into_iter().next());
        Ok(value.as_ref().and_then(Value::as_text).map(str::to_owned))
    }
}
