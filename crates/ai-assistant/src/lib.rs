//! Answers questions from 1C data, generates texts, talks to language models.
mod builtin;
