//! The register contract between controller and field node.
