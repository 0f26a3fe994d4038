//! Outcomes as an Apache Parquet file, for the tools that analysts use.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::journal::OutcomeRow;

/// Rows of one row group: some ten megabytes in memory.
const GROUP: usize = 100_000;

const SCHEMA: &str = "message outcomes {
    required int64 parcel (INTEGER(64, false));
    required int64 at (TIMESTAMP(MICROS, true));
    required binary outcome (UTF8);
    required binary chute (UTF8);
    required binary cause (UTF8);
}";

/// Writes outcomes to `out`.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(rows: &[OutcomeRow], out: &Path) -> anyhow::Result<()> {
    let file = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .build();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    for rows in rows.chunks(GROUP) {
        let mut group = writer.next_row_group()?;
        let parcels: Vec<i64> = rows.iter().map(|row| row.parcel.0.cast_signed()).collect();
        column::<Int64Type>(&mut group, &parcels)?;
        let times: Vec<i64> = rows.iter().map(|row| row.wall.as_microsecond()).collect();
        column::<Int64Type>(&mut group, &times)?;
        let mut texts = [Vec::new(), Vec::new(), Vec::new()];
        for row in rows {
            let (outcome, chute, cause) = super::words(row.outcome)?;
            for (texts, text) in texts.iter_mut().zip([outcome, &chute, &cause]) {
                texts.push(ByteArray::from(text));
            }
        }
        for texts in texts {
            column::<ByteArrayType>(&mut group, &texts)?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General(
            "the schema has no such column".to_owned(),
        ));
    };
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    use sortline_core::{ChuteId, Outcome, ParcelId, RejectCause};

    #[test]
    fn what_was_written_is_read_back() {
        let row = |parcel, outcome| OutcomeRow {
            parcel: ParcelId(parcel),
            wall: Timestamp::from_microsecond(1_795_000_000_123_456).unwrap(),
            outcome,
        };
        let sorted = row(7, Outcome::Sorted { chute: ChuteId(3) });
        let cause = RejectCause::Gap;
        let rejected = row(8, Outcome::Rejected { cause });
        let path = std::env::temp_dir().join(format!("outcomes-{}.parquet", std::process::id()));
        write(&[sorted, rejected], &path).unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap())
            .collect();
        std::fs::remove_file(path).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_ulong(0).unwrap(), 7);
        assert_eq!(
            rows[0].get_timestamp_micros(1).unwrap(),
            1_795_000_000_123_456
        );
        assert_eq!(rows[0].get_string(2).unwrap(), "sorted");
        assert_eq!(rows[0].get_string(3).unwrap(), "3");
        assert_eq!(rows[1].get_string(2).unwrap(), "rejected");
        assert_eq!(rows[1].get_string(4).unwrap(), "gap");
    }
}
