//! Many questions over one TCP connection, sent without waiting for answers (RFC 7766 6.2.1.1).
//! Answers come in any order and are told apart by their ids.

use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::client::connect;
use crate::wire::{Question, Reply};

/// Asks `server` all of `questions`, some hundreds on each connection, and gives the answers in the order
/// of the questions. A connection that a busy server gives up is tried again.
///
/// # Errors
/// The third connection ends too, or an answer cannot be read or belongs to no question.
pub fn ask(server: SocketAddr, questions: &[Question]) -> Result<Vec<Reply>> {
    let mut replies = Vec::with_capacity(questions.len());
    for part in questions.chunks(PART) {
        let asked = ask_part(server, part)
            .or_else(|_| ask_part(server, part))
            .or_else(|_| ask_part(server, part))?;
        replies.extend(asked);
    }
    Ok(replies)
}

fn ask_part(server: SocketAddr, questions: &[Question]) -> Result<Vec<Reply>> {
    let stream = connect(server)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut out = Vec::with_capacity(questions.len() * 64);
    for (question, id) in questions.iter().zip(0..) {
        let message = question.encode(id);
        out.extend((message.len() as u16).to_be_bytes());
        out.extend(message);
    }
    thread::scope(|scope| {
        // Beside the reading: a server may stop reading while its answers are not taken.
        scope.spawn(move || writer.write_all(&out));
        let mut replies = vec![None; questions.len()];
        for _ in questions {
            let reply = receive(&mut reader).with_context(|| format!("from {server}"))?;
            let slot = replies.get_mut(usize::from(reply.id));
            let slot = slot.context("an id nobody used")?;
            ensure!(slot.is_none(), "two answers for one question");
            *slot = Some(reply);
        }
        Ok(replies.into_iter().flatten().collect())
    })
}

fn receive(reader: &mut impl Read) -> Result<Reply> {
    let mut len = [0; 2];
    reader.read_exact(&mut len).context("TCP read")?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    reader.read_exact(&mut message).context("TCP read")?;
    Reply::read(&message)
}

/// Questions on one connection; their ids tell the answers apart.
const PART: usize = 200;
