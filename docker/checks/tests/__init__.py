"""Every checker must find a planted fault."""
