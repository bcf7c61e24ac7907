//! Where profiles come from: those that are built in, and a folder of the customer's.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Profile;

/// The built-in files.
const FILES: [&str; 4] = [
    include_str!("../../profiles/accounting-3.0.toml"),
    include_str!("../../profiles/trade-11.toml"),
    include_str!("../../profiles/small-firm-3.0.toml"),
    include_str!("../../profiles/commerceml.toml"),
];

/// The profiles of a service. They are read once and stay for as long as the process lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profiles(&'static [Profile]);

/// A file that is not a profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The folder or a file in it cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// Not TOML, or not the TOML of a profile.
    #[error("{file}: {error}")]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the line where there is one.
        error: String,
    },
}

impl Profiles {
    /// The built-in profiles and, before them, those of a folder.
    ///
    /// A file with the id of a built-in profile takes its place. A file with `extends` is laid over
    /// the built-in profile of that id: tables are merged, other values replaced.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, FileError> {
        let mut profiles = folder.map(read_folder).transpose()?.unwrap_or_default();
        let replaced: HashSet<String> = profiles.iter().map(|profile| profile.id.clone()).collect();
        // A file that does not parse is left out; a test checks that all do.
        let built_in = FILES.iter().filter_map(|file| read(file).ok());
        profiles.extend(built_in.filter(|profile| !replaced.contains(&profile.id)));
        Ok(Self(Box::leak(profiles.into_boxed_slice())))
    }

    /// Sets, and types of tabular parts, that any profile names.
    pub(crate) fn wanted_sets(self) -> HashSet<String> {
        self.0.iter().flat_map(Profile::sets).collect()
    }

    /// The profile of an infobase, by what it publishes: of those that fit, the one that asks for
    /// most, because configurations share sets.
    pub(crate) fn choose(self, has_set: impl Fn(&str) -> bool) -> Option<&'static Profile> {
        let fits = |profile: &&Profile| profile.required.iter().all(|set| has_set(set));
        // The first of equals: the customer's come before the built-in ones.
        self.0
            .iter()
            .filter(fits)
            .rev()
            .max_by_key(|profile| profile.required.len())
    }

    /// The profile with that id.
    pub(crate) fn by_id(self, id: &str) -> Option<&'static Profile> {
        self.0.iter().find(|profile| profile.id == id)
    }

    /// The entity of that name, or whose entity set has it: of a profile, or of any.
    pub(crate) fn entity(self, profile: Option<&str>, name: &str) -> Option<String> {
        self.0
            .iter()
            .filter(|known| profile.is_none_or(|id| known.id == id))
            .find_map(|known| known.entity(name))
    }
}

fn read_folder(folder: &Path) -> Result<Vec<Profile>, FileError> {
    let unreadable = |error| FileError::Unreadable(folder.to_owned(), error);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let profile = |path: PathBuf| {
        let text =
            std::fs::read_to_string(&path).map_err(|error| FileError::Unreadable(path.clone(), error))?;
        read(&text).map_err(|error| FileError::Invalid { file: path, error })
    };
    paths.into_iter().map(profile).collect()
}

fn read(text: &str) -> Result<Profile, String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    if let Some(base) = table.remove("extends") {
        let base = base.as_str().ok_or("`extends` is not a string")?;
        let base: Table = FILES
            .iter()
            .filter_map(|file| file.parse::<Table>().ok())
            .find(|file| file.get("id").and_then(Value::as_str) == Some(base))
            .ok_or_else(|| format!("`extends`: there is no built-in profile `{base}`"))?;
        table = merge(base, table);
    }
    let profile: Profile = table
        .try_into()
        .map_err(|error: toml::de::Error| error.to_string())?;
    check(&profile)?;
    Ok(profile)
}

fn merge(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        let merged = match (base.remove(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => Value::Table(merge(below, above)),
            (_, value) => value,
        };
        base.insert(key, merged);
    }
    base
}

/// What the types cannot say.
fn check(profile: &Profile) -> Result<(), String> {
    if profile.id.is_empty() || profile.required.is_empty() {
        return Err("`id` and `required` must not be empty".to_owned());
    }
    let mut numbers = HashSet::new();
    for (name, register) in &profile.registers {
        let accounts = std::iter::once(&register.account).chain(&register.other);
        for account in accounts {
            if !profile.accounts.contains_key(account) {
                return Err(format!(
                    "registers.{name}: the account `{account}` is not among [accounts]"
                ));
            }
        }
        if register.number < 1 || !numbers.insert(register.number) {
            return Err(format!(
                "registers.{name}: `number` must be 1 or more and differ from that of other registers"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_profile() {
        for file in FILES {
            read(file).unwrap();
        }
        let profiles = Profiles::load(None).unwrap();
        for id in ["accounting-3.0", "trade-11", "small-firm-3.0"] {
            assert!(profiles.by_id(id).is_some(), "{id}");
        }
        assert_eq!(profiles.0.len(), FILES.len());
    }

    #[test]
    fn a_customers_file_is_laid_over_a_built_in_one() {
        let profile = read(
            "extends = \"accounting-3.0\"\nid = \"ours\"\n[catalogs.managers]\nset = \"Catalog_Менеджеры\"\n\
             [chart]\nreceivables = [\"62\", \"76.05\"]\n",
        )
        .unwrap();
        assert_eq!(profile.id, "ours");
        assert_eq!(profile.catalog_set("managers"), Some("Catalog_Менеджеры"));
        assert_eq!(profile.catalog_set("items"), Some("Catalog_Номенклатура"));
        assert_eq!(profile.chart.receivables, ["62", "76.05"]);
        assert_eq!(profile.chart.payables, ["60"]);
    }

    #[test]
    fn a_folder_comes_before_what_is_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        file(
            "a.toml",
            "extends = \"trade-11\"\nid = \"trade-11\"\ntitle = \"Наша торговля\"\n",
        );
        file("notes.txt", "not a profile");
        let profiles = Profiles::load(Some(folder.path())).unwrap().0;
        let ids: Vec<&str> = profiles.iter().map(|profile| profile.id.as_str()).collect();
        assert_eq!(
            ids,
            ["trade-11", "accounting-3.0", "small-firm-3.0", "commerceml"]
        );
        assert_eq!(profiles[0].title, "Наша торговля");
    }

    #[test]
    fn mistakes_name_the_file_and_the_place() {
        let folder = tempfile::tempdir().unwrap();
        for (text, told) in [
            ("id = 5", "id"),
            (
                "extends = \"none\"\nid = \"x\"",
                "there is no built-in profile `none`",
            ),
            (
                "id = \"x\"\ntitle = \"x\"\nrequired = [\"A\"]\nspeling = 1",
                "speling",
            ),
            (
                "id = \"x\"\ntitle = \"x\"\nrequired = [\"A\"]\n[registers.a]\nnumber = 1\nset = \"R\"\n\
                 account = \"stock\"\nreceipt = \"debit\"\nfields = {}",
                "`stock` is not among [accounts]",
            ),
        ] {
            std::fs::write(folder.path().join("x.toml"), text).unwrap();
            let error = Profiles::load(Some(folder.path())).unwrap_err().to_string();
            assert!(error.contains("x.toml") && error.contains(told), "{error}");
        }
        assert!(Profiles::load(Some(&folder.path().join("absent"))).is_err());
    }
}
