//! Folders of photographs, with what is known about each.
//!
//! The truth about `NAME.png` is in one of `NAME.json` (this program's own, see [`Label`]),
//! `NAME.txt` (the content of its symbol) or `NAME.bin` (the same in bytes). A picture in a folder in
//! which no picture has a truth shows no symbol, so that whatever is read from it is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use sortline_capture::{FILE_MAX, Frame, decode};

use super::score::{Expected, ExpectedSymbol, comparable};

/// Most folders below each other.
const DEPTH_MAX: usize = 8;

/// Endings of pictures.
const PICTURES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp"];

/// Truth about a picture, as `NAME.json` beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    /// Contents of the symbols in view, with their symbology.
    #[serde(default)]
    pub symbols: Vec<LabelSymbol>,
    /// Country of destination, ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: Option<String>,
    /// Postcode of destination.
    #[serde(default)]
    pub postcode: Option<String>,
    /// Whether all symbols in view are listed, so that any other text is a wrong read.
    #[serde(default)]
    pub complete: bool,
}

/// One symbol of a [`Label`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelSymbol {
    /// Symbology, such as `Code128`.
    pub format: String,
    /// Content.
    pub text: String,
}

/// A picture with what is known about it.
#[derive(Clone, Debug)]
struct Item {
    picture: PathBuf,
    /// The folder it lies in: groups of photographs are told apart by it.
    group: String,
    truth: Option<PathBuf>,
}

/// The pictures of a folder and the folders in it.
#[derive(Clone, Debug)]
pub struct Set {
    items: Vec<Item>,
    /// Folders of which at least one picture has a truth.
    labelled: BTreeMap<String, bool>,
}

impl Set {
    /// Lists a folder; no picture is loaded.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut items = Vec::new();
        walk(folder, DEPTH_MAX, &mut items)
            .with_context(|| format!("listing the pictures in {}", folder.display()))?;
        items.sort_by(|a, b| a.picture.cmp(&b.picture));
        let mut labelled = BTreeMap::new();
        for item in &items {
            *labelled.entry(item.group.clone()).or_default() |= item.truth.is_some();
        }
        Ok(Self { items, labelled })
    }

    /// Every second picture, from the first or from the second on.
    pub fn halves(self) -> [Self; 2] {
        let half = |odd: usize| Self {
            items: self.items.iter().skip(odd).step_by(2).cloned().collect(),
            labelled: self.labelled.clone(),
        };
        [half(0), half(1)]
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Loads picture `number` with its group and truth; `None` behind the last. A picture without
    /// truth in a folder with truths says nothing and is left out: `Ok(None)` in the tuple's place.
    ///
    /// # Errors
    /// Picture or truth cannot be read.
    pub fn load(&self, number: usize) -> anyhow::Result<Option<(String, Frame, Expected)>> {
        let Some(item) = self.items.get(number) else {
            return Ok(None);
        };
        let labelled = self.labelled.get(&item.group).copied().unwrap_or_default();
        if labelled && item.truth.is_none() {
            return Ok(None);
        }
        let what = || format!("reading {}", item.picture.display());
        let size = fs::metadata(&item.picture).with_context(what)?.len();
        anyhow::ensure!(
            size <= FILE_MAX,
            "{} is larger than {FILE_MAX} bytes",
            item.picture.display()
        );
        let bytes = fs::read(&item.picture).with_context(what)?;
        let pixels = decode(&bytes).with_context(what)?;
        let expected = match &item.truth {
            Some(path) => truth(path, &item.group)
                .with_context(|| format!("reading the truth {}", path.display()))?,
            None => Expected {
                complete: true,
                ..Expected::default()
            },
        };
        let frame = Frame::of(pixels, item.picture.display().to_string());
        Ok(Some((item.group.clone(), frame, expected)))
    }
}

fn walk(folder: &Path, depth: usize, items: &mut Vec<Item>) -> std::io::Result<()> {
    let group = folder.file_name().map(|n| n.to_string_lossy().into_owned());
    let group = group.unwrap_or_default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, items)?;
            }
            continue;
        }
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if !ending.is_some_and(|ending| PICTURES.contains(&ending.as_str())) {
            continue;
        }
        let truths = ["json", "txt", "bin"].map(|ending| path.with_extension(ending));
        let truth = truths.into_iter().find(|truth| truth.is_file());
        items.push(Item {
            picture: path,
            group: group.clone(),
            truth,
        });
    }
    Ok(())
}

fn truth(path: &Path, group: &str) -> anyhow::Result<Expected> {
    let bytes = fs::read(path)?;
    if path.extension().is_some_and(|ending| ending == "json") {
        let label: Label = serde_json::from_slice(&bytes)?;
        return Ok(label.expected());
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
    Ok(Expected {
        symbols: vec![ExpectedSymbol {
            format: group.to_owned(),
            text: comparable(&text),
            angle: None,
        }],
        destination: None,
        complete: false,
    })
}

impl Label {
    fn expected(self) -> Expected {
        let symbols = self.symbols.into_iter().map(|symbol| ExpectedSymbol {
            text: comparable(&symbol.text),
            format: symbol.format,
            angle: None,
        });
        Expected {
            symbols: symbols.collect(),
            destination: self.country.zip(self.postcode),
            complete: self.complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truths_are_found_beside_their_pictures() {
        let folder = std::env::temp_dir().join(format!("sortline-set-{}", std::process::id()));
        let (labelled, bare) = (folder.join("code128"), folder.join("nothing"));
        fs::create_dir_all(&labelled).unwrap();
        fs::create_dir_all(&bare).unwrap();
        let picture = b"P5 not read here";
        for path in [
            labelled.join("a.png"),
            labelled.join("b.PNG"),
            bare.join("c.jpg"),
        ] {
            fs::write(path, picture).unwrap();
        }
        fs::write(labelled.join("a.txt"), "RR473124829CN\n").unwrap();
        fs::write(labelled.join("note.md"), "no picture").unwrap();
        let set = Set::open(&folder).unwrap();
        assert_eq!(set.len(), 3);
        assert_eq!(set.labelled.get("code128"), Some(&true));
        assert_eq!(set.labelled.get("nothing"), Some(&false));
        let found = truth(&labelled.join("a.txt"), "code128").unwrap();
        assert_eq!(found.symbols[0].text, "RR473124829CN");
        assert!(!found.complete);
        // Without truth in a folder with truths: left out. Without any: loaded, and undecodable.
        assert!(set.load(1).unwrap().is_none());
        assert!(set.load(2).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn own_labels_say_what_they_list() {
        let text = r#"{"symbols":[{"format":"Code128","text":"(00)1"}],"country":"DE","postcode":"10115","complete":true}"#;
        let label: Label = serde_json::from_str(text).unwrap();
        let expected = label.expected();
        assert_eq!(expected.symbols[0].text, "001");
        assert_eq!(
            expected.destination,
            Some(("DE".to_owned(), "10115".to_owned()))
        );
        assert!(expected.complete);
        assert!(serde_json::from_str::<Label>(r#"{"symbol":1}"#).is_err());
    }
}
