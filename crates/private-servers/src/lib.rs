//! Private PostgreSQL and Redis servers for development and tests.
