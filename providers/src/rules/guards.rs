//! The guard rules of a provider, and which of them concern a method.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::GuardRule;
use crate::landmarks::Landmarks;

/// The guard rules of a provider. Those of a bundled definition are parsed when the first of them
/// is asked for: a provider may have hundreds, and no start of a run needs one.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    ready: OnceLock<Ready>,
    later: Option<LaterGuards>,
}

/// Guard rules that are not parsed yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaterGuards {
    /// The JSON of their list.
    pub(crate) rules: &'static str,
    /// A line for each name: the name, a tab, and the reason.
    pub(crate) lines: &'static str,
    /// Parses the list.
    pub(crate) parse: fn(&'static str) -> Vec<GuardRule>,
}

/// Guard rules as requests need them.
#[derive(Debug, Default)]
struct Ready {
    rules: Vec<GuardRule>,
    /// The rules for each method that one of them names, and those for all other methods, so that a
    /// request needs only one look-up.
    by_method: Vec<(String, MethodGuards)>,
    of_others: MethodGuards,
    denies_other_methods: bool,
}

impl Guards {
    /// These rules.
    pub(crate) fn of(rules: Vec<GuardRule>) -> Self {
        Self {
            ready: Ready::of(rules).into(),
            later: None,
        }
    }

    /// Those rules, once they are needed.
    pub(crate) fn later(later: LaterGuards) -> Self {
        Self {
            ready: OnceLock::new(),
            later: Some(later),
        }
    }

    /// All of them, in the definition's order.
    pub(crate) fn rules(&self) -> &[GuardRule] {
        &self.ready().rules
    }

    /// Name and reason of each, without parsing the rest. If several have one name, the last reason
    /// is that of the name.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        let (lines, rules) = match &self.later {
            Some(later) => (later.lines, [].as_slice()),
            None => ("", self.rules()),
        };
        let of_lines = lines.lines().filter_map(|line| line.split_once('\t'));
        let of_rules = rules.iter();
        of_lines.chain(of_rules.map(|rule| (rule.name.as_str(), rule.reason.as_str())))
    }

    /// Those that apply to a method.
    pub(super) fn of_method(&self, method: &str) -> &MethodGuards {
        let ready = self.ready();
        let mut named = ready.by_method.iter();
        let named = named.find(|(known, _)| known.eq_ignore_ascii_case(method));
        named.map_or(&ready.of_others, |(_, rules)| rules)
    }

    /// Whether one that is about paths denies a method and not `POST`.
    pub(super) fn denies_other_methods(&self) -> bool {
        self.ready().denies_other_methods
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| {
            let later = self.later.as_ref();
            let rules = later.map(|later| (later.parse)(later.rules));
            Ready::of(rules.unwrap_or_default())
        })
    }
}

impl Ready {
    fn of(rules: Vec<GuardRule>) -> Self {
        let named: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.methods).collect();
        let named = named.into_iter();
        let goes_around = |rule: &GuardRule| {
            let is_post = |method: &String| method == "POST";
            rule.is_by_path() && !rule.methods.is_empty() && !rule.methods.iter().any(is_post)
        };
        Self {
            denies_other_methods: rules.iter().any(goes_around),
            by_method: named
                .map(|method| (method.clone(), MethodGuards::new(&rules, Some(method))))
                .collect(),
            of_others: MethodGuards::new(&rules, None),
            rules,
        }
    }
}

/// The guard rules that apply to one method.
#[derive(Debug, Default)]
pub(super) struct MethodGuards {
    /// Made by the first request: most methods of most services are never used in a run.
    landmarks: OnceLock<Landmarks>,
    pub(super) indices: Vec<usize>,
}

impl MethodGuards {
    /// Selects from all `guards`. `None` as `method` means any method that no rule names.
    fn new(guards: &[GuardRule], method: Option<&str>) -> Self {
        let applies = |rule: &GuardRule| {
            let names = |known: &String| method.is_some_and(|method| method == known);
            rule.is_by_path() && (rule.methods.is_empty() || rule.methods.iter().any(names))
        };
        let rules = guards.iter().enumerate().filter(|(_, rule)| applies(rule));
        Self {
            landmarks: OnceLock::new(),
            indices: rules.map(|(index, _)| index).collect(),
        }
    }

    /// Where the rules are, in all `guards`.
    pub(super) fn landmarks(&self, guards: &[GuardRule]) -> &Landmarks {
        self.landmarks.get_or_init(|| {
            let rules = self.indices.iter().filter_map(|index| guards.get(*index));
            let patterns = rules.map(|rule| &rule.pattern);
            Landmarks::of_patterns(
                patterns.map(|pattern| (pattern.literal_segments().collect(), pattern.tail())),
            )
        })
    }
}
