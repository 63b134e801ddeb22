//! What faults do to an answer that is otherwise right.

use std::{io, time::Duration};

use axum::http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::{
    control::FaultKind,
    http::{
        connection::{Cutter, delay},
        reply::{Pieces, Reply, ReplyBody},
    },
};

/// How often a slow body sends something.
const DROP: Duration = Duration::from_millis(100);

/// The piece in which a flood comes.
const WAVE: usize = 64 * 1024;

/// Whether a fault of this kind counts the bytes of the answer, so that it must not be compressed.
pub(crate) fn is_exact(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::SlowBody { .. }
            | FaultKind::Truncate { .. }
            | FaultKind::Shorten { .. }
            | FaultKind::Flood { .. }
    )
}

/// Does to an answer what a fault asks for.
pub(crate) async fn spoil(mut reply: Reply, kind: &FaultKind, cutter: &Cutter) -> Reply {
    match kind {
        FaultKind::SlowBody { bytes_per_second } => {
            reply.body = ReplyBody::Pieces(slow(&whole(reply.body).await, *bytes_per_second));
        }
        FaultKind::Truncate { bytes } => reply.body = truncated(reply.body, *bytes, cutter),
        FaultKind::Shorten { bytes } => {
            let mut body = whole(reply.body).await;
            body.truncate(*bytes);
            reply.body = ReplyBody::Bytes(body);
        }
        FaultKind::Flood { bytes } => reply.body = flooded(reply.body, *bytes),
        FaultKind::Edit { headers, json, replace } => {
            for (name, value) in headers {
                set_header(&mut reply, name, value.as_deref());
            }
            if !json.is_empty() {
                let body = whole(reply.body).await;
                reply.body = ReplyBody::Json(edited(&body, json));
            }
            if !replace.is_empty() {
                let body = whole(reply.body).await;
                reply.body = ReplyBody::Bytes(replaced(&body, replace).into());
            }
        }
        FaultKind::Shuffle { seed } => {
            let mut dice = ChaCha8Rng::seed_from_u64(*seed);
            reply = with_rows(reply, |rows| rows.shuffle(&mut dice)).await;
        }
        FaultKind::LoseRows { every } => {
            let mut row = 0;
            let every = (*every).max(1);
            reply = with_rows(reply, |rows| {
                rows.retain(|_| {
                    row += 1_usize;
                    !row.is_multiple_of(every)
                });
            })
            .await;
        }
        _ => {}
    }
    reply
}

fn set_header(reply: &mut Reply, name: &str, value: Option<&str>) {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return };
    match value.map(HeaderValue::from_str) {
        None => drop(reply.headers.remove(&name)),
        Some(Ok(value)) => {
            reply.headers.insert(name, value);
        }
        Some(Err(_)) => {}
    }
}

/// A body in one piece.
async fn whole(body: ReplyBody) -> Bytes {
    match body {
        ReplyBody::Empty => Bytes::new(),
        ReplyBody::Json(json) => json.into(),
        ReplyBody::Bytes(bytes) => bytes,
        ReplyBody::Pieces(pieces) => {
            let all = pieces.try_fold(BytesMut::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            });
            all.await.map(BytesMut::freeze).unwrap_or_default()
        }
    }
}

fn in_pieces(body: ReplyBody) -> Pieces {
    match body {
        ReplyBody::Empty => Box::pin(stream::empty()),
        ReplyBody::Json(json) => Box::pin(stream::iter([Ok(Bytes::from(json))])),
        ReplyBody::Bytes(whole) => Box::pin(stream::iter([Ok(whole)])),
        ReplyBody::Pieces(pieces) => pieces,
    }
}

fn slow(body: &Bytes, bytes_per_second: u64) -> Pieces {
    let per_second = usize::try_from(bytes_per_second.max(1)).unwrap_or(usize::MAX);
    // Below ten bytes a second single bytes come, each after its time.
    let size = (per_second / 10).max(1);
    let pause = DROP.max(Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(u32::MAX));
    let drops: Vec<Bytes> = body.chunks(size).map(|drop| body.slice_ref(drop)).collect();
    Box::pin(stream::iter(drops).then(move |drop| async move {
        delay(pause).await;
        Ok(drop)
    }))
}

/// A body that breaks off after so many bytes and takes its connection along.
fn truncated(body: ReplyBody, bytes: usize, cutter: &Cutter) -> ReplyBody {
    let kept = in_pieces(body).scan(bytes, |left, piece| {
        let kept = piece.map(|mut piece| {
            piece.truncate(*left);
            *left -= piece.len();
            piece
        });
        std::future::ready(kept.as_ref().is_ok_and(|piece| !piece.is_empty()).then_some(kept))
    });
    let cutter = cutter.clone();
    let end = stream::once(async move {
        // What was written so far leaves the server before the connection goes.
        delay(Duration::from_millis(20)).await;
        cutter.cut();
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "truncated by a fault"))
    });
    ReplyBody::Pieces(Box::pin(kept.chain(end)))
}

fn flooded(body: ReplyBody, bytes: u64) -> ReplyBody {
    let wave = Bytes::from(vec![b' '; WAVE]);
    let flood = stream::unfold(bytes, move |left| {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(WAVE);
        let piece = wave.slice(..size);
        std::future::ready((size > 0).then(|| (Ok(piece), left - size as u64)))
    });
    ReplyBody::Pieces(Box::pin(in_pieces(body).chain(flood)))
}

/// A JSON text with some members set; one that is no JSON stays as it is.
fn edited(body: &Bytes, changes: &std::collections::BTreeMap<String, Value>) -> Vec<u8> {
    let Ok(mut json) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    for (pointer, value) in changes {
        if let Some(place) = json.pointer_mut(pointer) {
            *place = value.clone();
            continue;
        }
        let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
        if let Some(Value::Object(members)) = json.pointer_mut(parent) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    serde_json::to_vec(&json).unwrap_or_else(|_| body.to_vec())
}

/// A text in which pieces are replaced by bytes.
fn replaced(body: &Bytes, changes: &std::collections::BTreeMap<String, String>) -> Vec<u8> {
    let mut rest = &body[..];
    let mut out = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.first() {
        let change = changes.iter().find_map(|(piece, instead)| {
            Some((rest.strip_prefix(piece.as_bytes())?, instead)).filter(|_| !piece.is_empty())
        });
        if let Some((behind, instead)) = change {
            out.extend(instead.chars().map(|one| u8::try_from(one).unwrap_or(b'?')));
            rest = behind;
        } else {
            out.push(*byte);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out
}

/// An answer whose rows were changed: those of a CSV answer below its header, or those of a list.
async fn with_rows(mut reply: Reply, change: impl FnOnce(&mut Vec<Bytes>)) -> Reply {
    let is_csv = reply
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/csv"));
    let body = whole(reply.body).await;
    reply.body = if is_csv {
        let mut rows = records(&body);
        let header = if rows.is_empty() { Bytes::new() } else { rows.remove(0) };
        change(&mut rows);
        rows.insert(0, header);
        ReplyBody::Bytes(rows.concat().into())
    } else if let Ok(rows) = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(&body) {
        let mut rows: Vec<Bytes> =
            rows.iter().map(|row| body.slice_ref(row.get().as_bytes())).collect();
        change(&mut rows);
        let mut json = b"[".to_vec();
        json.extend(rows.join(&b","[..]));
        json.push(b']');
        ReplyBody::Json(json)
    } else {
        ReplyBody::Bytes(body)
    };
    reply
}

/// The records of a CSV text, header and line ends included. A quote opens or closes a cell whatever
/// the delimiter is, and a doubled one does both.
pub(super) fn records(text: &Bytes) -> Vec<Bytes> {
    let (mut records, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => {
                records.push(text.slice(start..=at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < text.len() {
        records.push(text.slice(start..));
    }
    records
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_end_inside_quotes_is_no_end_of_a_record() {
        let text = Bytes::from_static(b"a;b\n\"x\n\"\"y\"\"\";1\nz;2");

        let found: Vec<&[u8]> = vec![b"a;b\n", b"\"x\n\"\"y\"\"\";1\n", b"z;2"];
        assert_eq!(records(&text), found);
    }

    #[tokio::test]
    async fn rows_are_lost_and_shuffled_in_csv_and_in_lists() {
        let csv =
            || Reply::csv(Box::pin(stream::iter([Ok(Bytes::from_static(b"h\n1\n2\n3\n4\n"))])));
        let cutter = Cutter::default();

        let fewer = spoil(csv(), &FaultKind::LoseRows { every: 2 }, &cutter).await;
        let mixed = spoil(csv(), &FaultKind::Shuffle { seed: 3 }, &cutter).await;
        let list = Reply::ok(&json!([{ "b": 1, "a": 2 }, 2, 3]));
        let list = spoil(list, &FaultKind::LoseRows { every: 3 }, &cutter).await;

        assert_eq!(whole(fewer.body).await, "h\n1\n3\n");
        let mixed = whole(mixed.body).await;
        let mut rows: Vec<&str> = std::str::from_utf8(&mixed).unwrap().lines().collect();
        assert_ne!(rows, ["h", "1", "2", "3", "4"]);
        assert_eq!(rows.remove(0), "h");
        rows.sort_unstable();
        assert_eq!(rows, ["1", "2", "3", "4"]);
        assert_eq!(whole(list.body).await, r#"[{"a":2,"b":1},2]"#);
    }

    #[test]
    fn pieces_of_an_answer_become_bytes_that_may_be_no_text() {
        let changes = [("half", "\\ud800"), ("byte", "\u{ff}!")];
        let changes = changes.map(|(piece, bytes)| (piece.to_owned(), bytes.to_owned())).into();

        let out = replaced(&Bytes::from_static("é half, byte".as_bytes()), &changes);

        assert_eq!(out, [&b"\xc3\xa9 \\ud800, \xff!"[..]].concat());
    }

    #[tokio::test]
    async fn members_are_set_where_a_pointer_leads() {
        let reply = Reply::ok(&json!({ "a": { "b": 1 } }));
        let kind = serde_json::from_value(json!({
            "kind": "edit", "json": { "/a/b": 2, "/a/c": "new", "/x/y": 3 },
            "headers": { "content-type": null, "x-new": "1" },
        }));

        let reply = spoil(reply, &kind.unwrap(), &Cutter::default()).await;

        assert!(!reply.headers.contains_key(CONTENT_TYPE));
        assert_eq!(reply.headers["x-new"], "1");
        let body: Value = serde_json::from_slice(&whole(reply.body).await).unwrap();
        assert_eq!(body, json!({ "a": { "b": 2, "c": "new" } }));
    }
}
