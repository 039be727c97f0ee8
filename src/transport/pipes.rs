//! The three streams of a shell.

use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::decoder::Decoder;
use super::{Frame, Stream};

/// How long the last words on one stream are waited for once the other has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The three streams of a shell.
pub(super) struct Pipes {
    input: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    out: Box<dyn AsyncRead + Send + Sync + Unpin>,
    err: Box<dyn AsyncRead + Send + Sync + Unpin>,
}

impl Pipes {
    pub fn new(
        input: impl AsyncWrite + Send + Sync + Unpin + 'static,
        out: impl AsyncRead + Send + Sync + Unpin + 'static,
        err: impl AsyncRead + Send + Sync + Unpin + 'static,
    ) -> Self {
        Self {
            input: Box::new(input),
            out: Box::new(out),
            err: Box::new(err),
        }
    }

    /// Writes and reads at once, so that neither side waits for the other, until `done`; `false` if the streams ended first, or
    /// what came is no answer ([`Decoder::fault`]).
    pub async fn pump(
        &mut self,
        decoder: &mut Decoder,
        text: &str,
        on_frame: &mut (dyn FnMut(Frame) + Send),
        done: impl Fn(&Decoder) -> bool,
    ) -> bool {
        let Pipes { input, out, err } = self;
        let mut writing = pin!(async {
            input.write_all(text.as_bytes()).await?;
            input.flush().await
        });
        let (mut written, mut out_open, mut err_open) = (false, true, true);
        let (mut out_bytes, mut err_bytes) = (vec![0; 1 << 16], vec![0; 1 << 14]);
        while !done(decoder) {
            if decoder.fault().is_some() || (!out_open && !err_open) {
                return false;
            }
            tokio::select! {
                // A shell that is gone shows as the end of its output.
                _ = &mut writing, if !written => written = true,
                read = out.read(&mut out_bytes), if out_open => match read {
                    Ok(count) if count > 0 => decoder.feed(Stream::Out, &out_bytes[..count], on_frame),
                    _ => out_open = false,
                },
                read = err.read(&mut err_bytes), if err_open => match read {
                    Ok(count) if count > 0 => decoder.feed(Stream::Err, &err_bytes[..count], on_frame),
                    _ => err_open = false,
                },
                () = sleep(LAST_WORDS), if !(out_open && err_open) => return false,
            }
        }
        decoder.fault().is_none()
    }
}
