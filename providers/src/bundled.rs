//! The definitions in the binary.
//!
//! Each start of a run parses those of its providers. Most of what they say are guard rules, which
//! no start needs, only their names. So the build takes these rules out of a definition and puts
//! them behind it (`build.rs`); they are parsed when a request is first compared with them.

use serde_json::{Map, Value};

/// All bundled definitions, sorted by name.
pub(crate) const BUNDLED: &[Bundled] = &include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The field that is taken out.
const GUARD: &str = "guard";

/// A definition in the binary.
#[derive(Debug)]
pub(crate) struct Bundled {
    /// The provider's name.
    pub(crate) name: &'static str,
    /// The definition without its guard rules, these rules, and a line about each of their names.
    /// In one text: each pointer in this table would be relocated in every start.
    text: &'static str,
    /// Where the rules begin in `text`.
    rules: usize,
    /// Where the lines begin in `text`.
    lines: usize,
    /// How many fields the definition has before its guard rules.
    before: usize,
}

/// The guard rules of a bundled definition, if they were taken out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BundledGuards {
    /// The JSON of the list.
    pub(crate) rules: &'static str,
    /// A line for each name of a rule: the name, a tab, and the reason.
    pub(crate) lines: &'static str,
}

impl Bundled {
    /// The JSON of the definition, without what [`guards`](Self::guards) has.
    pub(crate) fn json(&self) -> &'static str {
        self.text.get(..self.rules).unwrap_or_default()
    }

    /// What was taken out. `None` for a definition that is whole: without guard rules, or with
    /// parameters, which may stand in them.
    pub(crate) fn guards(&self) -> Option<BundledGuards> {
        let rules = self.text.get(self.rules..self.lines)?;
        let lines = self.text.get(self.lines..)?;
        (!rules.is_empty()).then_some(BundledGuards { rules, lines })
    }

    /// The JSON of the whole definition, its fields in their order.
    pub(crate) fn whole(&self) -> String {
        let fields = serde_json::from_str::<Map<String, Value>>(self.json());
        match (fields, self.guards()) {
            (Ok(mut fields), Some(guards)) => {
                let rules = serde_json::from_str(guards.rules).unwrap_or_default();
                fields.shift_insert(self.before, GUARD.to_owned(), rules);
                Value::Object(fields).to_string()
            }
            _ => self.json().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_put_back_where_they_stood() {
        let bundled = Bundled {
            name: "acme",
            text: r#"{"a":1,"b":2}[{"name":"x"}]x	y"#,
            rules: 13,
            lines: 27,
            before: 1,
        };
        let guards = bundled.guards().unwrap();
        assert_eq!((bundled.json(), guards.lines), (r#"{"a":1,"b":2}"#, "x\ty"));
        assert_eq!(bundled.whole(), r#"{"a":1,"guard":[{"name":"x"}],"b":2}"#);
    }

    #[test]
    fn a_definition_without_them_is_whole() {
        let text = r#"{"a":1}"#;
        let bundled = Bundled {
            name: "acme",
            text,
            rules: text.len(),
            lines: text.len(),
            before: 0,
        };
        assert!(bundled.guards().is_none());
        assert_eq!(bundled.whole(), text);
    }

    #[test]
    fn what_depends_on_the_place_stays_where_it_is() {
        let mut taken_out = 0;
        for bundled in BUNDLED {
            let fields: Map<String, Value> = serde_json::from_str(&bundled.whole()).unwrap();
            let has_place = fields.contains_key("params") || fields.contains_key("instance_url");
            let is_taken_out = bundled.guards().is_some();
            assert!(!(has_place && is_taken_out), "{}", bundled.name);
            assert_eq!(
                fields
                    .get(GUARD)
                    .is_some_and(|rules| !has_place && !rules.is_null()),
                is_taken_out,
                "{}",
                bundled.name
            );
            taken_out += usize::from(is_taken_out);
        }
        assert!(taken_out > 50, "{taken_out}");
    }
}
