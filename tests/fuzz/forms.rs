//! Forms and their signature: any body is read without a panic; what was signed is accepted, and
//! with one bit flipped it is not.
//!
//! The first line of an input is the address, the second a header that claims to be a signature,
//! the rest is the body.

use switchhook::twilio::{
    forms::{Form, Incoming, SessionEnd, StatusCallback},
    signature::Signatures,
};

/// Takes any bytes.
pub(crate) fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default());
    let (address, header) = (text(), text());
    let body = parts.next().unwrap_or_default();
    let (ours, theirs) = (signatures(&["fuzz", "rotated"]), signatures(&["another"]));
    let form = Form::parse(body);
    if let Ok(form) = &form {
        is_read(form, &header);
    }
    let pairs = form.as_ref().map(Form::pairs).unwrap_or_default();
    let signed = ours.sign_form(&address, pairs);
    let claims = |header: &str, pairs: &[(String, String)]| {
        ours.verify_form(&address, pairs, Some(header)).is_ok()
    };
    assert!(claims(&signed, pairs), "what was signed was refused");
    assert!(header.trim() == signed || !claims(&header, pairs), "a claim was believed");
    assert!(!claims(&theirs.sign_form(&address, pairs), pairs), "another's signature was taken");
    assert!(!claims(&flipped(&signed, bytes.len()), pairs), "a flipped bit of it was taken");
    if let Some(other) = altered(pairs, bytes.len()) {
        assert!(!claims(&signed, &other), "a flipped bit of the form was taken");
    }
    for_addresses(&ours, &address, &header, body);
}

fn signatures(tokens: &[&str]) -> Signatures {
    let tokens = tokens.iter().map(|token| (*token).to_owned().into());
    Signatures::new(tokens).unwrap_or_else(|error| panic!("{error}"))
}

/// What each webhook makes of it; errors speak of fields, never of what they held.
fn is_read(form: &Form, header: &str) {
    let size: usize = form.pairs().iter().map(|(name, value)| name.len() + value.len()).sum();
    let read = [
        Incoming::read(form, Some(header)).map(|call| call.from.as_str().len()),
        SessionEnd::read(form).map(|end| end.handoff_data.unwrap_or_default().len()),
        StatusCallback::read(form).map(|status| status.sid.as_str().len()),
    ];
    for read in read {
        match read {
            Ok(length) => assert!(length <= size, "more came out than the form held"),
            Err(error) => assert!(error.to_string().len() < 100, "a long error: {error}"),
        }
    }
}

/// The signature with one bit changed, among the characters that carry six bits each.
fn flipped(signature: &str, bit: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = signature.as_bytes().to_vec();
    let at = bit % 26;
    if let Some(byte) = bytes.get_mut(at) {
        let value = ALPHABET.iter().position(|letter| letter == byte).unwrap_or_default();
        *byte = ALPHABET.get(value ^ (1 << (bit % 6))).copied().unwrap_or(b'A');
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The form with one bit of one value changed; none when that says the same to a signature, which
/// takes distinct pairs in their order.
fn altered(pairs: &[(String, String)], at: usize) -> Option<Vec<(String, String)>> {
    let mut other = pairs.to_vec();
    let (_, value) = other.get_mut(at.checked_rem(pairs.len())?)?;
    let first = value.chars().next()?;
    let flipped = char::from_u32(u32::from(first) ^ 1)?;
    value.replace_range(..first.len_utf8(), flipped.encode_utf8(&mut [0; 4]));
    (distinct(pairs) != distinct(&other)).then_some(other)
}

fn distinct(pairs: &[(String, String)]) -> Vec<&(String, String)> {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Addresses without a form: of a socket, and of a request with a JSON body.
fn for_addresses(ours: &Signatures, address: &str, header: &str, body: &[u8]) {
    let signed = ours.sign_url(address);
    assert!(ours.verify_upgrade(address, Some(&signed)).is_ok(), "an upgrade was refused");
    let turned = flipped(&signed, address.len());
    assert!(ours.verify_upgrade(address, Some(&turned)).is_err(), "a turned one was taken");
    // An arbitrary address names no hash of an arbitrary body.
    assert!(ours.verify_json(address, body, Some(&signed)).is_err(), "a JSON body was taken");
    assert!(ours.verify_json(address, body, Some(header)).is_err());
    assert!(ours.verify_form(address, &[], None).is_err(), "no signature was taken");
}
