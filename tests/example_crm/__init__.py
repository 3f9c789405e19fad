"""A tiny CRM that does not exist, and its tap: every way of reading that tap-kit knows, against the simulator."""
