//! Watchdogs of devices: cleared, armed, verified, looked at and fed as their profile says.

use super::driver::DeviceFault;
use super::profile::{Step, Watchdog};
use crate::Statistics;
use crate::bus::{Bus, BusError};
use crate::pdu::{Reply, Request};

/// A device on its bus.
pub(super) struct Wire<'a> {
    pub(super) bus: &'a mut Bus,
    pub(super) unit: u8,
    pub(super) statistics: &'a mut Statistics,
}

impl Wire<'_> {
    pub(super) async fn call(&mut self, request: &Request) -> Result<Reply, BusError> {
        self.bus.call(self.unit, request, self.statistics).await
    }

    /// Writes each step in order.
    async fn write(&mut self, steps: &[Step]) -> Result<(), BusError> {
        for step in steps {
            let address = step.place.address;
            let request = if step.place.table.is_bits() {
                Request::WriteCoil {
                    address,
                    on: step.value != 0,
                }
            } else {
                Request::WriteRegisters {
                    address,
                    values: vec![step.value],
                }
            };
            self.call(&request).await?;
        }
        Ok(())
    }

    /// Whether a register or bit holds what the step says.
    async fn holds(&mut self, step: &Step) -> Result<bool, BusError> {
        let (table, address) = (step.place.table, step.place.address);
        let found = match self
            .call(&Request::Read {
                table,
                address,
                count: 1,
            })
            .await?
        {
            Reply::Words(words) => words.first().copied(),
            Reply::Bits(bits) => bits.first().copied().map(u16::from),
            Reply::Done => None,
        };
        Ok(found.is_some_and(|found| found & step.mask == step.value & step.mask))
    }

    async fn any_holds(&mut self, steps: &[Step]) -> Result<bool, BusError> {
        for step in steps {
            if self.holds(step).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Watchdog {
    /// Clears it if it has tripped, arms it, and verifies that it is armed.
    pub(super) async fn take(&self, wire: &mut Wire<'_>) -> Result<(), DeviceFault> {
        if wire.any_holds(&self.tripped).await? {
            wire.write(&self.clear).await?;
        }
        wire.write(&self.arm).await?;
        for step in &self.verify {
            if !wire.holds(step).await? {
                return Err(DeviceFault::Watchdog);
            }
        }
        Ok(())
    }

    /// Whether it has tripped.
    pub(super) async fn has_tripped(&self, wire: &mut Wire<'_>) -> Result<bool, BusError> {
        wire.any_holds(&self.tripped).await
    }

    /// The sign of life of a watchdog that has a register for it.
    pub(super) async fn feed(&self, wire: &mut Wire<'_>, count: u16) -> Result<(), BusError> {
        if let Some(address) = self.feed {
            wire.call(&Request::WriteRegisters {
                address,
                values: vec![count],
            })
            .await?;
        }
        Ok(())
    }
}
