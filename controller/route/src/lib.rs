//! Shipment routes by graph search: pure.
