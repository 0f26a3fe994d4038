//! What coders keyed, reduced to what quality needs: no label text is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::params;
use serde::Serialize;

use super::{Entry, Office, OfficeError, micros};

/// One parcel keyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub person: String,
    /// Which parcel.
    pub parcel: u64,
    /// `no_read`, or `sample` for one that the cameras had read.
    pub kind: &'static str,
    /// From the picture on the screen to the answer, milliseconds.
    pub took_ms: u32,
    /// For a sample: the person says the same as the machine.
    pub agrees: Option<bool>,
    /// For a sample that somebody else keyed before: what the two say together.
    pub verdict: Option<Verdict>,
}

/// What two coders say about a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same as the machine.
    Right,
    /// The same, and not what the machine read.
    Wrong,
    /// Not the same as each other: the sample tells nothing about the machine.
    Split,
}

impl Verdict {
    /// As stored, in the column of a coding's kind.
    const fn kind(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Split => "split",
        }
    }
}

/// Sums over codings.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Parcels that no camera had read.
    pub keyed: u64,
    /// Median time of one, milliseconds.
    pub took_ms_p50: Option<u32>,
    /// Samples keyed again.
    pub samples: u64,
    /// Of these, where person and machine differ.
    pub disagreements: u64,
    /// Samples that two coders keyed.
    pub pairs: u64,
    /// Of these, where the two differ.
    pub splits: u64,
    /// Pairs that agree with each other and not with the machine.
    pub errors: u64,
    /// Share of errors in the pairs that agree with each other, with the 95 % interval after Wilson
    /// (1927); absent without such pairs.
    pub error_rate: Option<[f64; 3]>,
    /// Share of disagreements in all samples, each keyed by one coder, likewise: an upper estimate
    /// that holds the coders' own errors too.
    pub disagreement_rate: Option<[f64; 3]>,
    /// Share of pairs that differ, likewise: how far coders can be relied on.
    pub split_rate: Option<[f64; 3]>,
}

impl Office {
    /// Puts a coding on record.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn add_coding(&self, coding: &Coding, entry: Entry) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let insert = "INSERT INTO coding (wall_us, person, parcel, kind, took_ms, agrees) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let row = |kind, agrees| {
                let (at, parcel) = (micros(coding.at), coding.parcel.cast_signed());
                let values = params![at, coding.person, parcel, kind, coding.took_ms, agrees];
                transaction.execute(insert, values)
            };
            row(coding.kind, coding.agrees)?;
            if let Some(verdict) = coding.verdict {
                row(verdict.kind(), None)?;
            }
            Ok(((), Some(entry)))
        })
    }

    /// Sums since `from`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn codings_since(&self, from: Timestamp) -> Result<Tally, OfficeError> {
        let from = micros(from);
        self.ask(|connection| {
            let mut counts = BTreeMap::new();
            let sums = "SELECT kind, count(*), count(*) FILTER (WHERE agrees = 0) FROM coding \
                        WHERE wall_us >= ?1 GROUP BY kind";
            let mut asked = connection.prepare(sums)?;
            let mut rows = asked.query([from])?;
            while let Some(row) = rows.next()? {
                let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                counts.insert(row.get::<_, String>(0)?, (count(1)?, count(2)?));
            }
            let of = |kind: &str| counts.get(kind).copied().unwrap_or_default();
            let ((samples, disagreements), (right, _)) = (of("sample"), of("right"));
            let ((errors, _), (splits, _)) = (of("wrong"), of("split"));
            let (agreed, pairs) = (right + errors, right + errors + splits);
            let times = "SELECT took_ms FROM coding WHERE wall_us >= ?1 AND kind = 'no_read' \
                         ORDER BY took_ms";
            let times: Vec<u32> = connection
                .prepare(times)?
                .query_map([from], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Tally {
                keyed: of("no_read").0,
                took_ms_p50: times.get(times.len() / 2).copied(),
                samples,
                disagreements,
                pairs,
                splits,
                errors,
                error_rate: wilson(errors, agreed),
                disagreement_rate: wilson(disagreements, samples),
                split_rate: wilson(splits, pairs),
            })
        })
    }
}

/// A share and the ends of its 95 % interval.
fn wilson(hits: u64, of: u64) -> Option<[f64; 3]> {
    let count = |n: u64| u32::try_from(n).ok().map(f64::from);
    let (hits, of) = (count(hits)?, count(of)?);
    if of <= 0.0 {
        return None;
    }
    let z = 1.959_964;
    let (share, z2) = (hits / of, z * z);
    let middle = share + z2 / (2.0 * of);
    let reach = z * (share * (1.0 - share) / of + z2 / (4.0 * of * of)).sqrt();
    let scale = 1.0 + z2 / of;
    let low = ((middle - reach) / scale).max(0.0);
    Some([share, low, ((middle + reach) / scale).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_literature() {
        // Agresti and Coull (1998): 0 of 10 gives 0 to 0.278.
        let [share, low, high] = wilson(0, 10).unwrap();
        assert!(share.abs() < 1e-12 && low.abs() < 1e-12);
        assert!((high - 0.2775).abs() < 0.001, "{high}");
        assert_eq!(wilson(0, 0), None);
        let [_, low, high] = wilson(50, 100).unwrap();
        assert!((low - 0.4038).abs() < 0.001 && (high - 0.5962).abs() < 0.001);
    }
}
