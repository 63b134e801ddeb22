//! The database goes away while a load runs: it restarts, or cannot be reached for a while.

use super::{Load, PATIENCE, SLOW, is_equal, reaches, world};
use crate::wait::wait_until;
use crate::world::World;
use lockstep::postgres::Console;
use std::process::Command;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to the database that can be cut.
struct Way {
    url: String,
    is_open: watch::Sender<bool>,
}

impl Way {
    async fn open(world: &World) -> Self {
        let (start, end) = world
            .postgres
            .url()
            .rsplit_once('@')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let (server, database) = end.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{start}@{}/{database}", listener.local_addr().unwrap());
        let (is_open, opened) = watch::channel(true);
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (server, mut opened) = (server.clone(), opened.clone());
                tokio::spawn(async move {
                    if !*opened.borrow() {
                        return;
                    }
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = opened.wait_for(|is_open| !is_open) => {}
                    }
                });
            }
        });
        Self { url, is_open }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_waits_for_a_database_that_cannot_be_reached_and_goes_on() {
    // given a load under way
    let world = world().await;
    let way = Way::open(&world).await;
    let mut command = world.command(&SLOW);
    command.env("DATABASE_URL", &way.url);
    let load = Load::spawn(command);
    reaches(&world, 2_000).await;

    // when the way to the database is cut, until the load has said so
    way.is_open.send(false).unwrap();
    wait_until("it says so", PATIENCE, async || load.said().1.contains("trying again in")).await;
    way.is_open.send(true).unwrap();

    // then it goes on by itself
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 0, "{talk}");
    is_equal(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_survives_a_database_that_restarts() {
    // given a load under way
    let world = world().await;
    let load = Load::start(&world, &SLOW);
    reaches(&world, 2_000).await;

    // when a backend crashes, so that the server ends every connection and recovers
    let started = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    let before = world.cell(started).await;
    let victim = "select pid from pg_stat_activity where backend_type = 'client backend' \
                  and pid <> pg_backend_pid() limit 1";
    let pid = world.cell(victim).await.unwrap();
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    wait_until("the restart", PATIENCE, async || {
        let Ok(console) = Console::connect(&world.postgres.url()).await else { return false };
        let Ok(rows) = console.rows(started).await else { return false };
        let now = rows.into_iter().flatten().next().flatten();
        now.is_some() && now != before
    })
    .await;

    // then the load ends well
    let (status, _, talk) = load.ended().await;
    assert_eq!(status, 0, "{talk}");
    is_equal(&world).await;
}
