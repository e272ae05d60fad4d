//! SIGHUP and `bailiwick reload`: a good configuration is applied, a bad one is kept out and named.

use std::sync::PoisonError;

use tracing::{debug, error, info, warn};

use super::running::Running;
use super::{certificate, plugins, zones};
use crate::clock;
use crate::config::Config;

/// What came of a reload, in words: the outcome, or what was kept out, which may be all of it.
pub(super) fn reload(running: &Running) -> Result<String, String> {
    let _one_at_a_time = running
        .reloading
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    debug!("reading the configuration again");
    let newer = match Config::for_serve(&running.args) {
        Ok(config) => config,
        Err(problems) => {
            let words = problems.to_string();
            error!("the configuration was not taken over, the one in force stays: {words}");
            let mut state = running.config_state();
            state.reloads_refused += 1;
            state.error = Some(words.clone());
            return Err(format!(
                "the configuration was not taken over, the one in force stays:\n{words}"
            ));
        }
    };
    let older = running.config();
    let waits = running.boot.needs_restart(&newer);
    running.set_config(newer.clone());
    let applied = zones::apply(running, &older, &newer);
    let plugin_words = plugins::apply(running, &older, &newer);
    let certificate_words = certificate::renew(running, &older, &newer);

    let mut lines = vec![format!(
        "configuration applied: {} zones added, {} removed, {} loaded from files, {} files refused",
        applied.added,
        applied.removed,
        applied.reloaded,
        applied.refused.len()
    )];
    lines.extend(
        applied
            .refused
            .iter()
            .map(|words| format!("refused: {words}; the last good version stays in force")),
    );
    let mut kept_out: Vec<String> = lines.iter().skip(1).cloned().collect();
    for words in plugin_words {
        if let Err(words) = &words {
            kept_out.push(words.clone());
        }
        lines.push(words.unwrap_or_else(|words| words));
    }
    kept_out.extend(certificate_words.clone());
    lines.extend(certificate_words);
    if !waits.is_empty() {
        let words = format!("waiting for a restart: {}", waits.join(", "));
        warn!("{words}");
        lines.push(words);
    }
    let mut state = running.config_state();
    if kept_out.is_empty() {
        state.reloads_ok += 1;
    } else {
        state.reloads_refused += 1;
    }
    state.error = (!kept_out.is_empty()).then(|| kept_out.join("\n"));
    state.loaded = clock::unix_now();
    state.waits_for_restart = waits.into_iter().map(str::to_owned).collect();
    info!("{}", lines[0]);
    let whole = kept_out.is_empty();
    let words = lines.join("\n");
    if whole { Ok(words) } else { Err(words) }
}
