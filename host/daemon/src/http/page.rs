//! The status page: "is everything all right?" in one look, "why not?" below it.

use askama::Template;

use super::report::{Report, Startup, bytes, grouped};

/// Zones a page bears; the others are counted.
pub(super) const ZONES_MAX: usize = 40;

/// The page's look.
pub(super) const STYLE: &str = include_str!("../../templates/style.css");

/// The page as HTML.
pub(super) fn render(
    report: &Report,
    theme: Option<&str>,
    refresh: Option<u32>,
) -> askama::Result<String> {
    let theme = theme
        .filter(|t| matches!(*t, "light" | "dark"))
        .unwrap_or("system");
    let refresh = refresh.filter(|seconds| (1..=3600).contains(seconds));
    Page {
        r: report,
        theme,
        refresh,
        verdict: Verdict::of(report),
    }
    .render()
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    r: &'a Report,
    theme: &'a str,
    refresh: Option<u32>,
    verdict: Verdict,
}

/// The one line on top.
struct Verdict {
    shape: &'static str,
    class: &'static str,
    words: String,
}

impl Verdict {
    fn of(report: &Report) -> Self {
        let troubles = report.troubles.len();
        match report.startup {
            Startup::Starting => Self::new(
                "○",
                "wait",
                "Starting: queries are not answered yet.".into(),
            ),
            Startup::Loading => Self::new(
                "◐",
                "wait",
                "Answering; zones or plugins are still being loaded.".into(),
            ),
            Startup::Stopping => Self::new("‖", "wait", "Stopping.".into()),
            Startup::Ready if troubles == 0 => {
                Self::new("●", "ok", "Everything is all right.".into())
            }
            Startup::Ready if troubles == 1 => {
                Self::new("▲", "bad", "One thing needs a look.".into())
            }
            Startup::Ready => Self::new("▲", "bad", format!("{troubles} things need a look.")),
        }
    }

    fn new(shape: &'static str, class: &'static str, words: String) -> Self {
        Self {
            shape,
            class,
            words,
        }
    }
}

impl Page<'_> {
    /// Zones that are not listed.
    fn zones_more(&self) -> u64 {
        self.r.zone_count.saturating_sub(self.r.zones.len() as u64)
    }

    fn zones_more_grouped(&self) -> String {
        grouped(&self.zones_more())
    }

    fn traffic_tables(&self) -> [(&'static str, &[(String, u64)]); 5] {
        let traffic = &self.r.traffic;
        [
            ("Class", &traffic.classes),
            ("Transport", &traffic.transports),
            ("Answer", &traffic.rcodes),
            ("Type", &traffic.types),
            ("At the sockets", &traffic.other),
        ]
    }

    /// The trouble count, where a tab shows it.
    fn title(&self) -> String {
        match self.r.troubles.len() {
            0 => "Bailiwick".to_owned(),
            n => format!("({n}) Bailiwick"),
        }
    }

    fn state_class(&self, state: &str) -> &'static str {
        match state {
            "ok" | "working" => "ok",
            "waiting" | "transferring" => "wait",
            _ => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::ZoneRow;
    use super::*;

    /// What zones and plugins say is text, never markup.
    #[test]
    fn words_from_outside_are_escaped() {
        let zone = ZoneRow {
            name: "<script>.".into(),
            last_error: Some("<b>&".into()),
            ..ZoneRow::default()
        };
        let report = Report {
            zones: vec![zone],
            ..Report::default()
        };
        let html = render(&report, None, None).unwrap();
        assert!(
            !html.contains("<script>") && !html.contains("<b>&"),
            "{html}"
        );
    }

    /// The page asks nobody else for anything, and stays small.
    #[test]
    fn the_page_is_self_contained_and_small() {
        let html = render(&Report::default(), Some("dark"), Some(5)).unwrap();
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("<script")
        );
        assert!(html.len() + STYLE.len() < 60_000);
    }

    /// A theme is one of three words, whatever the address line says.
    #[test]
    fn an_unknown_theme_is_the_systems() {
        let html = render(&Report::default(), Some("\"><i>"), None).unwrap();
        assert!(html.contains("data-theme=\"system\""));
    }
}
