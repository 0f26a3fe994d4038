//! The field node's logic behind Modbus TCP.
