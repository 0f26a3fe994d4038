//! Tables of one site for successive times of readiness, computed ahead.
//!
//! A table holds up to its first cut-off; the next one is for parcels that are ready a minute
//! later. A parcel's decision is a search for its time among the tables, then a look-up.

use crate::network::{Network, Node};
use crate::table::Table;
use crate::time::Minute;

/// Most tables made ahead; what lies beyond is made when the first are used up.
pub const TABLES_MAX: usize = 96;

/// Tables in order of the time of readiness. Immutable: new conditions make new ones.
#[derive(Clone, Debug)]
pub struct Ahead {
    tables: Vec<Table>,
}

impl Ahead {
    /// Tables for parcels that are ready at `origin` from `from` up to `until`, at most
    /// [`TABLES_MAX`] of them.
    #[must_use]
    pub fn new(network: &Network, origin: Node, from: Minute, until: Minute) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        let mut ready = from;
        while tables.len() < TABLES_MAX && (ready <= until || tables.is_empty()) {
            let table = Table::from_site(network, origin, ready);
            ready = table.valid_until().max(ready).after(1);
            tables.push(table);
        }
        Self { tables }
    }

    /// The table for parcels that are ready at a time; `None` before the first and after the last.
    #[must_use]
    pub fn at(&self, ready: Minute) -> Option<&Table> {
        let index = self
            .tables
            .partition_point(|table| table.valid_until() < ready);
        self.tables
            .get(index)
            .filter(|table| table.ready() <= ready)
    }

    /// All of them.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Up to this time of readiness there is a table.
    #[must_use]
    pub fn valid_until(&self) -> Option<Minute> {
        self.tables.last().map(Table::valid_until)
    }
}
