//! A demo 1C server: a trading company behind the real OData protocol.
