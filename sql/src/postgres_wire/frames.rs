//! A client's bytes, cut into messages and looked at before anything decodes them: none is longer than it may be, and each has the parts
//! that its kind has. What comes through here can be decoded without a panic. Decodes nothing itself.

use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest message of somebody who has not proved who he is, bytes.
const STRANGER_BYTES_MAX: usize = 10_000;
/// The longest message, bytes: a statement with its parameters.
pub(super) const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 8 * 1024;
/// Kind and length in front of each message but the first, which has no kind.
const HEAD_BYTES: usize = 5;
const FIRST_HEAD_BYTES: usize = 4;
/// What the first message begins with if it asks for the end of somebody's statement, rather than with the version of the protocol.
const CANCEL_CODE: u32 = 80_877_102;
/// Bytes of the key that proves that one may ask for it.
const CANCEL_KEY_BYTES: RangeInclusive<usize> = 4..=256;

/// A connection that lets only whole and well-formed messages through.
pub(super) struct Frames<S> {
    stream: S,
    /// What was read and not handed on.
    buffer: Vec<u8>,
    /// Bytes of it that are whole messages.
    checked: usize,
    /// Bytes of it that were handed on.
    handed: usize,
    has_begun: bool,
    is_trusted: bool,
}

impl<S> Frames<S> {
    /// Before the first message, of which `begun` has been read already.
    pub(super) fn new(stream: S, begun: Vec<u8>) -> Frames<S> {
        Frames {
            stream,
            buffer: begun,
            checked: 0,
            handed: 0,
            has_begun: false,
            is_trusted: false,
        }
    }

    /// The client has proved who he is: its messages may be longer from now on.
    pub(super) fn trust(&mut self) {
        self.is_trusted = true;
    }

    /// Looks at what has been read; whether there is something to hand on.
    fn check(&mut self) -> io::Result<bool> {
        if self.handed == self.checked {
            self.buffer.drain(..self.handed);
            (self.handed, self.checked) = (0, 0);
        }
        while self.handed == self.checked {
            let head = match self.has_begun {
                true => HEAD_BYTES,
                false => FIRST_HEAD_BYTES,
            };
            let rest = &self.buffer[self.checked..];
            let Some(length) = rest[..rest.len().min(head)]
                .last_chunk::<4>()
                .filter(|_| rest.len() >= head)
            else {
                break;
            };
            // The length counts itself, but not the kind.
            let kind_bytes = head - FIRST_HEAD_BYTES;
            let length = u32::from_be_bytes(*length) as usize + kind_bytes;
            let limit = match self.is_trusted {
                true => MESSAGE_BYTES_MAX,
                false => STRANGER_BYTES_MAX,
            };
            if length < head || length > limit {
                return Err(wrong(format!(
                    "a message of {length} bytes; {limit} are the most here"
                )));
            }
            if rest.len() < length {
                break;
            }
            let (kind, body) = (rest[0], &rest[head..length]);
            if !self.has_begun {
                if !is_first_whole(body) {
                    return Err(wrong("a malformed first message".to_owned()));
                }
                self.has_begun = true;
                self.checked += length;
            } else if matches!(kind, b'd' | b'c' | b'f') {
                // What belongs to a COPY that was refused: nobody wants it.
                self.buffer.drain(self.checked..self.checked + length);
            } else if is_whole(kind, body) && !(self.is_trusted && kind == b'p') {
                self.checked += length;
            } else {
                return Err(wrong(format!(
                    "a malformed message of kind {:?}",
                    char::from(kind)
                )));
            }
        }
        Ok(self.handed < self.checked)
    }
}

/// Whether the first message has all that it should have, and nothing else: number and key of a connection, or names with their values up
/// to an empty name. Whatever stood behind that would be taken for the next message, which nobody has looked at.
fn is_first_whole(body: &[u8]) -> bool {
    let Some((code, rest)) = body.split_first_chunk::<4>() else {
        return false;
    };
    let mut rest = Body(rest);
    if u32::from_be_bytes(*code) == CANCEL_CODE {
        return rest.skip(4) && CANCEL_KEY_BYTES.contains(&rest.0.len());
    }
    while rest.0.first().is_some_and(|byte| *byte != 0) {
        if !(rest.text() && rest.text()) {
            return false;
        }
    }
    rest.0 == [0]
}

/// Whether a message has all that its kind has, and nothing else.
fn is_whole(kind: u8, body: &[u8]) -> bool {
    let mut body = Body(body);
    let is_understood = match kind {
        b'Q' => body.text(),
        b'P' => body.text() && body.text() && body.list(|body| body.skip(4)),
        b'B' => {
            let formats = |body: &mut Body<'_>| body.list(|body| body.skip(2));
            body.text() && body.text() && formats(&mut body) && body.list(Body::value) && formats(&mut body)
        }
        b'D' | b'C' => body.skip(1) && body.text(),
        b'E' => body.text() && body.skip(4),
        b'H' | b'S' | b'X' => true,
        // An answer to what the login asked: looked at there.
        b'p' => return true,
        _ => false,
    };
    is_understood && body.0.is_empty()
}

/// What is left of a message.
struct Body<'a>(&'a [u8]);

impl Body<'_> {
    /// A text with its end, in UTF-8.
    fn text(&mut self) -> bool {
        let Some(end) = self.0.iter().position(|byte| *byte == 0) else {
            return false;
        };
        let is_text = std::str::from_utf8(&self.0[..end]).is_ok();
        self.0 = &self.0[end + 1..];
        is_text
    }

    fn skip(&mut self, bytes: usize) -> bool {
        let rest = self.0.get(bytes..);
        self.0 = rest.unwrap_or_default();
        rest.is_some()
    }

    /// A count, and as many things.
    fn list(&mut self, mut one: impl FnMut(&mut Self) -> bool) -> bool {
        let Some((count, rest)) = self.0.split_first_chunk::<2>() else {
            return false;
        };
        self.0 = rest;
        (0..u16::from_be_bytes(*count)).all(|_| one(self))
    }

    /// A parameter: its length, or -1 for NULL, and its bytes.
    fn value(&mut self) -> bool {
        let Some((length, rest)) = self.0.split_first_chunk::<4>() else {
            return false;
        };
        self.0 = rest;
        match i32::from_be_bytes(*length) {
            -1 => true,
            length => usize::try_from(length).is_ok_and(|length| self.skip(length)),
        }
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.check()? {
            let mut chunk = [0; READ_BYTES];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                // Nothing more will come; what is not whole is dropped.
                return Poll::Ready(Ok(()));
            }
            this.buffer.extend_from_slice(chunk.filled());
        }
        let ready = &this.buffer[this.handed..this.checked];
        let taken = &ready[..ready.len().min(out.remaining())];
        out.put_slice(taken);
        this.handed += taken.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What comes through of a login and messages behind it, or what is wrong.
    async fn through(messages: &[u8]) -> Result<Vec<u8>, String> {
        let mut input = STARTUP.to_vec();
        input.extend_from_slice(messages);
        let mut frames = Frames::new(input.as_slice(), Vec::new());
        let mut output = Vec::new();
        frames
            .read_to_end(&mut output)
            .await
            .map_err(|error| error.to_string())?;
        Ok(output.split_off(STARTUP.len()))
    }

    #[tokio::main(flavor = "current_thread")]
    async fn check(messages: &[u8], expected: Result<&[u8], &str>) {
        let found = through(messages).await;
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }

    const STARTUP: &[u8] = b"\0\0\0\x10\0\x03\0\0user\0a\0\0";

    #[test]
    fn whole_messages_come_through() {
        check(b"", Ok(b""));
        check(b"Q\0\0\0\x06a\0", Ok(b"Q\0\0\0\x06a\0"));
        let bind = b"B\0\0\0\x19p\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\0";
        check(bind, Ok(bind));
        check(b"S\0\0\0\x04X\0\0\0\x04", Ok(b"S\0\0\0\x04X\0\0\0\x04"));
        // The beginning of one is waited for, in vain.
        check(b"S\0\0\0\x04Q\0\0\0\x06a", Ok(b"S\0\0\0\x04"));
        // A COPY that was refused goes on for a while.
        check(b"d\0\0\0\x05xc\0\0\0\x04S\0\0\0\x04", Ok(b"S\0\0\0\x04"));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        check(b"Q\0\0\0\x05a", Err("a malformed message of kind 'Q'"));
        check(b"Q\0\0\0\x06\xff\0", Err("a malformed message of kind 'Q'"));
        check(b"Q\0\0\0\x07a\0b", Err("a malformed message of kind 'Q'"));
        check(b"E\0\0\0\x07\0\0\0", Err("a malformed message of kind 'E'"));
        check(b"F\0\0\0\x04", Err("a malformed message of kind 'F'"));
        check(
            b"Q\0\0\0\x03",
            Err("a message of 4 bytes; 10000 are the most here"),
        );
        check(
            b"Q\x7f\xff\xff\xff",
            Err("a message of 2147483648 bytes; 10000 are the most here"),
        );
        // A parameter that is longer than its message, and one of a negative length.
        check(
            b"B\0\0\0\x10\0\0\0\0\0\x01\0\0\0\x09\0\0",
            Err("a malformed message of kind 'B'"),
        );
        check(
            b"B\0\0\0\x10\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0",
            Err("a malformed message of kind 'B'"),
        );
    }

    #[track_caller]
    fn check_first(body: &[u8], is_taken: bool) {
        assert_eq!(is_first_whole(body), is_taken, "{body:?}");
        // What comes through is what was looked at: nothing of a malformed one does.
        let length = u32::try_from(body.len() + FIRST_HEAD_BYTES).unwrap();
        let input = [&length.to_be_bytes(), body, b"S\0\0\0\x04"].concat();
        let mut frames = Frames::new(&b""[..], input);
        assert_eq!(frames.check().is_ok(), is_taken, "{body:?}");
    }

    #[test]
    fn a_first_message_has_nothing_behind_its_end() {
        check_first(b"\0\x03\0\0user\0a\0\0", true);
        check_first(b"\0\x03\0\x02user\0a\0options\0\0\0", true);
        check_first(b"\0\x03\0\0\0", true);
        // Behind the end: the beginning of a message of 1 GB, a malformed one, and a whole one.
        check_first(b"\0\x03\0\0user\0a\0\0Q\x3f\xff\xff\xf0", false);
        check_first(b"\0\x03\0\0user\0a\0\0P\0\0\0\x08a\0b\0", false);
        check_first(b"\0\x03\0\0user\0a\0\0S\0\0\0\x04", false);
        // No end, the end of a name, a name without a value, and no version.
        check_first(b"\0\x03\0\0user\0a\0", false);
        check_first(b"\0\x03\0\0user", false);
        check_first(b"\0\x03\0\0user\0", false);
        check_first(b"\0\x03\0\0", false);
        check_first(b"\0\x03", false);
        check_first(b"\0\x03\0\0user\0\xff\0\0", false);
        // A request to cancel, with keys of 4 and of 32 bytes, of none and of too many.
        let cancel = |bytes: usize| [&CANCEL_CODE.to_be_bytes(), &vec![0; 4 + bytes][..]].concat();
        check_first(&cancel(4), true);
        check_first(&cancel(32), true);
        check_first(&cancel(0), false);
        check_first(&cancel(257), false);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(messages in proptest::collection::vec(any::<u8>(), 0..64)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            if let Ok(output) = runtime.block_on(through(&messages)) {
                prop_assert!(output.len() <= messages.len());
            }
        }
    }
}
