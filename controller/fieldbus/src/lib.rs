//! Modbus sessions that survive real devices; register map to core events.
