//! Parses `application_form`.

use crate::error::DefinitionError;
use crate::provider::ApplicationForm;
use crate::reader::Fields;

/// The longest word that is taken: it stands beside a field of the login's page.
const MAX_WORD: usize = 60;

/// The words of the provider's page, each with a usual one where the definition has none.
pub(super) fn form(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<ApplicationForm, DefinitionError> {
    let Some(mut form) = fields.object("application_form")? else {
        return Ok(usual());
    };
    let usual = usual();
    let mut word = |name, usual: String| match form.text(name)? {
        Some(text) if text.text.chars().count() > MAX_WORD => Err(DefinitionError::field(
            text.path,
            format!("it has more than {MAX_WORD} characters"),
        )),
        Some(text) => Ok(text.text.to_owned()),
        None => Ok(usual),
    };
    let read = ApplicationForm {
        add: word("add", usual.add)?,
        name: word("name", usual.name)?,
        redirect_uri: word("redirect_uri", usual.redirect_uri)?,
        confidential: Some(word("confidential", String::new())?).filter(|word| !word.is_empty()),
        scopes: word("scopes", usual.scopes)?,
        save: word("save", usual.save)?,
        id: word("id", usual.id)?,
        secret: word("secret", usual.secret)?,
    };
    form.warn_of_unknown(warnings);
    Ok(read)
}

fn usual() -> ApplicationForm {
    ApplicationForm {
        add: "New application".to_owned(),
        name: "Name".to_owned(),
        redirect_uri: "Redirect URI".to_owned(),
        confidential: None,
        scopes: "Scopes".to_owned(),
        save: "Save".to_owned(),
        id: "Client ID".to_owned(),
        secret: "Client secret".to_owned(),
    }
}
