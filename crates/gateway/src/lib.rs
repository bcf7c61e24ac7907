//! The only door: routes, authenticates, limits and forwards requests.
