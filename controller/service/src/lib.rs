//! The controller service and the sortline command line.
