use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("a URL")?;
    let response = reqwest::blocking::get(url)?.error_for_status()?;
    println!("{}", response.text()?);
    Ok(())
}
