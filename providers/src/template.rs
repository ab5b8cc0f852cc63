//! Text with parts of a credential in it, such as `Token {api_key}`.

use std::fmt;

use thiserror::Error;

/// Text with parts of a credential in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Vec<Piece>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Piece {
    /// The credential itself: the access token, or the first secret field.
    Credential,
    /// Another field of the credential.
    Field(String),
    /// Text as it is.
    Text(String),
}

impl Template {
    /// The credential alone.
    pub fn credential() -> Self {
        Self(vec![Piece::Credential])
    }

    /// Fixed text.
    pub fn text(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// These pieces, one after the other.
    pub(crate) fn of(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self(pieces.into_iter().collect())
    }

    /// The pieces, in their order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Parses text in which `{name}` is a field. `fields` are the names of all fields, the
    /// credential's own first.
    pub(crate) fn parse(text: &str, fields: &[String]) -> Result<Self, TemplateError> {
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(TemplateError::Character);
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(match fields.iter().position(|field| field == name) {
                Some(0) => Piece::Credential,
                Some(_) => Piece::Field(name.to_owned()),
                None => return Err(TemplateError::Unknown(name.to_owned())),
            });
            rest = after;
        }
        if rest.contains('}') {
            return Err(TemplateError::Brace);
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Credential => formatter.write_str("{credential}")?,
                Piece::Field(name) => write!(formatter, "{{{name}}}")?,
                Piece::Text(text) => formatter.write_str(text)?,
            }
        }
        Ok(())
    }
}

/// Why a text is no template.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum TemplateError {
    #[error("a `{{` or `}}` has no partner")]
    Brace,
    #[error("it has printable ASCII characters only")]
    Character,
    #[error("`{{{0}}}` is no field of the credential and no parameter")]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_braces() {
        let fields = ["token".to_owned(), "user".to_owned()];
        let parse = |text| Template::parse(text, &fields);
        let pieces = |text| parse(text).unwrap().0;
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(pieces("{token}"), [Piece::Credential]);
        assert_eq!(
            pieces("{user}/token:{token}!"),
            [
                Piece::Field("user".to_owned()),
                text("/token:"),
                Piece::Credential,
                text("!")
            ]
        );
        assert_eq!(pieces(""), []);
        assert_eq!(parse("{a").unwrap_err(), TemplateError::Brace);
        assert_eq!(parse("a}").unwrap_err(), TemplateError::Brace);
        assert_eq!(parse("a\r\nb").unwrap_err(), TemplateError::Character);
        let unknown = TemplateError::Unknown("name".to_owned());
        assert_eq!(parse("{name}").unwrap_err(), unknown);
    }
}
