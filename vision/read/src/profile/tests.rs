use super::code128::{CHARACTER, PATTERNS, STOP, STOP_MODULES, residue};
use super::*;
use proptest::prelude::*;

use crate::{Evidence, NoRead, Policy, fuse_frames};

/// How a profile is spoiled.
#[derive(Clone, Copy)]
struct State {
    /// Pixels to a module.
    pitch: f32,
    /// Gaussian blur, modules.
    blur: f32,
    /// Deviation of the noise, grey levels at a contrast of 160.
    noise: f32,
    /// Greatest deviation from even timing, modules.
    sag: f32,
    /// Change of the light from end to end, share.
    light: f32,
}

const CLEAN: State = State {
    pitch: 2.5,
    blur: 0.2,
    noise: 1.0,
    sag: 0.0,
    light: 0.0,
};

/// Set B for letters, with its check character.
fn words(text: &str) -> Vec<u8> {
    let mut words = vec![104];
    words.extend(text.bytes().map(|byte| byte - 32));
    words.push(residue(&words) as u8);
    words
}

fn modules(words: &[u8]) -> Vec<f32> {
    let bits = |pattern: u16, count: usize| {
        (0..count).map(move |at| f32::from((pattern >> (count - 1 - at)) & 1))
    };
    let mut all = vec![0.0; 12];
    for word in words {
        all.extend(bits(PATTERNS[usize::from(*word)], CHARACTER));
    }
    all.extend(bits(STOP, STOP_MODULES));
    all.extend([0.0; 12]);
    all
}

/// A profile with two samples to a pixel.
fn profile(words: &[u8], state: State) -> Vec<f32> {
    seeded(words, state, 1)
}

fn seeded(words: &[u8], state: State, mut seed: u64) -> Vec<f32> {
    let modules = modules(words);
    let count = modules.len() as f32;
    let samples = (count * state.pitch * 2.0) as usize;
    let mut random = || {
        // A sum of uniform numbers of a linear congruential generator.
        (0..12)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 40) as f32 / (1_u64 << 24) as f32
            })
            .sum::<f32>()
            - 6.0
    };
    (0..samples)
        .map(|at| {
            let place = at as f32 / samples as f32;
            let u = place * count + 4.0 * state.sag * place * (1.0 - place);
            let spread = state.blur.max(0.05);
            let ink: f32 = (-40..=40)
                .map(|i| {
                    let offset = i as f32 / 10.0 * spread;
                    let weight = (-0.5 * (i as f32 / 10.0).powi(2)).exp();
                    // The pixel's own width, by three points.
                    let width = 0.3 / state.pitch;
                    let value: f32 = [-width, 0.0, width]
                        .map(|d| {
                            let at = (u + offset + d).max(0.0) as usize;
                            modules.get(at).copied().unwrap_or(0.0)
                        })
                        .iter()
                        .sum();
                    weight * value / 3.0
                })
                .sum::<f32>()
                / 25.066;
            let light = 1.0 + state.light * (place - 0.5);
            light * (200.0 - 160.0 * ink) + state.noise * random()
        })
        .collect()
}

fn read(words: &[u8], state: State) -> Option<Decoded> {
    Likelihood::default().code128(&profile(words, state), 2.0)
}

#[test]
fn symbols_are_read_as_long_as_their_bars_say_anything() {
    let words = words("RR473124829CN");
    for (name, state) in [
        ("clean", CLEAN),
        (
            "one pixel per module",
            State {
                pitch: 1.0,
                blur: 0.3,
                ..CLEAN
            },
        ),
        (
            "large",
            State {
                pitch: 6.0,
                ..CLEAN
            },
        ),
        ("defocus", State { blur: 0.8, ..CLEAN }),
        (
            "noise",
            State {
                noise: 12.0,
                ..CLEAN
            },
        ),
        ("perspective", State { sag: 0.9, ..CLEAN }),
        ("perspective the other way", State { sag: -0.9, ..CLEAN }),
        (
            "light",
            State {
                light: 0.8,
                ..CLEAN
            },
        ),
        (
            "all",
            State {
                pitch: 1.5,
                blur: 0.5,
                noise: 6.0,
                sag: 0.5,
                light: 0.4,
            },
        ),
    ] {
        let found = read(&words, state);
        assert_eq!(
            found.as_ref().map(|found| found.text.as_str()),
            Some("RR473124829CN"),
            "{name}: {found:?}"
        );
    }
}

/// Samples of a symbol at the limit of what is readable, two hexadecimal digits each: RR386022202CN, out
/// of focus, dim and half in glare.
const LIMIT: &str = "\
    8e8e8f8f8f8f8f908f8f8f8f8f9090909090909090909090908f9090909091909191919090909090919191929292\
    91919192908c84796c615a5b616b7374716e717882888a857d7572777f888f939595959490897e71665f60687481\
    8c929595938c837a7576797a766d655f5e60666e767d7f7b736a65656c76828c9397989590887f7a7a7d7f7d756d\
    6663616469727c8486837f808587857d746d69676a6f77818788827a726d6b6b6c6c6e737b848d908e8c8d939ca4\
    aaababa8a2998e847f8087919da6adb0b1afaaa29a96979a9c99928b868383858a929aa0a09b938d898888888a8c\
    8f959ea5a8a6a3a3a5a8a8a29c98989ca4adb7bcbbb6afa69f9a98999b9fa5adb2b3b1afb1b7bec2c2beb7afa8a5\
    a6acb6bfc4c6c4c0bab6b8bec4c9cac6bfb7afaba9a9abaeb4babec0bfbdbdbfc1c1bcb6b1afaeaeaeb0b1b4b9bf\
    c4c4c0bbb6b2b1b1b3b8bec4c8c6c0bbb8b8bbc2cbd2d4d3cec6bfb9b6b5b5b7bac1c8cfd3d3d0cbc6c4c6c8c7c5\
    c4c5c8cdd3d7d8d8d7d3cdc6c2c4c9cfd5d8d8d9d9d5cdc4bab3b1b5bbc0c1bebcbcbfc1beb7afa8a4a1a1a4aab3\
    bfc9cfd3d4d2cdc4b8ada4a1a2a8b0b6b7b4b1b3bac2c7c7c3bbb3afb2bac1c4c3bcb2a79e9a9ba2acb8c1c7c9c8\
    c5bfb5a99e969498a2aeb7bec2c3c3beb6ab9e948c89888a8e969da3a5a39f9ea1a3a19b918b8a8e97a2acb4b8b8\
    b8b9b9b8b7b7b7b7b7b7b7b6b6b5b5b4b4b4b3b2b2b2b2b2b1b0afafafafafaeadadadadacacababaaababababa9\
    a8a7a8a8a7a6a7a7a6a5a4a4a4a4a4a3a2a2a2a2a1a1a1a1a1a1a1a09f9f9f9e9e9e9d9d9c9c9c9c9b9a9a9a9a9b\
    9a9897979797979797969595959696\
    ";

#[test]
fn what_nothing_vouches_for_must_be_plain() {
    // Three characters more fit the bars better, and their check character fits as well.
    let limit: Vec<f32> = (0..LIMIT.len() / 2)
        .map(|at| u8::from_str_radix(&LIMIT[2 * at..2 * at + 2], 16).unwrap())
        .map(f32::from)
        .collect();
    let text = |profile: &[f32]| {
        let found = Likelihood::default().code128(profile, 2.0);
        found.map(|found| found.text).unwrap_or_default()
    };
    assert_eq!(text(&limit), "RR386022202CN");
    let state = State { blur: 0.6, ..CLEAN };
    assert_eq!(text(&profile(&words("FGGQ6D1"), state)), "FGGQ6D1");
}

#[test]
fn ends_and_direction_are_told() {
    let words = words("RR473124829CN");
    let forward = profile(&words, CLEAN);
    let found = Likelihood::default().code128(&forward, 2.0).unwrap();
    assert!((found.ends[0] - 60.0).abs() < 4.0, "{found:?}");
    assert!((found.ends[1] - (forward.len() as f32 - 60.0)).abs() < 4.0);
    let backward: Vec<f32> = forward.iter().rev().copied().collect();
    let turned = Likelihood::default().code128(&backward, 2.0).unwrap();
    assert_eq!(turned.text, found.text);
    assert!(turned.ends[0] > turned.ends[1]);
}

#[test]
fn element_strings_are_marked() {
    let mut words = vec![105, 102, 0, 39, 50, 11, 1, 0, 0, 0, 0, 19];
    words.push(residue(&words) as u8);
    let found = read(&words, CLEAN).unwrap();
    assert_eq!(
        (found.text.as_str(), found.gs1),
        ("00395011010000000019", true)
    );
}

#[test]
fn a_wrong_check_character_is_refused() {
    let mut words = words("RR473124829CN");
    if let Some(check) = words.last_mut() {
        *check = (*check + 1) % 103;
    }
    assert_eq!(read(&words, CLEAN), None);
}

#[test]
fn views_that_say_nothing_alone_say_it_together() {
    let words = words("RR473124829CN");
    let state = State {
        noise: 32.0,
        blur: 0.4,
        ..CLEAN
    };
    let profiles: Vec<_> = (1..=8)
        .map(|seed| seeded(&words, state, seed * 77))
        .collect();
    let mut likelihood = Likelihood::default();
    let alone = profiles
        .iter()
        .filter(|one| likelihood.code128(one, 2.0).is_some());
    assert!(alone.count() < 4);
    let views: Vec<_> = profiles
        .iter()
        .map(|profile| View {
            profile,
            per_px: 2.0,
        })
        .collect();
    let found = likelihood.joined(&views).unwrap();
    assert_eq!(found.text, "RR473124829CN");
    assert!(found.views > 4, "{found:?}");
    assert_eq!(likelihood.joined(&views[..1]), None);
}

#[test]
fn views_of_different_symbols_are_not_mixed() {
    let (one, other) = (words("RR473124829CN"), words("LX100000008DE"));
    let state = State {
        noise: 40.0,
        ..CLEAN
    };
    let profiles: Vec<_> = (1..=6)
        .map(|seed| seeded(if seed % 2 == 0 { &one } else { &other }, state, seed * 77))
        .collect();
    let views: Vec<_> = profiles
        .iter()
        .map(|profile| View {
            profile,
            per_px: 2.0,
        })
        .collect();
    let found = Likelihood::default().joined(&views).map(|found| found.text);
    assert!(
        found
            .as_ref()
            .is_none_or(|text| ["RR473124829CN", "LX100000008DE"].contains(&text.as_str())),
        "{found:?}"
    );
}

#[test]
fn frames_of_a_parcel_are_joined_symbol_by_symbol() {
    let (one, other) = (words("RR473124829CN"), words("1Z5R89390357567127"));
    let state = State {
        noise: 32.0,
        blur: 0.4,
        ..CLEAN
    };
    let bars = |words: &[u8], seed| {
        let profile = seeded(words, state, seed);
        UnreadBars {
            length_px: profile.len() as f32 / 2.0,
            profile,
            per_px: 2.0,
            corners: [[0, 0]; 4],
        }
    };
    let frames: Vec<[UnreadBars; 2]> = (1..=6)
        .map(|seed| [bars(&one, seed * 77), bars(&other, seed * 91)])
        .collect();
    let frames: Vec<&[UnreadBars]> = frames.iter().map(<[_; 2]>::as_slice).collect();
    let mut likelihood = Likelihood::default();
    let mut texts: Vec<_> = likelihood
        .of_parcel(&frames)
        .into_iter()
        .map(|symbol| symbol.text)
        .collect();
    texts.sort();
    assert_eq!(texts, ["1Z5R89390357567127", "RR473124829CN"]);
    assert_eq!(likelihood.of_parcel(&frames[..1]), []);
    let evidence: Vec<Evidence> = frames
        .iter()
        .map(|unread| Evidence {
            unread: unread.to_vec(),
            ..Evidence::default()
        })
        .collect();
    let parcel = fuse_frames(&evidence, Policy::default());
    let mut kinds: Vec<_> = parcel.identifiers.iter().map(|found| found.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["s10", "ups_1z"]);
    assert_eq!(parcel.symbols.len(), 2);
    let alone = fuse_frames(&evidence[..1], Policy::default());
    assert_eq!(
        (alone.symbols.len(), alone.no_read),
        (0, Some(NoRead::NothingFound))
    );
    assert_eq!(likelihood.of_parcel(&[]), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_profile_is_survived(
        profile in prop::collection::vec(-1e6_f32..1e6, 0..600),
        per_px in 0.0_f32..20.0,
    ) {
        let _found: Option<Decoded> = Likelihood::default().code128(&profile, per_px);
    }

    #[test]
    fn any_views_and_ends_are_survived(
        profiles in prop::collection::vec(prop::collection::vec(-300.0_f32..300.0, 0..400), 0..4),
        ends in prop::array::uniform2(prop::num::f32::ANY),
    ) {
        let views: Vec<_> = profiles.iter().map(|profile| View { profile, per_px: 1.5 }).collect();
        prop_assert_eq!(Likelihood::default().joined(&views), None);
        for profile in &profiles {
            prop_assert_eq!(levelled_within(profile, ends).len(), profile.len());
        }
    }

    #[test]
    fn stripes_are_no_symbol(period in 3_usize..14, count in 8_usize..60) {
        let mut profile = vec![200.0; 60 + period * count];
        for bar in 0..count {
            profile[30 + bar * period..][..period / 2].fill(50.0);
        }
        prop_assert_eq!(Likelihood::default().code128(&profile, 1.0), None);
    }

    #[test]
    fn written_symbols_are_read_back(text in "[ -_]{2,20}", pitch in 1.2_f32..4.0) {
        let words = words(&text);
        let found = read(&words, State { pitch, blur: 0.35, ..CLEAN });
        prop_assert_eq!(found.map(|found| found.text), Some(text));
    }
}
