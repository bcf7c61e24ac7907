//! Talks to 1C infobases, mirrors their data and builds reports from it.
