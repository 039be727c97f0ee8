//! One page of Markdown, as GitHub reads it: what it links to, and the anchors that its headings make.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

pub struct Page {
    pub links: Vec<String>,
    pub anchors: BTreeSet<String>,
}

impl Page {
    pub fn read(text: &str) -> Self {
        let mut page = Self {
            links: Vec::new(),
            anchors: BTreeSet::new(),
        };
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let title = heading.take().unwrap_or_default();
                    page.add_anchor(&anchor(&title));
                }
                _ => {}
            }
        }
        page
    }

    /// A second heading of the same name gets `-1`, a third `-2`.
    fn add_anchor(&mut self, name: &str) {
        let mut whole = name.to_owned();
        let mut number = 0;
        while !self.anchors.insert(whole) {
            number += 1;
            whole = format!("{name}-{number}");
        }
    }
}

/// GitHub's rule: lower case, spaces become hyphens, and letters, digits, hyphens and underscores alone stay.
fn anchor(title: &str) -> String {
    let lower = title.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn anchors_are_github_s() {
    let page = Page::read("# A `b_c`: d (e)\n## x\n## x\n[l](y.md#z)\n```\n[no](link)\n```\n");
    let anchors: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["a-b_c-d-e", "x", "x-1"]);
    assert_eq!(page.links, ["y.md#z"]);
}
