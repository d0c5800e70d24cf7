//! How urgent a request is: hotfixes before all, then priorities 0 to 4.

use std::fmt;

/// A class of urgency; the smaller one goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Before everything else.
    Hotfix,
    /// A priority, 0 (most urgent) to 4.
    Priority(u8),
}

impl Class {
    /// Returns the class of a priority; one that makes no sense is the last.
    pub fn of(priority: i64) -> Self {
        let known = u8::try_from(priority).ok().filter(|it| *it <= 4);
        Self::Priority(known.unwrap_or(4))
    }

    /// Returns the class a word names: `hotfix`, or a priority with or without a `P`.
    pub fn parse(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("hotfix") {
            return Some(Self::Hotfix);
        }
        let digit = word.strip_prefix(['p', 'P']).unwrap_or(word);
        match digit.as_bytes() {
            [digit @ b'0'..=b'4'] => Some(Self::Priority(digit - b'0')),
            _ => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hotfix => f.write_str("hotfix"),
            Self::Priority(priority) => write!(f, "P{priority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_classes() {
        let check = |word, class: Option<Class>| assert_eq!(Class::parse(word), class, "{word}");
        check("hotfix", Some(Class::Hotfix));
        check("P0", Some(Class::Priority(0)));
        check("4", Some(Class::Priority(4)));
        for word in ["5", "", "P", "-1", "p00", "urgent"] {
            check(word, None);
        }
        assert!(Class::Hotfix < Class::of(0) && Class::of(0) < Class::of(4));
        // What was fetched does not get ahead by being out of range.
        assert_eq!([Class::of(-7), Class::of(i64::MAX)], [Class::of(4); 2]);
    }
}
