//! Records from CSV files: one file per object, named after it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{ApiError, Org, org::Operation};

/// Why a file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read, or is no CSV.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What reading said.
        source: csv::Error,
    },
    /// The org refused the header (line 1) or a row.
    #[error("{}, line {line}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// What the org said.
        source: ApiError,
    },
}

/// Inserts the rows of a file such as `Account.csv` as the integration user, by the rules of a
/// Bulk insert (`#N/A` is null, `Account.External_Id__c` names a parent). Answers their number.
///
/// # Errors
/// The first row that the org refuses ends the load.
pub fn load(org: &mut Org, path: &Path) -> Result<usize, LoadError> {
    let file = File::open(path)
        .map_err(|error| LoadError::Unreadable { path: path.to_owned(), source: error.into() })?;
    read(org, path, file)
}

/// Like [`load`], from text that is at hand; `path` only names the object and what errors speak of.
///
/// # Errors
/// As [`load`].
pub fn read(org: &mut Org, path: &Path, text: impl Read) -> Result<usize, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let refused = |line, source| LoadError::Refused { path: path.to_owned(), line, source };
    let object = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header = reader.headers().map_err(unreadable)?.clone();
    let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let user = org.integration_user();
    let plan = org
        .plan_ingest(user, object, (Operation::Insert, None), &names)
        .map_err(|error| refused(1, error))?;
    let mut count = 0;
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<&str> = record.iter().collect();
        org.ingest(user, &plan, &cells).map_err(|failure| refused(line, failure.error))?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::schema::Schema;

    #[test]
    fn a_file_is_loaded_until_its_first_refused_row() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let mut org = Org::new(Schema::sample(), Arc::new(move || now));
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let accounts =
            file("Account.csv", "\u{feff}Name,External_Id__c\nAcme,A1\n\"Bräu, GmbH\",A2\n");
        let contacts =
            file("Contact.csv", "LastName,Account.External_Id__c\nLovelace,A1\nNobody,A9\n");

        assert_eq!(load(&mut org, &accounts).unwrap(), 2);
        let error = load(&mut org, &contacts).unwrap_err();

        assert!(matches!(error, LoadError::Refused { line: 3, .. }), "{error}");
        assert_eq!(org.record_count("Contact"), Some(1));
        assert!(load(&mut org, &folder.path().join("Lead.csv")).is_err());
    }
}
