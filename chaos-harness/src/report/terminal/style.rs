//! Colours, where they are wanted.

/// What a colour is to say. None says anything that the words beside it do not.
#[derive(Debug, Clone, Copy)]
pub(super) enum Paint {
    Good,
    Bad,
    Doubtful,
    Faint,
    Strong,
}

/// Whether texts are coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) colour: bool,
}

impl Style {
    /// The text in its colour.
    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => 32,
            Paint::Bad => 31,
            Paint::Doubtful => 33,
            Paint::Faint => 2,
            Paint::Strong => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
