//! TaskRouter's expressions: what may be written, and whether a task or a worker fulfils one.
//!
//! `skill == 'billing' AND urgent != true`, `routing.skills HAS 'voice'`, `name IN ['A', 'B']`,
//! `task.skill IN worker.routing.skills`. A hyphen in a name is a minus to Twilio, which it refuses.

use serde_json::Value;

/// Brackets in brackets: nobody writes more.
const DEPTH_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Name(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

/// An expression that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A value by its path.
    Name(String),
    /// Text, a number or a truth.
    Constant(Value),
    /// `['a', 'b']`
    List(Vec<Expression>),
    /// Not so.
    Not(Box<Expression>),
    /// Two sides and what is between them.
    Both(&'static str, Box<(Expression, Expression)>),
}

const SIGNS: [&str; 11] = ["==", "!=", "<=", ">=", "<", ">", "=", "(", ")", "[", "]"];
const COMPARE: [&str; 7] = ["==", "!=", "<=", ">=", "<", ">", "="];

impl Expression {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let mut reader = Reader { words: &words, depth: 0 };
        let expression = reader.or()?;
        match reader.words.first() {
            None => Ok(expression),
            Some(word) => Err(format!("{word:?} is not expected")),
        }
    }

    /// Whether it is so for these attributes.
    pub fn is_true(&self, attributes: &Value) -> bool {
        match self.value(attributes) {
            Value::Bool(truth) => truth,
            other => !other.is_null(),
        }
    }

    fn value(&self, attributes: &Value) -> Value {
        match self {
            Self::Name(path) => {
                let found = path.split('.').try_fold(attributes, |value, name| value.get(name));
                found.cloned().unwrap_or(Value::Null)
            }
            Self::Constant(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.value(attributes)).collect(),
            Self::Not(inner) => Value::Bool(!inner.is_true(attributes)),
            Self::Both("AND", sides) => {
                Value::Bool(sides.0.is_true(attributes) && sides.1.is_true(attributes))
            }
            Self::Both("OR", sides) => {
                Value::Bool(sides.0.is_true(attributes) || sides.1.is_true(attributes))
            }
            Self::Both(sign, sides) => {
                let (one, other) = (sides.0.value(attributes), sides.1.value(attributes));
                Value::Bool(compare(sign, &one, &other))
            }
        }
    }
}

fn compare(sign: &str, one: &Value, other: &Value) -> bool {
    let holds = |list: &Value, item: &Value| {
        list.as_array().is_some_and(|list| list.iter().any(|value| same(value, item)))
    };
    let order = match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.partial_cmp(&other),
        _ => None,
    };
    match sign {
        "==" | "=" => same(one, other),
        "!=" => !same(one, other),
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">=" => order.is_some_and(std::cmp::Ordering::is_ge),
        "HAS" => holds(one, other),
        "IN" => holds(other, one),
        _ => {
            let text = one.as_str().zip(other.as_str());
            text.is_some_and(|(one, other)| one.contains(other))
        }
    }
}

fn same(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|number| Some(number) == other.as_f64())
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if first == '\'' || first == '"' {
            let inner = &rest[1..];
            let end = inner.find(first).ok_or("a quote is not closed")?;
            (Word::Text(inner[..end].to_owned()), &inner[end + 1..])
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = rest[..end].parse().map_err(|_| "a number cannot be read")?;
            (Word::Number(number), &rest[end..])
        } else if first.is_alphabetic() || first == '_' {
            let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let end = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
            if rest[end..].starts_with('-') {
                return Err(format!("{}- is no name: it has a hyphen", &rest[..end]));
            }
            (Word::Name(rest[..end].to_owned()), &rest[end..])
        } else if let Some(after) = rest.strip_prefix(',') {
            (Word::Sign(","), after)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("{first:?} is not expected"))?;
            (Word::Sign(sign), &rest[sign.len()..])
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

struct Reader<'a> {
    words: &'a [Word],
    depth: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Word> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    /// Takes a word of the language, such as `AND`, if it is next.
    fn takes(&mut self, word: &str) -> bool {
        let is_it =
            matches!(self.words.first(), Some(Word::Name(name)) if name.eq_ignore_ascii_case(word));
        if is_it {
            self.next();
        }
        is_it
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        let is_it = self.words.first() == Some(&Word::Sign(sign));
        if is_it {
            self.next();
        }
        is_it
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.takes("OR") {
            left = Expression::Both("OR", Box::new((left, self.and()?)));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.takes("AND") {
            left = Expression::Both("AND", Box::new((left, self.not()?)));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        if self.takes("NOT") {
            return Ok(Expression::Not(Box::new(self.not()?)));
        }
        let left = self.operand()?;
        let sign = COMPARE.iter().find(|sign| self.sign(sign)).copied();
        let word = || ["HAS", "IN", "CONTAINS"].into_iter().find(|word| self.takes(word));
        match sign.or_else(word) {
            Some(sign) => Ok(Expression::Both(sign, Box::new((left, self.operand()?)))),
            None if self.takes("NOT") && self.takes("IN") => {
                let inner = Expression::Both("IN", Box::new((left, self.operand()?)));
                Ok(Expression::Not(Box::new(inner)))
            }
            None => Ok(left),
        }
    }

    fn operand(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("it has too many brackets".to_owned());
        }
        let operand = match self.next().ok_or("it ends too early")? {
            Word::Text(text) => Expression::Constant(Value::String(text)),
            Word::Number(number) => Expression::Constant(Value::from(number)),
            Word::Name(name) if name.eq_ignore_ascii_case("true") => {
                Expression::Constant(Value::Bool(true))
            }
            Word::Name(name) if name.eq_ignore_ascii_case("false") => {
                Expression::Constant(Value::Bool(false))
            }
            Word::Name(name) => Expression::Name(name),
            Word::Sign("(") => {
                let inner = self.or()?;
                if !self.sign(")") {
                    return Err("a bracket is not closed".to_owned());
                }
                inner
            }
            Word::Sign("[") => {
                let mut items = Vec::new();
                while !self.sign("]") {
                    items.push(self.operand()?);
                    if !self.sign(",") && self.words.first() != Some(&Word::Sign("]")) {
                        return Err("a list is not closed".to_owned());
                    }
                }
                Expression::List(items)
            }
            Word::Sign(sign) => return Err(format!("{sign:?} is not expected")),
        };
        self.depth -= 1;
        Ok(operand)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_chooses_what_twilio_would_choose() {
        let task = json!({"skill": "billing", "urgent": false, "n": 3,
            "routing": {"skills": ["voice", "billing"]}});
        for (text, expected) in [
            ("1==1", true),
            ("skill == 'billing' AND urgent != true", true),
            ("skill IN ['a', \"billing\"]", true),
            ("routing.skills HAS 'voice'", true),
            ("skill HAS 'billing'", false),
            ("skill CONTAINS 'bill'", true),
            ("NOT (n > 2 OR n <= 1)", false),
            ("skill != ''", true),
            ("nothing == 'x'", false),
        ] {
            let read = Expression::parse(text).expect(text);
            assert_eq!(read.is_true(&task), expected, "{text}");
        }
    }

    #[test]
    fn what_twilio_refuses_is_refused() {
        for text in
            ["", "a ==", "a == 'b", "(a == 1", "a-b == 1", "a == 1)", "a ~ 1", "a == 1 b", "[1"]
        {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
