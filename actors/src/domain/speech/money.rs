//! Prices in English words: `$20.50` is said as `20 dollars and 50 cents`.
//!
//! What is not plainly a price stays as it is: `US$20`, `$HOME`, `$5k`, `€20,30`.

use super::{Place, Step};
use crate::domain::script::{head, tail};

/// The longest price, range and period included.
const MONEY_HOLD: usize = 64;

/// Words that multiply an amount.
const SCALES: [&str; 4] = ["thousand", "million", "billion", "trillion"];
/// Periods after a slash.
const PERIODS: [&str; 5] = ["hour", "day", "week", "month", "year"];

/// Why there is no price.
enum Miss {
    /// More text decides.
    More,
    /// It is something else.
    Other,
}

/// The unit of an amount, and of a hundredth.
struct Currency {
    symbol: char,
    one: &'static str,
    many: &'static str,
    hundredth: &'static str,
    hundredths: &'static str,
}

/// An amount as written.
struct Amount<'a> {
    whole: &'a str,
    fraction: Option<&'a str>,
}

/// The text from the symbol on, and how far it is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Nothing follows the text, or nothing that may still be waited for.
    end: bool,
}

/// A currency symbol: a price, or the symbol as it is.
pub(super) fn step(place: &Place, symbol: char, rest: &str, end: bool) -> Step {
    let end = end || rest.len() >= MONEY_HOLD;
    let mut reader = Reader { text: head(rest, MONEY_HOLD), at: symbol.len_utf8(), end };
    match price(&mut reader, &Currency::of(symbol)) {
        // Nothing tells whether a price that fills its bound was whole.
        Ok(_) if reader.at >= MONEY_HOLD => Step::Pass(symbol.len_utf8()),
        // `US$20` names its currency already.
        Ok(_) if place.last.is_some_and(char::is_alphanumeric) => Step::Pass(reader.at),
        Ok(words) => Step::Say(reader.at, words.into()),
        Err(Miss::More) => Step::Hold,
        Err(Miss::Other) => Step::Pass(symbol.len_utf8()),
    }
}

impl Currency {
    fn of(symbol: char) -> Self {
        let (one, many, hundredth, hundredths) = match symbol {
            '€' => ("euro", "euros", "cent", "cents"),
            '£' => ("pound", "pounds", "penny", "pence"),
            _ => ("dollar", "dollars", "cent", "cents"),
        };
        Self { symbol, one, many, hundredth, hundredths }
    }

    /// `1 dollar`, `20 dollars and 50 cents`, `99 cents`.
    fn say(&self, amount: &Amount<'_>) -> String {
        let whole = if amount.whole.is_empty() { "0" } else { amount.whole };
        let unit = if whole == "1" { self.one } else { self.many };
        let Some(fraction) = amount.fraction else { return format!("{whole} {unit}") };
        let part = fraction.strip_prefix('0').unwrap_or(fraction);
        let part_unit = if part == "1" { self.hundredth } else { self.hundredths };
        match (whole, part, fraction.len()) {
            (_, "0", 2) => format!("{whole} {unit}"),
            ("0", _, 2) => format!("{part} {part_unit}"),
            (_, _, 2) => format!("{whole} {unit} and {part} {part_unit}"),
            _ => format!("{whole}.{fraction} {}", self.many),
        }
    }
}

impl std::fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fraction {
            Some(fraction) => write!(f, "{}.{fraction}", self.whole),
            None => f.write_str(self.whole),
        }
    }
}

impl<'a> Reader<'a> {
    /// The character `ahead` bytes on; `None` past the end.
    fn peek(&self, ahead: usize) -> Result<Option<char>, Miss> {
        match tail(self.text, self.at + ahead).chars().next() {
            None if !self.end => Err(Miss::More),
            next => Ok(next),
        }
    }

    fn digit(&self, ahead: usize) -> Result<bool, Miss> {
        Ok(self.peek(ahead)?.is_some_and(|c| c.is_ascii_digit()))
    }

    fn digits(&mut self) -> Result<&'a str, Miss> {
        let start = self.at;
        while self.digit(0)? {
            self.at += 1;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads `lead` and then one of `words` as a whole word.
    fn word(&mut self, lead: char, words: &[&'static str]) -> Result<Option<&'static str>, Miss> {
        if self.peek(0)? != Some(lead) {
            return Ok(None);
        }
        let mut more = false;
        for word in words {
            let mut reader = Self { at: self.at + lead.len_utf8(), ..*self };
            match reader.literal(word) {
                Ok(true) => {
                    *self = reader;
                    return Ok(Some(word));
                }
                Ok(false) => {}
                Err(_) => more = true,
            }
        }
        if more { Err(Miss::More) } else { Ok(None) }
    }

    fn literal(&mut self, word: &str) -> Result<bool, Miss> {
        for c in word.chars() {
            if self.peek(0)? != Some(c) {
                return Ok(false);
            }
            self.at += c.len_utf8();
        }
        Ok(!self.peek(0)?.is_some_and(char::is_alphanumeric))
    }

    fn amount(&mut self) -> Result<Amount<'a>, Miss> {
        let start = self.at;
        let plain = !self.digits()?.is_empty();
        while plain && self.peek(0)? == Some(',') && self.digit(1)? {
            self.at += 1;
            if self.digits()?.len() != 3 {
                return Err(Miss::Other);
            }
        }
        let whole = self.text.get(start..self.at).unwrap_or_default();
        let mut fraction = None;
        if self.peek(0)? == Some('.') && self.digit(1)? {
            self.at += 1;
            fraction = Some(self.digits()?);
            let more = matches!(self.peek(0)?, Some('.' | ',')) && self.digit(1)?;
            if more {
                return Err(Miss::Other);
            }
        }
        if whole.is_empty() && fraction.is_none()
            || self.peek(0)?.is_some_and(char::is_alphanumeric)
        {
            return Err(Miss::Other);
        }
        Ok(Amount { whole, fraction })
    }

    /// `-$30` or `-30` after an amount.
    fn until(&mut self, symbol: char) -> Result<Option<Amount<'a>>, Miss> {
        let dash = match self.peek(0)? {
            Some(dash @ ('-' | '–')) => dash.len_utf8(),
            _ => return Ok(None),
        };
        let mut reader = Self { at: self.at + dash, ..*self };
        if reader.peek(0)? == Some(symbol) {
            reader.at += symbol.len_utf8();
        }
        if !reader.digit(0)? {
            return Ok(None);
        }
        match reader.amount() {
            Ok(amount) => {
                *self = reader;
                Ok(Some(amount))
            }
            Err(Miss::Other) => Ok(None),
            Err(Miss::More) => Err(Miss::More),
        }
    }
}

fn price(reader: &mut Reader<'_>, currency: &Currency) -> Result<String, Miss> {
    let from = reader.amount()?;
    let to = reader.until(currency.symbol)?;
    let scale = reader.word(' ', &SCALES)?;
    let mut said = match (to, scale) {
        (None, None) => currency.say(&from),
        (None, Some(scale)) => format!("{from} {scale} {}", currency.many),
        (Some(to), Some(scale)) => format!("{from} to {to} {scale} {}", currency.many),
        (Some(to), None) if from.fraction.or(to.fraction).is_some() => {
            format!("{} to {}", currency.say(&from), currency.say(&to))
        }
        (Some(to), None) => format!("{from} to {to} {}", currency.many),
    };
    if let Some(period) = reader.word('/', &PERIODS)? {
        said.push_str(" per ");
        said.push_str(period);
    }
    Ok(said)
}
