//! Who a caller without a key is: the client that it shows by a token or a cookie, else its address.
//!
//! A token is a secret of its client. Nothing signs it: who could guess a token of 122 random bits could guess a
//! signature, too. The owner is a digest of it, so records and logs do not have the token.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use pssp_common::network;
use pssp_jobs::Owner;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::accept;
use crate::bounds::Client;
use crate::gateway::Gateway;

/// The header with the token of a program.
const TOKEN: HeaderName = HeaderName::from_static("x-pssp-client");

/// The cookie with the token of a browser.
const COOKIE: &str = "pssp_client";

/// Lengths of a token, in bytes. Shorter ones can be guessed.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// How long a browser keeps its cookie, in seconds: a year.
const COOKIE_MAX_AGE: u32 = 31_536_000;

/// A client without a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It shows this token.
    Token(String),
    /// A browser that has no token yet gets this one.
    NewBrowser(String),
    /// Any other program, by its address. `None` if the address is not known.
    Address(Option<IpAddr>),
}

impl Stranger {
    pub(crate) fn of(request: &Request, trusted: &[IpNet]) -> Self {
        let headers = request.headers();
        if let Some(token) = token(headers) {
            return Self::Token(token.to_owned());
        }
        // Browsers send this header over https, and no page can set it. Over plain http they are known by what they want.
        if headers.contains_key("sec-fetch-site") || accept::wants_page(headers) {
            return Self::NewBrowser(Uuid::new_v4().simple().to_string());
        }
        Self::Address(address(request, trusted))
    }

    /// The owner of its jobs, and the cookie to set. The names have a colon, which the name of a key cannot have.
    pub(crate) fn into_owner(self) -> (Owner, Option<HeaderValue>) {
        match self {
            Self::Token(token) => (owner_of_token(&token), None),
            Self::NewBrowser(token) => {
                let cookie =
                    format!("{COOKIE}={token}; Path=/; Max-Age={COOKIE_MAX_AGE}; HttpOnly; SameSite=Lax");
                (owner_of_token(&token), HeaderValue::try_from(cookie).ok())
            }
            Self::Address(address) => (Owner::new(name(address)), None),
        }
    }
}

/// The client that the bounds count a caller without a key for.
pub(crate) fn of_address(request: &Request, trusted: &[IpNet]) -> Client {
    Client::new(name(address(request, trusted)))
}

fn name(address: Option<IpAddr>) -> String {
    match address {
        Some(address) => format!("address:{}", network(address)),
        None => "address:unknown".to_owned(),
    }
}

fn owner_of_token(token: &str) -> Owner {
    let digest = Sha256::digest(token);
    Owner::new(format!("client:{}", base16ct::lower::encode_string(&digest[..16])))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(TOKEN).and_then(|value| value.to_str().ok());
    let kept = || cookie(headers, COOKIE);
    let is_token = |token: &&str| {
        TOKEN_BYTES.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    given.or_else(kept).filter(is_token)
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The address of the peer.
fn peer(request: &Request) -> Option<IpAddr> {
    let connection =
        || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    Some(Gateway::of(request.extensions()).peer.or_else(connection)?.to_canonical())
}

/// Whether a trusted proxy sends the request.
pub(crate) fn is_through_proxy(request: &Request, trusted: &[IpNet]) -> bool {
    peer(request).is_some_and(|peer| trusted.iter().any(|network| network.contains(&peer)))
}

/// The address of the client: that of the peer, or the last one in `X-Forwarded-For` that is no trusted proxy, if
/// the peer is one.
fn address(request: &Request, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer(request)?;
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let lines = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        // A text that is no address was not written by a trusted proxy.
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    Some(client)
}
