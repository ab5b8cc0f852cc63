//! A console block: commands, and what is shown of their output.

/// A command, and the lines that are shown below it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) command: String,
    pub(super) shown: Vec<String>,
}

/// The steps of a block; a command may go on in lines that begin with `> `.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                shown: Vec::new(),
            });
        } else if let (Some(step), false) = (steps.last_mut(), line.trim().is_empty()) {
            step.shown.push(line.to_owned());
        }
    }
    steps
}

impl Step {
    /// What differs between what is shown and what came. Lines may be left out, and `…` stands
    /// for any text within a line.
    pub(super) fn fault(&self, exit: i32, output: &str) -> Option<String> {
        let shows_error = self.shown.iter().any(|line| line.starts_with("error: "));
        let may_fail = self.shown.iter().any(|line| says_failure(line));
        if exit != 0 && !may_fail {
            return Some(format!("`{}` ended with {exit}:\n{output}", self.command));
        }
        if exit == 0 && shows_error {
            return Some(format!("`{}` did not fail", self.command));
        }
        let mut came = output.lines();
        let missing = self
            .shown
            .iter()
            .find(|shown| !came.any(|line| matches(shown, line)));
        missing.map(|line| format!("`{}` does not print `{line}`, but:\n{output}", self.command))
    }
}

fn says_failure(line: &str) -> bool {
    line.starts_with("error: ") || line.starts_with("curl: (") || line.contains("\"error\":")
}

fn matches(shown: &str, line: &str) -> bool {
    let mut rest = line;
    shown.split('…').all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = rest.get(at + piece.len()..).unwrap_or_default();
            true
        }
        None => false,
    })
}
