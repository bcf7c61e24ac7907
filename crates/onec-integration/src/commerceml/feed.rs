//! Bytes of a file as UTF-8 text for the XML parser: decoded as they come, with a limit on all of
//! it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use encoding_rs::{Decoder, DecoderResult, UTF_8, WINDOWS_1251};
use futures_util::Stream;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::LARGEST_XML;

/// Bytes of a file, as they are stored.
pub(crate) type Source = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Bytes in which the declaration of the encoding is looked for.
const HEAD: usize = 256;

/// Why a file cannot be read as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FeedError {
    /// Neither UTF-8 nor windows-1251.
    #[error("the encoding `{0}` is not supported")]
    Encoding(String),
    /// Bytes that the encoding does not have.
    #[error("the bytes are not of the encoding that the file declares")]
    Malformed,
    /// More than [`LARGEST_XML`].
    #[error("the file is too large")]
    TooLarge,
    /// The archive that the file is in.
    #[error(transparent)]
    Zip(#[from] super::zip::ZipError),
}

/// The text of a file.
pub(crate) struct Feed {
    source: Source,
    decoder: Option<Decoder>,
    /// Bytes before the encoding is known.
    head: Vec<u8>,
    text: Bytes,
    ended: bool,
    total: u64,
    /// What stopped the feed, where the parser sees an input error only.
    failure: Option<FeedError>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl Feed {
    /// The text of these bytes.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            decoder: None,
            head: Vec::new(),
            text: Bytes::new(),
            ended: false,
            total: 0,
            failure: None,
        }
    }

    /// What stopped the feed.
    pub(crate) fn take_failure(&mut self) -> Option<FeedError> {
        self.failure.take()
    }

    fn fail(&mut self, failure: FeedError) -> io::Error {
        let error = io::Error::other(failure.clone());
        self.failure = Some(failure);
        error
    }

    fn decode(&mut self, bytes: &[u8], last: bool) -> Result<(), FeedError> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(());
        };
        let room = decoder
            .max_utf8_buffer_length_without_replacement(bytes.len())
            .ok_or(FeedError::TooLarge)?;
        let mut text = String::with_capacity(room);
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, last);
        if result != DecoderResult::InputEmpty {
            return Err(FeedError::Malformed);
        }
        self.total += text.len() as u64;
        if self.total > LARGEST_XML {
            return Err(FeedError::TooLarge);
        }
        self.text = text.into();
        Ok(())
    }

    /// Takes bytes of the source; `None` at its end.
    fn take(&mut self, bytes: Option<Bytes>) -> Result<(), FeedError> {
        let last = bytes.is_none();
        let bytes = bytes.unwrap_or_default();
        self.ended = last;
        if self.decoder.is_some() {
            return self.decode(&bytes, last);
        }
        self.head.extend_from_slice(&bytes);
        if self.head.len() < HEAD && !last {
            return Ok(());
        }
        let head = std::mem::take(&mut self.head);
        self.decoder = Some(decoder(&head)?);
        self.decode(&head, last)
    }
}

/// The decoder for a file that begins so.
fn decoder(head: &[u8]) -> Result<Decoder, FeedError> {
    // UTF-16 and UTF-32 begin with a mark or have zeros between the letters of `<?xml`.
    if head.starts_with(&[0xFF, 0xFE])
        || head.starts_with(&[0xFE, 0xFF])
        || head.iter().take(4).any(|b| *b == 0)
    {
        return Err(FeedError::Encoding("UTF-16".to_owned()));
    }
    let start = head.get(..HEAD).unwrap_or(head);
    let start = String::from_utf8_lossy(start);
    let declared = start
        .split_once("?>")
        .and_then(|(declaration, _)| declaration.split_once("encoding"))
        .and_then(|(_, rest)| rest.trim_start_matches(['=', ' ', '\t', '\r', '\n']).get(1..))
        .and_then(|rest| rest.split(['"', '\'']).next());
    match declared.map(str::to_lowercase).as_deref() {
        None | Some("utf-8" | "utf8") => Ok(UTF_8.new_decoder_with_bom_removal()),
        Some("windows-1251" | "cp1251" | "win-1251") => Ok(WINDOWS_1251.new_decoder_with_bom_removal()),
        Some(other) => Err(FeedError::Encoding(other.chars().take(40).collect())),
    }
}

impl AsyncBufRead for Feed {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let feed = self.get_mut();
        while feed.text.is_empty() && !feed.ended {
            let next = match feed.source.as_mut().poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => {
                    let of_archive = error
                        .get_ref()
                        .and_then(|inner| inner.downcast_ref::<super::zip::ZipError>())
                        .cloned();
                    feed.failure = of_archive.map(FeedError::Zip);
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Some(Ok(bytes))) => Some(bytes),
                Poll::Ready(None) => None,
            };
            if let Err(failure) = feed.take(next) {
                return Poll::Ready(Err(feed.fail(failure)));
            }
        }
        Poll::Ready(Ok(&feed.text))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let feed = self.get_mut();
        let amount = amount.min(feed.text.len());
        drop(feed.text.split_to(amount));
    }
}

impl AsyncRead for Feed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = match self.as_mut().poll_fill_buf(context) {
            Poll::Ready(Ok(filled)) => filled,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        let amount = filled.len().min(buffer.remaining());
        buffer.put_slice(filled.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}
