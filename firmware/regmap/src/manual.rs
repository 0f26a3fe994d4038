//! The manual page, written from the list of registers.

use core::fmt;

use crate::registers::{Access, REGISTERS};
use crate::{BLOCKS, Block, VERSION_CURRENT, VERSION_MIN};

/// Writes the manual page, in Markdown.
///
/// # Errors
/// Only those of `out`.
pub fn write_manual(out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "# Registers of the field node\n")?;
    writeln!(out, "Generated from `firmware/regmap`; do not edit.")?;
    writeln!(
        out,
        "Contract version {VERSION_CURRENT}; controllers from version {VERSION_MIN} on are served.\n"
    )?;
    out.write_str(INTRODUCTION)?;
    out.write_str("| block | address | reference | registers | access |\n|---|---|---|---|---|\n")?;
    for block in BLOCKS {
        let access =
            if block.name == "CONTROL" || block.name == "HEARTBEAT" || block.name == "COMMAND" {
                "read, write"
            } else {
                "read"
            };
        let (start, words) = (block.start, block.words);
        writeln!(
            out,
            "| {} | {start} | {} | {words} | {access} |",
            block.name,
            Reference(start)
        )?;
    }
    for block in BLOCKS {
        write_block(out, block)?;
    }
    out.write_str(RULES)
}

fn write_block(out: &mut impl fmt::Write, block: Block) -> fmt::Result {
    writeln!(out, "\n## {}\n", block.name)?;
    out.write_str(match block.name {
        "ACK" => "128 slots of 4 registers; the answer to command `seq` is in slot `seq % 128`. Slot 0:\n\n",
        "EVENTS" => "256 slots of 8 registers; event `n` is in slot `n % 256`, at address `2000 + 8 × (n % 256)`. Slot 0:\n\n",
        _ => "",
    })?;
    out.write_str("| address | reference | name | registers | access | unit | meaning |\n")?;
    out.write_str("|---|---|---|---|---|---|---|\n")?;
    for register in REGISTERS.iter().filter(|register| register.block == block) {
        let address = block.start.saturating_add(register.offset);
        let access = match register.access {
            Access::Read => "r",
            Access::ReadWrite => "rw",
        };
        let (words, unit) = (register.words, register.unit);
        write!(
            out,
            "| {address} | {} | {} ",
            Reference(address),
            register.name
        )?;
        writeln!(
            out,
            "| {words} | {access} | {unit} | {} |",
            register.meaning
        )?;
    }
    Ok(())
}

/// The 1-based notation of a holding register: `4xxxxx`.
struct Reference(u16);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", u32::from(self.0).saturating_add(400_001))
    }
}

const INTRODUCTION: &str = "\
All values are 16-bit holding registers, read with function code 3 (4 gives the same), written with
6 or 16, and written and read in one request with 23 (the write comes first).
Every bit of a register is a coil and a discrete input as well: bit *b* (0 is the lowest) of register
*r* has the address 16 *r* + *b*. Function codes 1 and 2 read up to 2000 of them, 5 and 15 write them
where the register may be written.
*Address* is the 0-based number on the wire; *reference* is the 1-based notation `4xxxxx` of many
tools and drawings: reference = 400001 + address.
32-bit values take two registers, high word first; sets of 64 bits take four, highest bits first.
Over Modbus TCP the unit id is not checked; over Modbus RTU it is the node's own, 1 by default, and
broadcasts (unit 0) are ignored.
A read may ask for at most 125 registers and must lie within blocks that exist; a write must lie
within one writable block.
Otherwise the node answers exception 2 (address) or 3 (value), and nothing has changed.

With mbpoll, the encoder count and node time (address 32, reference 400033), ten times a second:

```
mbpoll -m tcp -p 5020 -t 4:int -B -0 -r 32 -c 2 -l 100 127.0.0.1
```

With pymodbus, the state that a controller polls, in one read:

```python
from pymodbus.client import ModbusTcpClient
node = ModbusTcpClient(\"127.0.0.1\", port=5020)
node.connect()
words = node.read_holding_registers(16, count=44).registers
ticks = words[16] << 16 | words[17]
```

";

const RULES: &str = "
## State bits (`HEALTH.flags`)

| bit | meaning |
|---|---|
| 0 | armed: accepts commands |
| 1 | stop circuit open |
| 2 | stop latched: waits for a reset |
| 3 | watchdog tripped since last armed |
| 4 | a photo-eye is latched as jammed |
| 5 | outputs read back differ from outputs wanted |

## Refusals

| code | refusal | meaning |
|---|---|---|
| 1 | late | the count has passed, or is nearer than `lead_ticks_min`; of a jog: the belt has moved |
| 2 | too far | further ahead than `ahead_ticks_max` |
| 3 | unknown | no such diverter, camera or stroke |
| 4 | overlap | overlaps a stroke of the same diverter, or its seq is in use |
| 5 | opposite | the opposite diverter would be out at the same time |
| 6 | too long | hold of 0, or longer than the limits; a jog of 0 ms, or of more than 500 ms |
| 7 | queue full | no room |
| 8 | stopped | stopped, not armed, or emptied for safety |
| 9 | stale epoch | for another epoch |
| 10 | checksum | damaged; told only in `LEASE.last_result`, never in `ACK` |

## Kinds of event

| code | kind | device | detail | value |
|---|---|---|---|---|
| 1 | photo-eye blocked | photo-eye | | |
| 2 | photo-eye clear | photo-eye | | |
| 3 | camera triggered | camera | | trigger number |
| 4 | stop circuit opened | | | |
| 5 | stop circuit closed | | | |
| 6 | stroke fired: output on | diverter | | seq of the command |
| 7 | stroke done: output off | diverter | | seq of the command |
| 8 | dropped after acceptance | diverter or camera | refusal | seq of the command |
| 9 | withdrawn before it fired | diverter | | seq of the stroke |
| 10 | jam latched | photo-eye | | |
| 11 | jam reset | photo-eye | | |
| 12 | new epoch | | 0 controller, 1 watchdog, 2 stop | epoch |

## How a controller works with the node

1. Read `IDENT`; go on only with the magic and a version that it knows.
2. Write `CONTROL` with its own owner number, a watchdog time and request 1. Read `LEASE` back: owner, watchdog time, and control result 1.
3. Write `HEARTBEAT` with a counter that advances, at least three times within the watchdog time. If the counter does not advance in time, all outputs go off, the queues are emptied, the epoch changes, and the node must be armed anew.
4. Read `HEALTH` to `RINGS` (44 registers from address 16) at every poll, then the events from its own cursor up to `RINGS.next`, at most 15 in one read and not over the end of the ring. If the cursor is older than `next - held`, events were lost.
5. Write `COMMAND` in one request and read the answer in `ACK`. After a write without a clean reply, read `ACK` first: the same command under the same seq is answered the same way and never done twice.
6. After a stop: when the circuit is closed again and a person has released the line, request 3, then arm again.

A jog (kind 4, from version 3) moves one diverter by hand while the belt stands: `at` is the count at which it stands, `hold` is 0, `hold_ms_max` at most 500.
The output goes on at once; it goes off after that time, or with the first count of the belt, in either direction.
Another jog of the same diverter before the end takes over without a gap: who holds a button sends them one after the other, and letting go ends it.
Together they are one hold, no longer than `LIMITS.hold_ms_max`; what would go beyond is refused as too long.
Its events are those of a stroke.

Another controller cannot arm the node while the heartbeat of its owner advances.
A diverter output goes off at the end of its hold in ticks, after `hold_ms_max` of the command, or after `LIMITS.hold_ms_max`, whichever comes first.
";
