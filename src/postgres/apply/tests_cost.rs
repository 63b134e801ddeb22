//! How many statements a page costs, as the server's own log counts them.

use super::tests::{World, deleted, lease, record};
use crate::model::RemoteRecord;
use crate::postgres::testing::{account, connect_to, fresh_url, rows, run};
use crate::postgres::{migrate, provision};

impl World {
    /// The statements that one page costs, from the beginning of the transaction to its end.
    async fn statements(&self, page: Vec<RemoteRecord>) -> usize {
        let count = async || {
            let folder = rows(&self.db, "select current_setting('data_directory')").await;
            let log = std::path::Path::new(&folder[0]).join("server.log");
            let name = rows(&self.db, "select current_database()").await.remove(0);
            let text = std::fs::read_to_string(log).unwrap();
            let is_ours = |line: &&str| line.starts_with(&format!("{name} LOG:"));
            text.lines()
                .filter(is_ours)
                .filter(|line| line.contains("statement: ") || line.contains("execute "))
                .count()
        };
        let before = count().await;
        self.apply(page).await.unwrap();
        // One counting costs two statements, and the page asks for the time once.
        count().await - before - 3
    }
}

#[tokio::test]
async fn a_page_costs_few_statements_and_fewer_where_nothing_is_new() {
    // given a server that logs what it does for one database
    let url = fresh_url().await;
    let setup = connect_to(&url).await;
    let name = rows(&setup, "select current_database()").await.remove(0);
    run(&setup, "alter system set log_line_prefix = '%d '").await;
    run(&setup, "select pg_reload_conf()").await;
    run(&setup, &format!("alter database {name} set log_statement = 'all'")).await;
    let db = connect_to(&url).await;
    migrate(&db).await.unwrap();
    let mapping = account();
    provision(&db, std::slice::from_ref(&mapping)).await.unwrap();
    let lease = lease(&db).await;
    let world = World { db, lease, mapping };
    let of = |second, name| vec![record(1, second, [name, "1", "k1"])];

    // when pages of one record come: a new one, the same, a changed one, a deletion, and none
    let new = world.statements(of(0, "a")).await;
    let same = world.statements(of(0, "a")).await;
    let changed = world.statements(of(1, "b")).await;
    let gone = world.statements(vec![deleted(1, 2)]).await;
    let none = world.statements(Vec::new()).await;

    // then it is these, of which the transaction itself takes five: its limits, its fence, and the facts of the table
    assert_eq!([new, same, changed, gone, none], [15, 8, 14, 12, 5]);
}
