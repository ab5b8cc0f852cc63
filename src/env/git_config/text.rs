//! git's configuration in the syntax of its files (git-config(1), "Syntax").

/// The text for these entries (key and value), in the given order.
pub(super) fn file(entries: impl Iterator<Item = (String, String)>) -> String {
    let mut text = String::new();
    let mut section = String::new();
    for (key, value) in entries {
        let (of, name) = key.rsplit_once('.').unwrap_or(("", &key));
        if section != of {
            let (first, rest) = of.split_once('.').unwrap_or((of, ""));
            text.extend(["[", first, " \""]);
            push_escaped(&mut text, rest);
            text.push_str("\"]\n");
            of.clone_into(&mut section);
        }
        text.extend(["\t", name, " = \""]);
        push_escaped(&mut text, &value);
        text.push_str("\"\n");
    }
    text
}

fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str(r"\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str(r"\n"),
            plain => text.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_opened_once_and_values_quoted() {
        let entries = [
            ("http.https://a.test/x.y.proxy", "http://p"),
            ("http.https://a.test/x.y.proxyAuthMethod", "basic"),
            (
                "credential.https://a.test.helper",
                r#"!sh '/it"s \here' # 0"#,
            ),
            ("credential.https://a.test.helper", ""),
            ("url.https://b.test/.insteadOf", "ü\n"),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expected = r#"[http "https://a.test/x.y"]
	proxy = "http://p"
	proxyAuthMethod = "basic"
[credential "https://a.test"]
	helper = "!sh '/it\"s \\here' # 0"
	helper = ""
[url "https://b.test/"]
	insteadOf = "ü\n"
"#;
        assert_eq!(file(entries.into_iter()), expected);
    }
}
