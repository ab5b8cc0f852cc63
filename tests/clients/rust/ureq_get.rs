use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("a URL")?;
    let mut response = ureq::get(&url).call()?;
    println!("{}", response.body_mut().read_to_string()?);
    Ok(())
}
