//! The body of an answer: pieces with waits between them, and an end that is clean, cut off, or never comes.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// The connection is closed before all is sent.
    Closed,
    /// Nothing more comes.
    Hangs,
}

/// Why a connection ends without a whole answer: the script says so.
#[derive(Debug, thiserror::Error)]
#[error("closed by the script")]
pub(super) struct ClosedByScript;

/// An error ends a connection with what is still in its buffer unsent: it comes only after a wait, during which the buffer is sent.
const FLUSH: Duration = Duration::from_millis(20);

/// A body.
pub(super) struct Scripted {
    pieces: VecDeque<Bytes>,
    /// Bytes the headers promise; a stream promises none.
    length: Option<u64>,
    gap: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    end: End,
    flushed: bool,
}

impl Scripted {
    /// One piece, of which half is sent when it does not end whole.
    pub(super) fn whole(text: String, end: End) -> Self {
        let bytes = Bytes::from(text);
        let length = Some(bytes.len() as u64);
        let sent = if end == End::Whole { bytes } else { bytes.slice(..bytes.len() / 2) };
        let pieces = if sent.is_empty() { VecDeque::new() } else { VecDeque::from([sent]) };
        Self { pieces, length, gap: Duration::ZERO, waiting: None, end, flushed: false }
    }

    /// Events, of which half are sent when they do not end whole.
    pub(super) fn events(mut events: Vec<String>, gap: Duration, end: End) -> Self {
        if end != End::Whole {
            events.truncate((events.len() / 2).max(1));
        }
        Self { pieces: events.into_iter().map(Bytes::from).collect(), length: None, gap, waiting: None, end, flushed: false }
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = ClosedByScript;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClosedByScript>>> {
        if let Some(waiting) = &mut self.waiting {
            std::task::ready!(waiting.as_mut().poll(context));
            self.waiting = None;
        }
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => {
                if !self.gap.is_zero() && !self.pieces.is_empty() {
                    self.waiting = Some(Box::pin(sleep(self.gap)));
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Closed) if self.flushed => Poll::Ready(Some(Err(ClosedByScript))),
            (None, End::Closed) => {
                self.flushed = true;
                self.waiting = Some(Box::pin(sleep(FLUSH)));
                self.poll_frame(context)
            }
            // Nothing wakes this task again but the client that goes away.
            (None, End::Hangs) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
