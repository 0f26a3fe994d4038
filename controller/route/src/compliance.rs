//! Customs and compliance: what must not travel yet.
