//! Which server is trusted, and what is said of one that is not: real certificates of OpenSSL's
//! making, on the ways of a login, a refresh and a request.

mod handshakes;
mod roots;
