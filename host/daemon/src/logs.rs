//! Logs: one line an event on stderr, for people or as JSON. What may not be in them is STYLE's
//! business of each line; here only where they go and from which level on.

use std::io;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Starts logging. Called once, before anything that has something to say.
pub(crate) fn start(config: &LogConfig) {
    // The level was checked when the configuration was read.
    let filter: Targets = config
        .level
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    // What other people's name servers do wrong is told by whoever asked; the library that asks them would
    // warn of each answer.
    let filter = if config.level.contains(LIBRARY) {
        filter
    } else {
        filter.with_target(LIBRARY, tracing::Level::ERROR)
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match config.format {
        LogFormat::Text => lines
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .init();
}

const LIBRARY: &str = "hickory";
