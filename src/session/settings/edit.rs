//! Changes the guard rules that `config.toml` lifts, and the requests that wait for no yes, and
//! leaves all else in the file as it stands: the user's order, comments and blank lines.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::error::SettingsError;
use super::{FILE, Settings, parse};
use crate::os::home::Home;

/// The table and the key of the rules that are lifted.
const GUARD_ALLOW: (&str, &str) = ("guard", "allow");

/// The same of the requests that wait for no yes.
const UNASKED: (&str, &str) = ("policy", "unasked_paths");

/// Lifts a guard rule (`provider/rule`), or puts it in force again. Returns whether that changed
/// anything.
pub fn set_allowed(home: &Home, rule: &str, is_allowed: bool) -> Result<bool, SettingsError> {
    edit(home, GUARD_ALLOW, (rule, is_allowed), |settings| {
        settings.guard.allow.contains(rule)
    })
}

/// Spares the requests of a rule (`provider/name=METHOD path`) the wait for the user's yes, in all
/// runs from now on. Returns whether that changed anything.
pub fn set_unasked(home: &Home, rule: &str) -> Result<bool, SettingsError> {
    edit(home, UNASKED, (rule, true), |settings| {
        settings.policy.is_unasked(rule)
    })
}

/// Adds a text to an array of a table, or takes it out.
fn edit(
    home: &Home,
    place: (&str, &str),
    (rule, is_allowed): (&str, bool),
    has: impl Fn(&Settings) -> bool,
) -> Result<bool, SettingsError> {
    let path = home.path(FILE);
    let invalid = |reason: String| SettingsError {
        path: path.clone(),
        reason,
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(invalid(error.to_string())),
    };
    // What is not valid is reported in the same words as everywhere, before anything is changed.
    let settings: Settings = parse(&text).map_err(&invalid)?;
    if has(&settings) == is_allowed {
        return Ok(false);
    }
    let changed = changed(&text, place, rule, is_allowed).map_err(&invalid)?;
    parse(&changed).map_err(&invalid)?;
    // A link, as into a collection of dotfiles, stays one: its target is written.
    let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
    let written = if is_link {
        let mut options = File::options();
        let opened = options.write(true).truncate(true).open(&path);
        let written = opened.and_then(|mut file| file.write_all(changed.as_bytes()));
        written.map_err(|error| error.to_string())
    } else {
        let written = home.write_private(FILE, changed.as_bytes());
        written.map_err(|error| error.to_string())
    };
    written.map_err(&invalid)?;
    Ok(true)
}

/// What the file would become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsPreview {
    /// The file.
    pub path: PathBuf,
    /// Its text now; empty if there is none.
    pub before: String,
    /// Its text with the rule in it.
    pub after: String,
}

/// What [`set_allowed`] would make of the file, which is left as it is.
pub fn allowed_preview(home: &Home, rule: &str) -> Result<SettingsPreview, SettingsError> {
    preview(home, GUARD_ALLOW, rule, |settings| {
        settings.guard.allow.contains(rule)
    })
}

/// What [`set_unasked`] would make of the file, which is left as it is.
pub fn unasked_preview(home: &Home, rule: &str) -> Result<SettingsPreview, SettingsError> {
    preview(home, UNASKED, rule, |settings| {
        settings.policy.is_unasked(rule)
    })
}

fn preview(
    home: &Home,
    place: (&str, &str),
    rule: &str,
    has: impl Fn(&Settings) -> bool,
) -> Result<SettingsPreview, SettingsError> {
    let path = home.path(FILE);
    let invalid = |reason: String| SettingsError {
        path: path.clone(),
        reason,
    };
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(invalid(error.to_string())),
    };
    let settings: Settings = parse(&before).map_err(&invalid)?;
    let after = if has(&settings) {
        before.clone()
    } else {
        changed(&before, place, rule, true).map_err(&invalid)?
    };
    Ok(SettingsPreview {
        path,
        before,
        after,
    })
}

fn changed(
    text: &str,
    (table, key): (&str, &str),
    rule: &str,
    is_allowed: bool,
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let guard = document.entry(table).or_insert_with(|| Table::new().into());
    let guard = guard.as_table_like_mut();
    let guard = guard.ok_or_else(|| format!("{table} is not a table"))?;
    let allow = guard.entry(key);
    let allow = allow.or_insert_with(|| Item::Value(Value::Array(Array::new())));
    let allow = allow.as_array_mut();
    let allow = allow.ok_or_else(|| format!("{table}.{key} is not an array"))?;
    if is_allowed {
        allow.push(rule);
    } else {
        allow.retain(|known| known.as_str() != Some(rule));
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_with(text: Option<&str>) -> (tempfile::TempDir, Home) {
        let (directory, home) = Home::temporary();
        if let Some(text) = text {
            home.write_private(FILE, text.as_bytes()).unwrap();
        }
        (directory, home)
    }

    fn text(home: &Home) -> String {
        fs::read_to_string(home.path(FILE)).unwrap()
    }

    #[test]
    fn a_rule_is_lifted_and_put_in_force_again_and_the_rest_stays() {
        let own = "# mine\n[timeouts]\nconnect_seconds = 15 # slow\n\n[guard]\nallow = [\n  \"gitlab/a\", # why\n]\n";
        let (_directory, home) = home_with(Some(own));
        assert!(set_allowed(&home, "gitlab/b", true).unwrap());
        assert!(!set_allowed(&home, "gitlab/b", true).unwrap());
        assert!(text(&home).contains("# why") && text(&home).contains("15 # slow"));
        let settings = Settings::load(&home).unwrap();
        assert_eq!(settings.allowed_guards().len(), 2);
        assert!(set_allowed(&home, "gitlab/b", false).unwrap());
        assert!(!set_allowed(&home, "gitlab/b", false).unwrap());
        assert_eq!(Settings::load(&home).unwrap().allowed_guards().len(), 1);
    }

    #[test]
    fn a_file_is_made_where_there_is_none_and_a_link_stays_one() {
        let (_directory, home) = home_with(None);
        assert!(!set_allowed(&home, "gitlab/a", false).unwrap());
        assert!(!home.path(FILE).exists());
        assert!(set_allowed(&home, "gitlab/a", true).unwrap());
        assert_eq!(text(&home), "[guard]\nallow = [\"gitlab/a\"]\n");
        let dotfile = home.path("dotfile");
        fs::rename(home.path(FILE), &dotfile).unwrap();
        std::os::unix::fs::symlink(&dotfile, home.path(FILE)).unwrap();
        assert!(set_allowed(&home, "gitlab/b", true).unwrap());
        assert!(fs::symlink_metadata(home.path(FILE)).unwrap().is_symlink());
        assert!(fs::read_to_string(dotfile).unwrap().contains("gitlab/b"));
    }

    #[test]
    fn a_request_is_spared_the_wait_beside_what_is_there() {
        let own = "[policy]\nask_paths = [\"gitlab=POST /**\"] # all\n";
        let (_directory, home) = home_with(Some(own));
        let rule = "gitlab/default=POST /api/v4/projects";
        assert!(set_unasked(&home, rule).unwrap());
        assert!(!set_unasked(&home, rule).unwrap());
        assert!(text(&home).contains("# all") && text(&home).contains(rule));
        assert_eq!(
            Settings::load(&home)
                .unwrap()
                .policy()
                .0
                .unasked_paths
                .len(),
            1
        );
        set_unasked(&home, "no rule").unwrap_err();
    }

    #[test]
    fn a_file_that_is_not_valid_is_left_alone() {
        for wrong in [
            "[guard\n",
            "[guards]\n",
            "guard = 1\n",
            "[guard]\nallow = 1\n",
        ] {
            let (_directory, home) = home_with(Some(wrong));
            set_allowed(&home, "gitlab/a", true).unwrap_err();
            assert_eq!(text(&home), wrong);
        }
    }
}
