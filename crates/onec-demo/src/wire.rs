//! What happens to an answer on its way to the client.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{Stream, StreamExt as _, stream};

use crate::faults::Faults;
use crate::odata::Pieces;

/// Pieces a slow answer comes in, bytes.
const DRIP: usize = 512;

/// The body of an answer, with the troubles that are switched on; nothing if it is too large.
pub(crate) fn body(pieces: Pieces, faults: &Faults) -> Option<Body> {
    let plain = !faults.bom && !faults.malformed_json && faults.max_bytes == 0;
    let pieces = if plain {
        pieces
    } else {
        Pieces::Whole(changed(pieces, faults)?)
    };
    if faults.drip_ms == 0 && faults.cut_after == 0 {
        return Some(match pieces {
            Pieces::Whole(whole) => Body::from(whole),
            Pieces::Stream(pieces) => Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>))),
        });
    }
    let pieces: Box<dyn Iterator<Item = Bytes> + Send> = match pieces {
        Pieces::Whole(whole) => Box::new(std::iter::once(whole)),
        Pieces::Stream(pieces) => pieces,
    };
    let small = pieces.flat_map(|piece| {
        let starts = (0..piece.len()).step_by(DRIP);
        let list: Vec<Bytes> = starts
            .map(|at| piece.slice(at..(at + DRIP).min(piece.len())))
            .collect();
        list
    });
    Some(Body::from_stream(slowed(
        cut(small, faults.cut_after),
        faults.drip_ms,
    )))
}

/// The answer as a whole, changed.
fn changed(pieces: Pieces, faults: &Faults) -> Option<Bytes> {
    let mark: &[u8] = if faults.bom { "\u{feff}".as_bytes() } else { b"" };
    let mut whole = mark.to_vec();
    let pieces: Box<dyn Iterator<Item = Bytes>> = match pieces {
        Pieces::Whole(whole) => Box::new(std::iter::once(whole)),
        Pieces::Stream(pieces) => pieces,
    };
    for piece in pieces {
        // One mark is enough: a count has its own.
        let bare = if whole == mark && faults.bom {
            piece.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&piece)
        } else {
            &piece
        };
        whole.extend_from_slice(bare);
        if faults.max_bytes > 0 && whole.len() > faults.max_bytes {
            return None;
        }
    }
    if faults.malformed_json && whole.ends_with(b"}") {
        whole.pop();
    }
    Some(Bytes::from(whole))
}

/// Breaks the answer off after so many bytes; zero for never.
fn cut(
    pieces: impl Iterator<Item = Bytes> + Send,
    after: usize,
) -> impl Iterator<Item = io::Result<Bytes>> + Send {
    let mut sent = 0;
    let mut broken = false;
    pieces.map_while(move |piece| {
        if broken {
            return None;
        }
        if after > 0 && sent + piece.len() > after {
            broken = true;
            return Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
        }
        sent += piece.len();
        Some(Ok(piece))
    })
}

fn slowed(
    pieces: impl Iterator<Item = io::Result<Bytes>> + Send + 'static,
    pause_ms: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::iter(pieces).then(move |piece| async move {
        if pause_ms > 0 {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        piece
    })
}
