//! Beads that say the same, or nearly: found by their words alone.

use std::collections::{BTreeSet, HashMap};

/// Two texts that are alike, by their places among the texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The first of them.
    pub a: usize,
    /// The second of them.
    pub b: usize,
    /// How many of the words that are in either are in both, from 0 to 1.
    pub similarity: f64,
}

/// Returns the words of a text that mean something.
fn words(text: &str) -> BTreeSet<String> {
    const EMPTY: [&str; 24] = [
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "in", "is", "it", "of",
        "on", "or", "that", "the", "this", "to", "was", "when", "with", "not",
    ];
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.map(str::to_lowercase);
    words
        .filter(|word| !word.is_empty() && !EMPTY.contains(&word.as_str()))
        .collect()
}

/// Returns the pairs of texts that share at least `threshold` of their words, the most alike first.
///
/// Only texts that share one of their rarest words are compared: of two texts that are alike enough, so many
/// words are the same that the rare ones cannot all differ.
pub fn alike(texts: &[String], threshold: f64) -> Vec<Pair> {
    let texts: Vec<BTreeSet<String>> = texts.iter().map(|text| words(text)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in texts.iter().flatten() {
        *counts.entry(word).or_default() += 1;
    }
    // Words as numbers, the rarest first.
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_unstable_by_key(|(word, count)| (*count, *word));
    let numbers: HashMap<&str, usize> = order.iter().map(|(word, _)| *word).zip(0..).collect();
    let sorted = |text: &BTreeSet<String>| {
        let mut found: Vec<usize> = text.iter().map(|word| numbers[word.as_str()]).collect();
        found.sort_unstable();
        found
    };
    let texts: Vec<Vec<usize>> = texts.iter().map(sorted).collect();
    let (mut with, mut pairs) = (vec![Vec::new(); numbers.len()], Vec::new());
    for (b, text) in texts.iter().enumerate() {
        let needed = (threshold * text.len() as f64).ceil() as usize;
        let rare = &text[..(text.len() + 1)
            .saturating_sub(needed.max(1))
            .min(text.len())];
        let mut others: Vec<usize> = rare.iter().flat_map(|word| with[*word].clone()).collect();
        others.sort_unstable();
        others.dedup();
        for a in others {
            let similarity = similarity(&texts[a], text);
            if similarity >= threshold {
                pairs.push(Pair { a, b, similarity });
            }
        }
        rare.iter().for_each(|word| with[*word].push(b));
    }
    pairs.sort_by(|x, y| {
        let by_place = || (x.a, x.b).cmp(&(y.a, y.b));
        y.similarity.total_cmp(&x.similarity).then_with(by_place)
    });
    pairs
}

/// Returns how much of two sorted lists is in both.
fn similarity(a: &[usize], b: &[usize]) -> f64 {
    let (mut at, mut both) = (0, 0);
    for word in a {
        while b.get(at).is_some_and(|it| it < word) {
            at += 1;
        }
        both += usize::from(b.get(at) == Some(word));
    }
    let either = a.len() + b.len() - both;
    if either == 0 {
        0.0
    } else {
        both as f64 / either as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_share_words_are_alike() {
        let check = |texts: &[&str], want: &[(usize, usize, f64)]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let got: Vec<_> = alike(&texts, 0.5)
                .iter()
                .map(|it| (it.a, it.b, it.similarity))
                .collect();
            assert_eq!(got, want, "{texts:?}");
        };
        check(
            &["Fix the parser", "fix Parser!", "print dates"],
            &[(0, 1, 1.0)],
        );
        check(&["fix date parser", "fix date printer"], &[(0, 1, 0.5)]);
        check(&["fix date parser", "fix printer"], &[]);
        check(&["", "the", "…"], &[]);
    }

    proptest! {
        #[test]
        fn nothing_is_missed(
            texts in proptest::collection::vec("[a-f]( [a-f]){0,7}", 0..12),
            threshold in prop_oneof![Just(0.3), Just(0.5), Just(0.8), Just(1.0), Just(0.01)],
        ) {
            let sets: Vec<BTreeSet<String>> = texts.iter().map(|text| words(text)).collect();
            let mut want = 0;
            for b in 0..sets.len() {
                for a in 0..b {
                    let both = sets[a].intersection(&sets[b]).count();
                    let either = sets[a].union(&sets[b]).count();
                    want += usize::from(either > 0 && both as f64 / either as f64 >= threshold);
                }
            }
            prop_assert_eq!(alike(&texts, threshold).len(), want);
        }
    }
}
