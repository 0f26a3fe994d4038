//! Identifiers. Each is unique within one line.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name(pub $inner);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One physical parcel, from its first induction to its outcome, over all laps. Counts from 1 and
    /// is never reused within a journal.
    ParcelId(u64)
}
id! {
    /// A photo-eye: the input number at the field node. Of several nodes, node `n` has the inputs
    /// from `64 n` on.
    EyeId(u16)
}
id! {
    /// A diverter: one output of the field node. Two sides of one machine are two diverters that
    /// name each other as `opposite`. Of several nodes, node `n` has the outputs from `32 n` on.
    DiverterId(u16)
}
id! {
    /// A chute, as numbered in the building; 1 to 999.
    ChuteId(u16)
}
id! {
    /// A camera: the trigger output number at the field node.
    CameraId(u8)
}
id! {
    /// Number of one camera trigger, assigned by the core, carried by the frame. Never 0.
    TriggerId(u32)
}
id! {
    /// Number of one command to the field node; wraps, and 0 is never used.
    Seq(u16)
}
id! {
    /// One life of the field node: it changes at every restart, watchdog trip and stop of the
    /// field node; a command for another epoch is refused.
    Epoch(u16)
}
