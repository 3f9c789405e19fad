"""Singer tap for Arrivy."""
