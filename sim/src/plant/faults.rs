//! Faults as named knobs with rates, each with a counter of how often it fired.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One table for all: kind, key, rows of the fault table it stands for, and what it does.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $kind:ident $key:ident $rows:literal;)+) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Fault {
            /// All kinds, in the order of their counters.
            pub const ALL: [Self; [$(Self::$kind),+].len()] = [$(Self::$kind),+];

            /// Name in reports, and key of its rate.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($key),)+
                }
            }

            /// Rows of the published fault table that it stands for.
            #[must_use]
            pub const fn rows(self) -> &'static str {
                match self {
                    $(Self::$kind => $rows,)+
                }
            }
        }

        /// How often each fault happens: events per million chances, 0 to 1,000,000. Absent: never.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields, default)]
        pub struct FaultRates {
            $($(#[doc = $doc])+ pub $key: u32,)+
        }

        impl FaultRates {
            /// The rate of one kind, per million.
            #[must_use]
            pub const fn of(&self, fault: Fault) -> u32 {
                match fault {
                    $(Fault::$kind => self.$key,)+
                }
            }

            /// The rate of one kind, to be set.
            pub const fn rate_mut(&mut self, fault: Fault) -> &mut u32 {
                match fault {
                    $(Fault::$kind => &mut self.$key,)+
                }
            }
        }
    };
}

faults! {
    /// A stroke without effect: the output is on, the diverter stays back. Per stroke.
    FailedDivert failed_divert "S9 M9";
    /// A diverter that needs up to three times as long to move out. Per stroke.
    DiverterSlow diverter_slow "S10";
    /// A parcel taken off the belt by hand. Per inducted parcel.
    Removed removed "S7";
    /// A parcel put on the belt by hand, where a photo-eye sees it before a diverter can take it.
    /// Per inducted parcel.
    Added added "S7";
    /// A parcel that slips by 50 to 250 mm in one tracking zone. Per passage of a photo-eye.
    ParcelSlip parcel_slip "S4 S7";
    /// A photo-eye on the belt does not see a parcel. Per passage.
    EyeMissed eye_missed "S7";
    /// Something that is no parcel blocks a photo-eye on the belt for 5 to 400 mm. Per passage.
    EyeGhost eye_ghost "S7";
    /// A photo-eye bounces at a parcel's leading edge. Per passage.
    EyeChatter eye_chatter "S6";
    /// A photo-eye stays blocked for 0.5 to 10 s. Per passage.
    EyeStuckOn eye_stuck_on "S5";
    /// A photo-eye stays clear for 0.5 to 10 s. Per passage.
    EyeStuckOff eye_stuck_off "S5";
    /// A chute's photo-eye does not see a parcel. Per parcel that enters a chute.
    ConfirmMissed confirm_missed "S9";
    /// Something that is no parcel blocks a chute's photo-eye for 50 to 500 ms. Per parcel that
    /// enters a chute.
    ConfirmGhost confirm_ghost "S9";
    /// A parcel stays at the chute's photo-eye for 3 to 40 s. Per parcel that enters a chute.
    ChuteJam chute_jam "S9";
    /// Nobody changes a full bag for 2 to 10 minutes. Per full bag.
    ChuteFull chute_full "S9";
    /// Two parcels 20 to 200 mm apart. Per new parcel.
    ShortGap short_gap "S8";
    /// Two parcels that touch. Per new parcel.
    Touching touching "S8 V5";
    /// The belt stops for 1 to 10 s and starts again. Per inducted parcel.
    BeltStop belt_stop "S4";
    /// The belt runs at 30 to 90 % of its speed for 1 to 20 s. Per inducted parcel.
    BeltSlow belt_slow "S4";
    /// The stop circuit is opened, and closed and reset by a person 2 to 30 s later. Per inducted
    /// parcel.
    Stop stop "F1";
    /// The encoder count stands still for 50 to 500 ms while the belt moves. Per inducted parcel.
    EncoderStall encoder_stall "S1";
    /// The encoder count jumps by up to 500 either way. Per inducted parcel.
    EncoderJump encoder_jump "S2 S4";
    /// The encoder counts up to 3 too many or too few some 10 times a second, for 1 to 10 s. Per
    /// inducted parcel.
    EncoderNoise encoder_noise "S2";
    /// The encoder count wraps while parcels are on the belt. Per run.
    EncoderRollover encoder_rollover "S3";
    /// A frame in which nothing can be read. Per frame.
    NoRead no_read "V5";
    /// A reading that comes 1 to 20 s late. Per frame.
    LateRead late_read "V9 V3";
    /// A frame that never arrives. Per frame.
    FrameLost frame_lost "V3";
    /// A frame that cannot be decoded. Per frame.
    FrameCorrupt frame_corrupt "V4";
    /// A reading that is delivered once more, up to 5 s later. Per frame.
    FrameTwice frame_twice "V3";
    /// A camera repeats its last image for 0.5 to 20 s. Per frame.
    CameraFrozen camera_frozen "V1";
    /// A camera delivers black or white images for 0.5 to 20 s. Per frame.
    CameraDark camera_dark "V2";
    /// The reading process is gone for 0.5 to 5 s, with all frames. Per frame.
    VisionDown vision_down "V8 V9";
    /// A second label of another shipment on the same parcel. Per new parcel.
    SecondLabel second_label "V5 V6";
    /// A label that says 10 kB of nonsense and control characters. Per new parcel.
    HostileLabel hostile_label "V7";
    /// The label of the parcel before once more. Per new parcel.
    SameLabel same_label "C4";
    /// A parcel that nobody announced. Per new parcel.
    Unlisted unlisted "C3";
    /// A parcel that customs or compliance holds. Per new parcel.
    Held held "C3";
    /// A look-up that is never answered. Per look-up.
    LookUpLost look_up_lost "C3";
    /// A look-up that takes 0.5 to 20 s. Per look-up.
    LookUpLate look_up_late "C3";
    /// The host answers no look-up for 1 to 60 s. Per look-up.
    HostDown host_down "C3";
    /// Another sort plan becomes active. Per inducted parcel.
    PlanSwap plan_swap "C2";
    /// A person or a machine controller disables a chute for 5 to 60 s. Per inducted parcel.
    ChuteDisabled chute_disabled "Q4 S9";
    /// A person keys the destination of a parcel in. Per inducted parcel.
    Keyed keyed "Q4";
    /// What a person commands is delivered twice. Per command.
    CommandTwice command_twice "Q4";
    /// Nothing passes between controller and field node for 1 ms to 30 s. Per inducted parcel.
    LinkDown link_down "M1 M3 M14";
    /// Writes take up to 200 ms more for 1 to 20 s. Per inducted parcel.
    LinkSlow link_slow "M15 P5";
    /// A command that does not arrive. Per command.
    WriteLost write_lost "M1 M10";
    /// A command that arrives, and whose answer does not. Per command.
    AnswerLost answer_lost "M6 M8 M10";
    /// A command that arrives 10 ms to 10 s after it was given up. Per command.
    WriteLate write_late "M11 Q3";
    /// A command with a flipped bit. Per command.
    WriteCorrupt write_corrupt "F4 M5";
    /// The heartbeat's counter stands for 0.1 to 1 s. Per inducted parcel.
    HeartbeatFrozen heartbeat_frozen "F2";
    /// Another master tries to take the field node. Per inducted parcel.
    SecondMaster second_master "M13";
    /// The field node is switched off and on; its count begins anew or goes on. Per inducted
    /// parcel.
    NodeRestart node_restart "M12 F3";
    /// The controller does nothing for 50 ms to 3 s. Per inducted parcel.
    ControllerStall controller_stall "P5 P8";
    /// The controller is killed and starts again from its journal 0.2 to 2 s later. Per inducted
    /// parcel.
    ControllerKill controller_kill "P1 P6 P10 C7";
}

/// Draws faults and counts those that fired. Every kind has random numbers of its own: a kind that
/// is switched off changes nothing about the others, so that a failing run can be shrunk.
#[derive(Clone, Debug)]
pub struct FaultDice {
    rates: FaultRates,
    rngs: [super::Rng; Fault::ALL.len()],
    /// The kind drawn last.
    last: usize,
    /// For what was never drawn.
    rest: super::Rng,
    fired: [u64; Fault::ALL.len()],
}

/// Streams of the kinds: beyond all others.
const STREAMS: u64 = 1_000;

impl FaultDice {
    /// Dice for these rates.
    #[must_use]
    pub fn new(rates: FaultRates, seed: u64) -> Self {
        let stream = |fault: Fault| STREAMS + u64::from(fault as u8);
        let rng = |fault| super::Rng::new(seed, stream(fault));
        Self {
            rates,
            rngs: Fault::ALL.map(rng),
            last: usize::MAX,
            rest: super::Rng::new(seed, STREAMS - 1),
            fired: [0; Fault::ALL.len()],
        }
    }

    /// Whether the fault is drawn now. The caller reports with [`FaultDice::fired`] that it took
    /// effect.
    pub fn drawn(&mut self, fault: Fault) -> bool {
        let rate = self.rates.of(fault);
        if rate == 0 {
            return false;
        }
        self.last = fault as usize;
        self.rng().chance(rate)
    }

    /// Draws, and counts it as fired.
    pub fn fires(&mut self, fault: Fault) -> bool {
        let drawn = self.drawn(fault);
        if drawn {
            self.fired(fault);
        }
        drawn
    }

    /// The fault took effect.
    pub fn fired(&mut self, fault: Fault) {
        if let Some(count) = self.fired.get_mut(fault as usize) {
            *count += 1;
        }
    }

    /// The random numbers that shape the fault drawn last.
    pub fn rng(&mut self) -> &mut super::Rng {
        self.rngs.get_mut(self.last).unwrap_or(&mut self.rest)
    }

    /// No fault is drawn from here on. Those that are under way run to their end.
    pub fn heal(&mut self) {
        self.rates = FaultRates::default();
    }

    /// How often each kind fired; kinds with a rate of 0 that never fired are left out.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counted = Fault::ALL.into_iter().zip(self.fired);
        counted
            .filter(|(f, n)| *n > 0 || self.rates.of(*f) > 0)
            .map(|(f, n)| (f.name(), n))
            .collect()
    }
}
