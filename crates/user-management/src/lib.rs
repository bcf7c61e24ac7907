//! Who a person is and what they may do: login, tokens, roles.
