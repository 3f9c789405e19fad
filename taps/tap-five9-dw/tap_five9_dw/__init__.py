"""Singer tap for Five9."""
